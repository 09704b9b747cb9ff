package grpc

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/policy"
)

type tlsInput struct {
	CA         string `json:"ca"`
	ServerName string `json:"server_name"`
	Insecure   bool   `json:"insecure"`
}

// target is the address and the TLS settings of a server. Calls with equal
// targets share a connection.
type target struct {
	address               string
	connection            string // the name of the operator's connection; "": none
	plaintext, insecure   bool
	serverName, authority string // authority: PEM certificates
}

// name returns the name of the server for messages.
func (t target) name() string { return cmp.Or(t.connection, t.address) }

// newTarget accepts the name of a connection or host:port only: the library
// would also open files, sockets and other resolvers.
func newTarget(pol *policy.Policy, in input) (target, error) {
	known := pol.Connections("grpc")
	if slices.Contains(known, in.Server) {
		return named(pol, in)
	}
	host, port, err := net.SplitHostPort(in.Server)
	if err != nil || host == "" || port == "" || strings.ContainsAny(in.Server, "/?#@% ") {
		failure := web.Invalid("server", "server must be host:port or the name of a connection; got %q", in.Server)
		if len(known) > 0 {
			failure.WithHint("connections are " + strings.Join(known, ", "))
		}
		return target{}, failure
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
		return target{}, web.Invalid("tls", "tls can't be combined with plaintext; use one of them")
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
		return target{}, web.Invalid("tls.ca", "tls.ca contains no certificate")
	}
	return to, nil
}

// named returns the target of an operator's connection, which has its own TLS
// settings.
func named(pol *policy.Policy, in input) (target, error) {
	for field, given := range map[string]bool{"plaintext": in.Plaintext, "tls": in.TLS != nil} {
		if given {
			return target{}, web.Invalid(field, "%s is not allowed: the connection %s sets it", field, in.Server)
		}
	}
	c, err := pol.Connection(in.Server)
	if err != nil {
		return target{}, err
	}
	to := target{connection: in.Server, address: net.JoinHostPort(c.Host, strconv.Itoa(cmp.Or(c.Port, 443))), plaintext: c.TLS == "none"}
	if to.authority, err = pol.Authority(in.Server); err != nil {
		return target{}, executors.Errorf(executors.ExecutionError, "%w", err)
	}
	return to, nil
}

// config returns the TLS configuration; nil for plaintext.
func (t target) config() *tls.Config {
	if t.plaintext {
		return nil
	}
	cfg := &tls.Config{ServerName: t.serverName, InsecureSkipVerify: t.insecure, MinVersion: tls.VersionTLS12} // InsecureSkipVerify is the caller's explicit choice
	if t.authority != "" {
		cfg.RootCAs = x509.NewCertPool()
		cfg.RootCAs.AppendCertsFromPEM([]byte(t.authority))
	}
	return cfg
}

// readFile reads a file that policy allows, of at most most bytes.
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

// Destination implements executors.Sender.
func (e *Executor) Destination(pol *policy.Policy, inputs map[string]any) policy.Destination {
	server, _ := inputs["server"].(string)
	if slices.Contains(pol.Connections("grpc"), server) {
		if c, err := pol.Connection(server); err == nil {
			scheme := "grpcs://"
			if c.TLS == "none" {
				scheme = "grpc://"
			}
			to := policy.DestinationOf(scheme + net.JoinHostPort(c.Host, strconv.Itoa(cmp.Or(c.Port, 443))))
			to.Connection = server
			return to
		}
	}
	to := policy.DestinationOf("grpcs://" + server)
	if plaintext, _ := inputs["plaintext"].(bool); plaintext {
		return policy.DestinationOf("grpc://" + server)
	}
	options, _ := inputs["tls"].(map[string]any)
	insecure, _ := options["insecure"].(bool)
	name, _ := options["server_name"].(string)
	switch {
	case insecure:
		to.Unverified = "tls.insecure accepts any certificate"
	case options["ca"] != nil && options["ca"] != "":
		to.Unverified = "tls.ca is the caller's"
	case name != "" && !strings.EqualFold(name, to.Host):
		to.Unverified = "tls.server_name is the name of another host"
	}
	return to
}
