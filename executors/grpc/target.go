package grpc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/web"
)

type tlsInput struct {
	CA         string `json:"ca"`
	ServerName string `json:"server_name"`
	Insecure   bool   `json:"insecure"`
}

// target says where to connect and how. Connections are shared by calls whose
// targets are equal.
type target struct {
	address               string
	plaintext, insecure   bool
	serverName, authority string // authority: certificates, as PEM
}

// newTarget takes host:port and nothing else: the library would go to files,
// sockets and other resolvers as well.
func newTarget(pol *policy.Policy, in input) (target, error) {
	host, port, err := net.SplitHostPort(in.Server)
	if err != nil || host == "" || port == "" || strings.ContainsAny(in.Server, "/?#@% ") {
		return target{}, web.Invalid("server", "server must be host:port; got %q", in.Server)
	}
	if _, err := pol.CheckURL("https://" + in.Server); err != nil {
		refused := executors.AsError(err)
		refused.Field = "server"
		return target{}, refused
	}
	to := target{address: in.Server, plaintext: in.Plaintext}
	if in.TLS == nil {
		return to, nil
	}
	if in.Plaintext {
		return target{}, web.Invalid("tls", "tls is given with plaintext true; give one")
	}
	to.insecure, to.serverName = in.TLS.Insecure, in.TLS.ServerName
	if strings.ContainsAny(to.serverName, " /:\r\n\t") {
		return target{}, web.Invalid("tls.server_name", "tls.server_name must be a host name; got %q", to.serverName)
	}
	if to.authority = in.TLS.CA; to.authority != "" && !strings.HasPrefix(strings.TrimSpace(to.authority), "-----BEGIN") {
		pem, err := readFile(pol, "tls.ca", in.TLS.CA, 1<<20)
		if err != nil {
			return target{}, err
		}
		to.authority = string(pem)
	}
	if to.authority != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(to.authority)) {
		return target{}, web.Invalid("tls.ca", "tls.ca holds no certificate")
	}
	return to, nil
}

// config is nil for plaintext.
func (t target) config() *tls.Config {
	if t.plaintext {
		return nil
	}
	cfg := &tls.Config{ServerName: t.serverName, InsecureSkipVerify: t.insecure, MinVersion: tls.VersionTLS12} // the caller's explicit choice
	if t.authority != "" {
		cfg.RootCAs = x509.NewCertPool()
		cfg.RootCAs.AppendCertsFromPEM([]byte(t.authority))
	}
	return cfg
}

// readFile reads a file in an opened folder.
func readFile(pol *policy.Policy, field, path string, most int64) ([]byte, error) {
	f, _, err := pol.OpenRead(path)
	if err != nil {
		refused := executors.AsError(err)
		if refused.Field = field; errors.Is(err, fs.ErrNotExist) {
			refused.Type = executors.NotFound
		}
		return nil, refused
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "reading %s: %w", field, err).WithField(field)
	}
	if int64(len(data)) > most {
		return nil, web.Invalid(field, "%s is larger than %d MiB", field, most>>20)
	}
	return data, nil
}
