package ssh

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/policy"
)

// target is a host that policy allows, with the data to log in.
type target struct {
	address string // host:port
	user    string
	credentials
	knownHosts []string
	// trusted checks that callers can't write the known hosts.
	trusted func(policy.Trusted) error
	jump    *target
	// dial skips the guard for callers' addresses, because the operator allows
	// SSH hosts by name.
	dial dialer
}

// key identifies a connection that calls can share.
type key struct{ address, user, credentials, knownHosts, jump string }

func (t *target) key() key {
	k := key{t.address, t.user, t.fingerprint, strings.Join(t.knownHosts, "\n"), ""}
	if t.jump != nil {
		k.jump = t.jump.address + "\n" + t.jump.user + "\n" + t.jump.fingerprint
	}
	return k
}

// aim returns the host of a call: an operator's connection, or an allowed host
// with the caller's credentials.
func aim(pol *policy.Policy, in Input) (*target, error) {
	if slices.Contains(pol.Connections("ssh"), in.Host) {
		return aimAtConnection(pol, in)
	}
	address := net.JoinHostPort(in.Host, strconv.Itoa(in.Port))
	open := address
	if in.Port == defaultPort {
		open = in.Host // an entry without a port allows port 22
	}
	if err := pol.SSHHost(open); err != nil && (open == address || pol.SSHHost(address) != nil) {
		return nil, err
	}
	if in.Username == "" {
		return nil, invalid("username", "is required unless host is a connection")
	}
	t := &target{trusted: pol.CheckTrusted, address: address, user: in.Username, dial: pol.DialTrusted}
	var err error
	if t.credentials, err = callersCredentials(pol, in); err != nil {
		return nil, err
	}
	t.knownHosts = systemKnownHosts()
	if in.KnownHosts != "" {
		path, err := pol.FilePath(in.KnownHosts, false)
		if err != nil {
			return nil, about("known_hosts", err)
		}
		t.knownHosts = []string{path}
	}
	if in.Jump != "" {
		t.jump, err = jumpTo(pol, in.Jump)
	}
	return t, err
}

const defaultPort = 22

// aimAtConnection fails if the inputs would replace a connection's credentials
// or send them elsewhere.
func aimAtConnection(pol *policy.Policy, in Input) (*target, error) {
	t, err := named(pol, in.Host)
	if err != nil {
		return nil, err
	}
	for _, own := range []struct{ field, value string }{
		{"username", in.Username}, {"password", in.Password}, {"key_file", in.KeyFile},
		{"key_passphrase", in.KeyPassphrase}, {"known_hosts", in.KnownHosts}, {"jump", in.Jump},
	} {
		if own.value != "" && (own.field != "username" || own.value != t.user) {
			return nil, invalid(own.field, "is not allowed: the connection %s sets it", in.Host)
		}
	}
	if _, port, _ := net.SplitHostPort(t.address); in.Port != defaultPort && strconv.Itoa(in.Port) != port {
		return nil, invalid("port", "is not allowed: the connection %s sets it", in.Host)
	}
	return t, nil
}

// named returns an operator's connection. Policy must allow it for callers.
func named(pol *policy.Policy, name string) (*target, error) {
	if err := pol.SSHHost(name); err != nil {
		return nil, err
	}
	c, err := pol.Connection(name)
	if err != nil {
		return nil, err
	}
	t := &target{
		trusted: pol.CheckTrusted,
		dial:    pol.DialTrusted,
		address: net.JoinHostPort(c.Host, strconv.Itoa(cmp.Or(c.Port, defaultPort))),
		user:    c.User, knownHosts: systemKnownHosts(),
	}
	if t.credentials, err = connectionCredentials(pol, name, c); err != nil {
		return nil, err
	}
	if c.KnownHosts != "" {
		t.knownHosts = []string{c.KnownHosts}
	}
	if c.Jump != "" {
		t.jump, err = jumpOf(pol, c.Jump)
	}
	return t, err
}

// jumpTo returns the jump host that a caller names.
func jumpTo(pol *policy.Policy, name string) (*target, error) {
	if !slices.Contains(pol.Connections("ssh"), name) {
		return nil, invalid("jump", "must be the name of a connection of kind ssh; got %q", name)
	}
	t, err := named(pol, name)
	if err != nil {
		return nil, about("jump", err)
	}
	if t.jump != nil {
		return nil, invalid("jump", "can't be %s: it has its own jump host", name)
	}
	return t, nil
}

// jumpOf returns the jump host of an operator's connection. Policy need not
// allow it for callers.
func jumpOf(pol *policy.Policy, name string) (*target, error) {
	c, err := pol.Connection(name)
	if err != nil {
		return nil, err
	}
	t := &target{
		trusted: pol.CheckTrusted,
		dial:    pol.DialTrusted,
		address: net.JoinHostPort(c.Host, strconv.Itoa(cmp.Or(c.Port, defaultPort))),
		user:    c.User, knownHosts: systemKnownHosts(),
	}
	if c.KnownHosts != "" {
		t.knownHosts = []string{c.KnownHosts}
	}
	t.credentials, err = connectionCredentials(pol, name, c)
	return t, err
}

// about sets the field of a policy error.
func about(field string, err error) error {
	var denied *policy.Denied
	if errors.As(err, &denied) {
		renamed := *denied
		renamed.Field = field
		return &renamed
	}
	return err
}

// Destination implements executors.Sender.
func (e *Executor) Destination(pol *policy.Policy, inputs map[string]any) policy.Destination {
	host, _ := inputs["host"].(string)
	if slices.Contains(pol.Connections("ssh"), host) {
		if c, err := pol.Connection(host); err == nil {
			return policy.Destination{Connection: host, Scheme: "ssh", Host: strings.ToLower(c.Host), Port: strconv.Itoa(cmp.Or(c.Port, defaultPort))}
		}
	}
	to := policy.Destination{Scheme: "ssh", Host: strings.ToLower(host), Port: portOf(inputs["port"])}
	if file, _ := inputs["known_hosts"].(string); file != "" {
		to.Unverified = "known_hosts is the caller's"
	}
	return to
}

// portOf returns a port input as text; the schema's default applies before.
func portOf(v any) string {
	if v == nil {
		return strconv.Itoa(defaultPort)
	}
	return fmt.Sprint(v)
}
