package policy

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The functions of this file tell what the policy refuses, before a call. They
// contact nothing and resolve no names, so a nil error does not mean that the call
// will be allowed.

// ForeseeAddress returns a *Denied if calls can't connect to a destination. Of a
// name it knows only localhost.
func (p *Policy) ForeseeAddress(to Destination) error {
	name, err := p.checkHost(to.Host)
	if err != nil {
		return err
	}
	port, _ := strconv.ParseUint(to.Port, 10, 16) // 0: not known
	addresses := []string{to.Host}
	switch {
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		addresses = []string{"127.0.0.1", "::1"}
	case name != "":
		return nil
	}
	for _, address := range addresses {
		ip, parseErr := netip.ParseAddr(address)
		if parseErr != nil {
			return nil
		}
		refused := p.guard.check(name, netip.AddrPortFrom(ip, uint16(port)))
		if refused == nil {
			return nil
		}
		if err == nil {
			err = refused
		}
	}
	return err
}

// ForeseePath returns a *Denied if a path is outside of the roots, or is to be
// written in a root that is read-only. It does not look at the file system.
func (p *Policy) ForeseePath(path string, write bool) error {
	_, err := p.locate(path, write)
	return err
}

// ForeseeProgram returns a *Denied if no entry allows a program with its arguments.
// Arguments are nil if they are not known.
func (p *Policy) ForeseeProgram(name string, args []string) error {
	if filepath.Base(name) != name {
		if _, err := filepath.EvalSymlinks(name); err != nil {
			return nil // it may be installed until then
		}
	}
	matches := p.programsFor(name)
	if len(matches) == 0 {
		return p.refuseProgram(name)
	}
	if slices.ContainsFunc(matches, func(prog program) bool { _, ok := prog.accepts(args); return ok }) {
		return nil
	}
	refused, _ := matches[0].accepts(args)
	return matches[0].refuseArgument(refused)
}
