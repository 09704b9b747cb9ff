package ssh

import (
	"cmp"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/policy"
)

// target is a host that may be used, with all that is needed to get there.
type target struct {
	address string // host:port
	user    string
	credentials
	knownHosts []string
	jump       *target
	// dial goes to hosts that the operator has opened by name, so the guard for
	// addresses that callers make up has no part in it.
	dial dialer
}

// key is what calls must have in common to share a connection.
type key struct{ address, user, credentials, knownHosts, jump string }

func (t *target) key() key {
	k := key{t.address, t.user, t.fingerprint, strings.Join(t.knownHosts, "\n"), ""}
	if t.jump != nil {
		k.jump = t.jump.address + "\n" + t.jump.user + "\n" + t.jump.fingerprint
	}
	return k
}

// aim finds the host of a call: a connection of the operator's, which brings
// everything itself, or an opened host with what the caller gives.
func aim(pol *policy.Policy, in Input) (*target, error) {
	if slices.Contains(pol.Connections("ssh"), in.Host) {
		return aimAtConnection(pol, in)
	}
	address := net.JoinHostPort(in.Host, strconv.Itoa(in.Port))
	open := address
	if in.Port == defaultPort {
		open = in.Host // an entry without a port opens the usual one
	}
	if err := pol.SSHHost(open); err != nil && (open == address || pol.SSHHost(address) != nil) {
		return nil, err
	}
	if in.Username == "" {
		return nil, invalid("username", "is required, unless host is the name of a connection")
	}
	t := &target{address: address, user: in.Username, dial: pol.DialTrusted}
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

// aimAtConnection refuses what would send a connection's credentials
// elsewhere, or put others in their place.
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
			return nil, invalid(own.field, "can't be given: %s is a connection that brings its own", in.Host)
		}
	}
	if _, port, _ := net.SplitHostPort(t.address); in.Port != defaultPort && strconv.Itoa(in.Port) != port {
		return nil, invalid("port", "can't be given: %s is a connection that brings its own", in.Host)
	}
	return t, nil
}

// named is a connection of the operator's, which must be open for callers.
func named(pol *policy.Policy, name string) (*target, error) {
	if err := pol.SSHHost(name); err != nil {
		return nil, err
	}
	c, err := pol.Connection(name)
	if err != nil {
		return nil, err
	}
	t := &target{
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

// jumpTo is a connection that a caller wants to go through.
func jumpTo(pol *policy.Policy, name string) (*target, error) {
	if !slices.Contains(pol.Connections("ssh"), name) {
		return nil, invalid("jump", "must be the name of a connection of kind ssh; got %q", name)
	}
	t, err := named(pol, name)
	if err != nil {
		return nil, about("jump", err)
	}
	if t.jump != nil {
		return nil, invalid("jump", "can't be %s, which itself is reached through another", name)
	}
	return t, nil
}

// jumpOf is the jump host that the operator set for a connection. It need not
// be open for callers.
func jumpOf(pol *policy.Policy, name string) (*target, error) {
	c, err := pol.Connection(name)
	if err != nil {
		return nil, err
	}
	t := &target{
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

// about puts the field into a refusal.
func about(field string, err error) error {
	var denied *policy.Denied
	if errors.As(err, &denied) {
		renamed := *denied
		renamed.Field = field
		return &renamed
	}
	return err
}
