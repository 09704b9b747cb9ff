package ssh

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// credentials are how a user shows who he is.
type credentials struct {
	password string
	signer   ssh.Signer // from a key file
	agent    string     // the agent's socket, where there is neither
	// fingerprint tells credentials apart without holding them.
	fingerprint string
}

const maxKeyFile = 64 << 10

func callersCredentials(pol *policy.Policy, in Input) (credentials, error) {
	c := credentials{password: in.Password}
	if in.KeyFile != "" {
		file, info, err := pol.OpenRead(in.KeyFile)
		if err != nil {
			return c, about("key_file", err)
		}
		defer file.Close()
		if err := c.readKey(file, info, in.KeyFile, in.KeyPassphrase); err != nil {
			return c, err
		}
	}
	return c.complete()
}

func connectionCredentials(pol *policy.Policy, name string, connection policy.Connection) (credentials, error) {
	password, err := pol.Password(name)
	if err != nil {
		return credentials{}, err
	}
	c := credentials{password: password}
	if connection.KeyFile != "" {
		passphrase, err := pol.Passphrase(name)
		if err != nil {
			return c, err
		}
		file, err := os.Open(connection.KeyFile)
		if err != nil {
			return c, fmt.Errorf("the key of the connection %s: %w", name, err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return c, fmt.Errorf("the key of the connection %s: %w", name, err)
		}
		if err := c.readKey(file, info, connection.KeyFile, passphrase); err != nil {
			return c, err
		}
	}
	return c.complete()
}

// readKey reads a private key, which nobody but its owner may read.
func (c *credentials) readKey(file io.Reader, info fs.FileInfo, path, passphrase string) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return executors.Errorf(executors.PermissionDenied, "the key file %s is open to other users of the machine: its mode is %04o", path, mode).
			WithField("key_file").WithHint("chmod 600 " + path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return fmt.Errorf("read the key file %s: %w", path, err)
	}
	if len(text) > maxKeyFile {
		return invalid("key_file", "%s is too long for a private key", path)
	}
	c.signer, err = parseKey(text, passphrase)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return executors.Errorf(executors.AuthenticationError, "the key file %s is encrypted", path).
			WithField("key_passphrase").WithHint("give key_passphrase, or passphrase_env for a connection")
	case errors.Is(err, x509.IncorrectPasswordError):
		return executors.Errorf(executors.AuthenticationError, "the passphrase does not fit the key file %s", path).WithField("key_passphrase")
	case err != nil:
		return invalid("key_file", "%s is no private key", path)
	}
	return nil
}

func parseKey(text []byte, passphrase string) (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) && passphrase != "" {
		return ssh.ParsePrivateKeyWithPassphrase(text, []byte(passphrase))
	}
	return signer, err
}

// complete turns to the agent where nothing else was given.
func (c credentials) complete() (credentials, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%d:%s", len(c.password), c.password)
	switch {
	case c.signer != nil:
		sum.Write(c.signer.PublicKey().Marshal())
	case c.password == "":
		if c.agent = os.Getenv("SSH_AUTH_SOCK"); c.agent == "" {
			return c, executors.Errorf(executors.AuthenticationError, "there is no key, no password and no SSH agent to log in with").
				WithHint("give key_file or password, or name a connection that the operator has configured")
		}
		fmt.Fprint(sum, c.agent)
	}
	c.fingerprint = hex.EncodeToString(sum.Sum(nil))
	return c, nil
}

// methods are the ways to log in. The closer ends what they opened.
func (c *credentials) methods() ([]ssh.AuthMethod, func(), error) {
	var methods []ssh.AuthMethod
	if c.signer != nil {
		methods = append(methods, ssh.PublicKeys(c.signer))
	}
	if c.password != "" {
		methods = append(methods, ssh.Password(c.password), ssh.KeyboardInteractive(c.answer))
	}
	if c.agent == "" {
		return methods, func() {}, nil
	}
	conn, err := net.Dial("unix", c.agent)
	if err != nil {
		return nil, nil, executors.Errorf(executors.AuthenticationError, "the SSH agent does not answer: %w", err)
	}
	return append(methods, ssh.PublicKeysCallback(agent.NewClient(conn).Signers)), func() { _ = conn.Close() }, nil
}

// answer gives the password to the one question that is not to be seen, which
// is how many servers ask for it.
func (c *credentials) answer(_, _ string, questions []string, echos []bool) ([]string, error) {
	switch {
	case len(questions) == 0:
		return nil, nil
	case len(questions) == 1 && !echos[0]:
		return []string{c.password}, nil
	}
	return nil, errors.New("the host asks for more than a password")
}

// systemKnownHosts are the files that ssh itself looks into, as far as they
// are there.
func systemKnownHosts() []string {
	paths := []string{"/etc/ssh/ssh_known_hosts"}
	if home, err := os.UserHomeDir(); err == nil {
		paths = append([]string{filepath.Join(home, ".ssh", "known_hosts")}, paths...)
	}
	var there []string
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			there = append(there, path)
		}
	}
	return there
}
