package policy

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// neverByName are ranges that an allowed host name does not allow: the owner of
// the name must not reach a cloud's metadata service or the local link. They
// can be allowed as addresses.
var neverByName = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fd00:ec2::254/128"),
	netip.MustParsePrefix("ff00::/8"),
}

// azureWire is a public-looking address at which Azure serves metadata and secrets.
var azureWire = netip.MustParsePrefix("168.63.129.16/32")

// allowance is one entry of policy.network.allow. Either host or prefix is set.
// Port 0 means any port.
type allowance struct {
	host   string
	prefix netip.Prefix
	port   uint16
}

// guard decides which addresses may be dialled.
type guard struct {
	base  *ssrf.Guardian
	allow []allowance
}

func newGuard(entries []string, bad *problems) *guard {
	g := &guard{base: ssrf.New(ssrf.WithAnyPort(), ssrf.WithAnyNetwork(), ssrf.WithDeniedV4Prefixes(azureWire))}
	for i, entry := range entries {
		a, err := parseAllowance(entry)
		if err != nil {
			bad.add(fmt.Sprintf("network.allow[%d]", i), "%v", err)
			continue
		}
		g.allow = append(g.allow, a)
	}
	return g
}

func parseAllowance(entry string) (allowance, error) {
	if prefix, err := netip.ParsePrefix(entry); err == nil {
		return allowance{prefix: prefix.Masked()}, nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
		return exactly(ip, 0), nil
	}
	if strings.Contains(entry, "/") {
		return allowance{}, notAllowable(entry)
	}
	host, port := entry, uint16(0)
	if h, p, err := net.SplitHostPort(entry); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return allowance{}, fmt.Errorf("%q: the port must be a number from 1 to 65535", entry)
		}
		host, port = h, uint16(n)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return exactly(ip, port), nil
	}
	if _, legacy := legacyIPv4(host); legacy || !validHostName(host) {
		return allowance{}, notAllowable(entry)
	}
	return allowance{host: canonicalHost(host), port: port}, nil
}

func notAllowable(entry string) error {
	return fmt.Errorf("%q is not an address, a network (10.0.0.0/8), a host name or host:port", entry)
}

func exactly(ip netip.Addr, port uint16) allowance {
	ip = ip.Unmap().WithZone("")
	return allowance{prefix: netip.PrefixFrom(ip, ip.BitLen()), port: port}
}

// check returns a *Denied if the address must not be dialled. name is the
// caller's host name that resolved to the address in this dial, or "" if the
// caller gave an address.
func (g *guard) check(name string, to netip.AddrPort) error {
	ip := to.Addr().Unmap()
	for _, a := range g.allow {
		if a.port != 0 && a.port != to.Port() {
			continue
		}
		if a.host == "" && a.prefix.Contains(ip.WithZone("")) {
			return nil
		}
		if a.host != "" && a.host == name && !anyContains(neverByName, ip.WithZone("")) {
			return nil
		}
	}
	if g.base.SafeAddr(ip) == nil {
		return nil
	}
	return refuseAddress(name, netip.AddrPortFrom(ip, to.Port()))
}

func anyContains(prefixes []netip.Prefix, ip netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

func refuseAddress(name string, to netip.AddrPort) error {
	ip, what := to.Addr(), "reserved"
	switch {
	case azureWire.Contains(ip), ip == netip.MustParseAddr("169.254.169.254"):
		what = "a metadata service"
	case ip.IsLoopback():
		what = "loopback"
	case ip.IsPrivate():
		what = "private"
	case ip.IsLinkLocalUnicast():
		what = "link-local"
	case ip.IsMulticast():
		what = "multicast"
	case ip.IsUnspecified():
		what = "unspecified"
	}
	where := ip.String()
	if name != "" {
		where = fmt.Sprintf("%s (%s)", name, ip)
	}
	return &Denied{
		Message: fmt.Sprintf("the address %s is not allowed: it is %s", where, what),
		Hint:    fmt.Sprintf("to allow it, set policy.network.allow: [%q]", to.String()),
	}
}

// dialer returns a dialer that checks every address before it connects. Each dial
// needs its own, because a name's allowance is valid only for the addresses that
// this dial resolved it to.
func (p *Policy) dialer(name string) *net.Dialer {
	return &net.Dialer{
		Timeout:   30 * time.Second,
		KeepAlive: 30 * time.Second,
		Resolver:  p.resolver,
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("read the address %q: %w", address, err)
			}
			return p.guard.check(name, to)
		},
	}
}

// DialContext dials a caller's TCP address. It checks every resolved address when
// it is dialled, so a name that resolves to another address the second time is
// checked too. If the policy refuses, the error wraps a *Denied.
func (p *Policy) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, &Denied{Message: fmt.Sprintf("dialling over %q is not allowed: only tcp is", network)}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &Denied{Message: fmt.Sprintf("%q is not host:port", address)}
	}
	name, err := p.checkHost(host)
	if err != nil {
		return nil, err
	}
	return p.breaker.Dial(ctx, network, net.JoinHostPort(canonicalHost(host), port), func(ctx context.Context, network, _ string) (net.Conn, error) {
		return p.dialer(name).DialContext(ctx, network, address)
	})
}

// checkHost refuses ambiguous hosts. It returns the name to resolve, or "" for a
// literal address.
func (p *Policy) checkHost(host string) (name string, err error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return "", nil
	}
	if ip, legacy := legacyIPv4(host); legacy {
		return "", &Denied{
			Message: fmt.Sprintf("the host %q is not allowed: programs read numbers like it as different addresses", host),
			Hint:    fmt.Sprintf("write it as %s", ip),
		}
	}
	if !validHostName(host) {
		return "", &Denied{Message: fmt.Sprintf("%q is not a host name or an address", host)}
	}
	return canonicalHost(host), nil
}

// canonicalHost returns the form in which host names are compared: lower case,
// without a final dot.
func canonicalHost(host string) string {
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// validHostName reports whether resolvers accept the name: letters (ASCII or
// not), digits, dots, hyphens and underscores.
func validHostName(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > 253 || strings.HasPrefix(host, ".") || strings.Contains(host, "..") {
		return false
	}
	for _, r := range host {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
		case r >= 0xa1 && r != 0xfffd:
		default:
			return false
		}
	}
	return true
}

// legacyIPv4 reads the forms of IPv4 addresses that only inet_aton accepts, such
// as 2130706433, 0x7f.1, 0177.0.0.1 and 127.1. Resolvers read them differently,
// so they are refused.
func legacyIPv4(host string) (netip.Addr, bool) {
	parts := strings.Split(canonicalHost(host), ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 64)
		if err != nil && part != "" && strings.Trim(part, "0123456789") == "" {
			n, err = strconv.ParseUint(part, 10, 64) // 08 is not octal, but some resolvers read it
		}
		if err != nil || strings.ContainsAny(part, "_ob") && !strings.HasPrefix(part, "0x") || strings.Contains(part, "_") {
			return netip.Addr{}, false
		}
		if i == len(parts)-1 {
			value |= n & (1<<(8*(5-len(parts))) - 1)
		} else {
			value |= n & 0xff << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}
