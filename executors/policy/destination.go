package policy

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Destination is where a call sends its inputs. The zero value stands for a call
// that goes to no host.
type Destination struct {
	// Connection is the name of the operator's connection; "": none.
	Connection string
	// Scheme is https, ssh and the like; "" if it is not known.
	Scheme     string
	Host, Port string
	// Plain is set if the channel is not encrypted.
	Plain bool
	// Unverified is the reason why the peer may be another than Host, such as
	// "verify: false accepts any certificate"; "": the peer proves its name.
	Unverified string
}

// plainSchemes are the schemes without encryption.
var plainSchemes = []string{"http", "ws", "grpc"}

// DestinationOf returns the destination of a URL, host:port or host. Text that
// names no host has a host that no secret is bound to.
func DestinationOf(text string) Destination {
	if text == "" {
		return Destination{}
	}
	scheme, _, isURL := strings.Cut(text, "://")
	host, port := splitHost(text)
	if host == "" {
		return Destination{Host: "an invalid address"}
	}
	if !isURL {
		return Destination{Host: host, Port: port}
	}
	scheme = strings.ToLower(scheme)
	return Destination{Scheme: scheme, Host: host, Port: port, Plain: slices.Contains(plainSchemes, scheme)}
}

// URLDestination returns the destination of a request to u.
func URLDestination(u *url.URL) Destination { return DestinationOf(u.Scheme + "://" + u.Host) }

// String returns the destination for messages.
func (d Destination) String() string {
	switch {
	case d.Connection != "":
		return "the connection " + d.Connection
	case d.Scheme == "" || d.Port == "":
		return d.Host
	case d.Port == strconv.Itoa(int(defaultPort(d.Scheme))):
		return d.Scheme + "://" + bracketed(d.Host)
	}
	return d.Scheme + "://" + net.JoinHostPort(d.Host, d.Port)
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// binding is an entry of a secret's hosts: host, *.host, host:port, or one of
// these with a scheme.
type binding struct{ scheme, host, port string }

func parseBinding(entry string) (binding, error) {
	b, rest := binding{}, entry
	if scheme, after, ok := strings.Cut(entry, "://"); ok {
		b.scheme, rest = strings.ToLower(scheme), after
		if b.scheme == "" || strings.ContainsAny(rest, "/?#@") {
			return b, fmt.Errorf("%q is not scheme://host or scheme://host:port", entry)
		}
	}
	b.host, b.port = splitHost(rest)
	if strings.Contains(rest, "/") || !validHostName(strings.TrimPrefix(b.host, "*.")) && net.ParseIP(b.host) == nil {
		return b, fmt.Errorf("%q is not a host name, *.host name, address, host:port or scheme://host:port", entry)
	}
	if b.scheme != "" && b.port == "" {
		b.port = strconv.Itoa(int(defaultPort(b.scheme)))
	}
	return b, nil
}

// names reports whether the entry names the destination, whatever the channel.
func (b binding) names(to Destination) bool {
	if to.Connection != "" && b == (binding{host: canonicalHost(to.Connection)}) {
		return true
	}
	return matchHost(b.host, to.Host) && (b.port == "" || b.port == to.Port) && (b.scheme == "" || b.scheme == to.Scheme)
}

// allowsPlain reports whether the entry agrees to send without encryption: it
// says so by its scheme, or it names a port of this machine. The operator chose
// the channel of a connection that the entry names.
func (b binding) allowsPlain(to Destination) bool {
	ip, err := netip.ParseAddr(b.host)
	thisMachine := b.host == "localhost" || err == nil && ip.IsLoopback()
	return b.scheme != "" || b.port != "" && thisMachine || to.Connection != "" && b.host == canonicalHost(to.Connection)
}

// allows returns a *Denied if the secret may not be sent to the destination. It
// is the only place that decides this.
func (s Secret) allows(name string, to Destination) error {
	bound := "no host"
	if len(s.Hosts) > 0 {
		bound = strings.Join(s.Hosts, ", ")
	}
	if to == (Destination{}) {
		if len(s.Hosts) > 0 {
			return &Denied{Message: fmt.Sprintf("the secret %s is bound to %s, and this call goes to no host", name, bound)}
		}
		return nil
	}
	named := false
	for _, entry := range s.Hosts {
		b, err := parseBinding(entry)
		if err != nil || !b.names(to) {
			continue
		}
		if named = true; to.Unverified == "" && (!to.Plain || b.allowsPlain(to)) {
			return nil
		}
	}
	switch {
	case !named:
		return &Denied{
			Message: fmt.Sprintf("the secret %s is bound to %s; it may not be sent to %s", name, bound, to),
			Hint:    fmt.Sprintf("to allow it, add %q to policy.secrets.%s.hosts", to.entry(), name),
		}
	case to.Unverified != "":
		return &Denied{
			Message: fmt.Sprintf("the secret %s may not be sent to %s: %s, so another host could receive it", name, to, to.Unverified),
			Hint:    "secrets are only sent to hosts that prove their name",
		}
	}
	return &Denied{
		Message: fmt.Sprintf("the secret %s may not be sent to %s: the connection is not encrypted", name, to),
		Hint:    fmt.Sprintf("use an encrypted connection, or add %q to policy.secrets.%s.hosts", to.entry(), name),
	}
}

// entry returns the entry of hosts that allows the destination.
func (d Destination) entry() string {
	switch {
	case d.Connection != "":
		return d.Connection
	case d.Plain && d.Scheme != "" && d.Port != "":
		return d.Scheme + "://" + net.JoinHostPort(d.Host, d.Port)
	}
	return d.Host
}

// MaySend returns a *Denied if a text holds a secret that is not bound to the
// destination. Executors call it for each further hop of a call, such as a
// redirect; Secret decides about the first.
func (p *Policy) MaySend(to Destination, text string) error {
	f := p.redactor.finder.Load()
	if f == nil {
		return nil
	}
	for _, found := range f.findAll([]byte(text)) {
		if err := p.config.Secrets[found.name].allows(found.name, to); err != nil {
			return err
		}
	}
	return nil
}
