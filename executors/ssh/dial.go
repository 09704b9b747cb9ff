package ssh

import (
	"context"
	"net"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// dialer opens a connection, directly or through a jump host.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// handshake connects and logs in. The library limits the time of the dial only,
// so the connection is closed when the context ends.
func handshake(ctx context.Context, t *target, dial dialer) (*ssh.Client, error) {
	if len(t.knownHosts) == 0 {
		return nil, unknownHost(t.address, "there is no known_hosts file")
	}
	for _, path := range t.knownHosts {
		if err := t.trusted(policy.Trusted{Setting: "known_hosts", Path: path}); err != nil {
			return nil, err
		}
	}
	known, err := knownhosts.NewDB(t.knownHosts...)
	if err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "reading the known_hosts file: %w", err).WithField("known_hosts")
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
			return checkHostKey(address, key, known.HostKeyCallback()(address, remote, key))
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

// checkHostKey checks a host key. No option skips this check.
func checkHostKey(address string, key ssh.PublicKey, err error) error {
	switch {
	case err == nil:
		return nil
	case knownhosts.IsHostKeyChanged(err):
		return executors.Errorf(executors.AuthenticationError,
			"the key of %s has changed (now %s): the host has a new key, or the connection is intercepted", address, ssh.FingerprintSHA256(key)).
			WithField("host").WithHint("ask the operator to verify the new key and to replace the old one in known_hosts")
	case knownhosts.IsHostUnknown(err):
		return unknownHost(address, "its key is "+ssh.FingerprintSHA256(key))
	}
	return executors.Errorf(executors.AuthenticationError, "the key of %s was refused: %w", address, err).WithField("host")
}

func unknownHost(address, detail string) error {
	return executors.Errorf(executors.AuthenticationError, "the host %s is not known: %s", address, detail).
		WithField("host").WithHint("ask the operator to verify its key (ssh-keyscan prints it) and to add it to known_hosts")
}
