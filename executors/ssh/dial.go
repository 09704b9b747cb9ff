package ssh

import (
	"context"
	"net"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"github.com/chainwright/chainwright/executors"
)

// dialer opens a connection: the machine's own, or a jump host's.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// handshake connects and logs in. The library bounds the dial alone, so the
// connection is closed under it when the context ends.
func handshake(ctx context.Context, t *target, dial dialer) (*ssh.Client, error) {
	if len(t.knownHosts) == 0 {
		return nil, unknownHost(t.address, "there is no known_hosts file")
	}
	known, err := knownhosts.NewDB(t.knownHosts...)
	if err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "the file with known hosts: %w", err).WithField("known_hosts")
	}
	methods, done, err := t.methods()
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := dial(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	channel, news, requests, err := ssh.NewClientConn(conn, t.address, &ssh.ClientConfig{
		User: t.user, Auth: methods,
		HostKeyAlgorithms: known.HostKeyAlgorithms(t.address),
		HostKeyCallback: func(address string, remote net.Addr, key ssh.PublicKey) error {
			return judge(address, key, known.HostKeyCallback()(address, remote, key))
		},
	})
	if !stop() && err == nil {
		err = ctx.Err()
		_ = channel.Close()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return ssh.NewClient(channel, news, requests), nil
}

// judge says what is wrong with a host's key. There is no way around it.
func judge(address string, key ssh.PublicKey, err error) error {
	switch {
	case err == nil:
		return nil
	case knownhosts.IsHostKeyChanged(err):
		return executors.Errorf(executors.AuthenticationError,
			"the key of %s is not the one that is known: it was changed, or somebody is in between (now %s)", address, ssh.FingerprintSHA256(key)).
			WithField("host").WithHint("only the operator can say whether the new key is right, and replace the old one in known_hosts")
	case knownhosts.IsHostUnknown(err):
		return unknownHost(address, "its key is "+ssh.FingerprintSHA256(key))
	}
	return executors.Errorf(executors.AuthenticationError, "the key of %s was refused: %w", address, err).WithField("host")
}

func unknownHost(address, detail string) error {
	return executors.Errorf(executors.AuthenticationError, "the host %s is not known: %s", address, detail).
		WithField("host").WithHint("the operator adds it to known_hosts once he has checked its key: ssh-keyscan shows it")
}
