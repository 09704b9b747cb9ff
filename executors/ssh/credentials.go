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

// credentials authenticate a user.
type credentials struct {
	password string
	signer   ssh.Signer // from a key file
	agent    string     // the agent's socket; "": a key or a password is set
	// fingerprint identifies the credentials without containing them.
	fingerprint string
}

const maxKeyFile = 64 << 10

func callersCredentials(pol *policy.Policy, in Input) (credentials, error) {
	c := credentials{password: in.Password}
	if in.KeyFile != "" {
		file, info, err := pol.OpenKey(in.KeyFile)
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
		file, err := pol.OpenTrusted(policy.Trusted{Setting: "policy.connections." + name + ".key_file", Path: connection.KeyFile})
		if err != nil {
			return c, fmt.Errorf("reading the key of the connection %s: %w", name, err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return c, fmt.Errorf("reading the key of the connection %s: %w", name, err)
		}
		if err := c.readKey(file, info, connection.KeyFile, passphrase); err != nil {
			return c, err
		}
	}
	return c.complete()
}

// readKey reads a private key. It fails if other users can read the file.
func (c *credentials) readKey(file io.Reader, info fs.FileInfo, path, passphrase string) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return executors.Errorf(executors.PermissionDenied, "other users of this machine can read the key file %s: its mode is %04o", path, mode).
			WithField("key_file").WithHint("chmod 600 " + path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return fmt.Errorf("reading the key file %s: %w", path, err)
	}
	if len(text) > maxKeyFile {
		return invalid("key_file", "%s is too long for a private key", path)
	}
	c.signer, err = parseKey(text, passphrase)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return executors.Errorf(executors.AuthenticationError, "the key file %s is encrypted", path).
			WithField("key_passphrase").WithHint("set key_passphrase, or passphrase_env of the connection")
	case errors.Is(err, x509.IncorrectPasswordError):
		return executors.Errorf(executors.AuthenticationError, "wrong passphrase for the key file %s", path).WithField("key_passphrase")
	case err != nil:
		return invalid("key_file", "%s is not a private key", path)
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

// complete selects the SSH agent if there is neither a key nor a password, and
// sets the fingerprint.
func (c credentials) complete() (credentials, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%d:%s", len(c.password), c.password)
	switch {
	case c.signer != nil:
		sum.Write(c.signer.PublicKey().Marshal())
	case c.password == "":
		if c.agent = os.Getenv("SSH_AUTH_SOCK"); c.agent == "" {
			return c, executors.Errorf(executors.AuthenticationError, "no key, no password and no SSH agent to log in with").
				WithHint("set key_file or password, or use a connection of the operator as host")
		}
		fmt.Fprint(sum, c.agent)
	}
	c.fingerprint = hex.EncodeToString(sum.Sum(nil))
	return c, nil
}

// methods returns the authentication methods and a function that closes the
// connection to the agent.
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
		return nil, nil, executors.Errorf(executors.AuthenticationError, "connecting to the SSH agent failed: %w", err)
	}
	return append(methods, ssh.PublicKeysCallback(agent.NewClient(conn).Signers)), func() { _ = conn.Close() }, nil
}

// answer returns the password to a single hidden prompt, which is how many
// servers ask for it.
func (c *credentials) answer(_, _ string, questions []string, echos []bool) ([]string, error) {
	switch {
	case len(questions) == 0:
		return nil, nil
	case len(questions) == 1 && !echos[0]:
		return []string{c.password}, nil
	}
	return nil, errors.New("the host requires more than a password")
}

// systemKnownHosts returns the existing files that ssh itself reads.
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
