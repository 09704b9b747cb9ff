package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// minSecret is the shortest value that is accepted without allow_short: what is
// redacted shows a caller which of its guesses are right. leastSecret is the
// shortest that can be redacted; shorter values occur in ordinary text.
const minSecret, leastSecret = 8, 4

// shortest returns the shortest value that is accepted.
func shortest(allowShort bool) int {
	if allowShort {
		return leastSecret
	}
	return minSecret
}

// maxSecretFile limits the files that hold secrets, in bytes.
const maxSecretFile = 64 << 10

var secretName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (p *Policy) checkSecrets(bad *problems) {
	for _, name := range sortedKeys(p.config.Secrets) {
		s, key := p.config.Secrets[name], "secrets."+name
		if !secretName.MatchString(name) {
			bad.add(key, "a secret's name consists of letters, digits and underscores")
		}
		switch {
		case s.Env+s.File+s.OAuth == "":
			bad.add(key, "needs env (a variable), file or oauth (a client of policy.oauth_clients)")
			continue
		case s.Env != "" && s.File != "":
			bad.add(key, "has both env and file; set only one")
			continue
		case s.OAuth != "" && s.Env+s.File != "":
			bad.add(key, "has oauth and a value of its own; set only one")
			continue
		case s.OAuth != "" && len(s.Hosts) == 0:
			bad.add(key, "must be bound to the hosts that its tokens are for: set hosts")
		}
		if len(s.Hosts) == 0 && len(s.Executors) == 0 {
			bad.add(key, "must be bound: set hosts, executors or both")
		}
		for i, host := range s.Hosts {
			if _, err := parseBinding(host); err != nil {
				bad.add(fmt.Sprintf("%s.hosts[%d]", key, i), "%v", err)
			}
		}
		if s.File != "" {
			if _, err := absolute(s.File); err != nil {
				bad.add(key+".file", "%v", err)
				continue
			}
		}
		if s.OAuth != "" {
			p.useOAuth(key, name, s.OAuth, "", bad)
			continue
		}
		// A value that is set is redacted from the start. A missing value is
		// reported when it is used.
		value, err := p.readValue(s.Env, s.File)
		switch {
		case err != nil || value == "":
		case len(value) < shortest(s.AllowShort):
			bad.add(key, "%v", tooShort(s.AllowShort, s.Env, s.File))
		default:
			p.redactor.know(name, value)
		}
	}
}

func sourceOf(env, file string) string {
	if env != "" {
		return "the variable " + env
	}
	return "the file " + file
}

// readValue reads a value from its variable or file. It returns "" if it is not
// set.
func (p *Policy) readValue(env, file string) (string, error) {
	if env != "" {
		value, _ := p.lookup(env)
		return value, nil
	}
	opened, err := p.OpenTrusted(Trusted{Setting: "the file of a secret", Path: file})
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	data, err := ReadAllRegular(opened, maxSecretFile)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// tooShort returns the reason why a value is refused.
func tooShort(allowShort bool, env, file string) string {
	if allowShort {
		return fmt.Sprintf("%s holds fewer than %d bytes, which can't be redacted", sourceOf(env, file), leastSecret)
	}
	return fmt.Sprintf("%s holds fewer than %d bytes, which callers could guess: what is redacted shows that a guess is right. Use a longer value, or set allow_short: true",
		sourceOf(env, file), minSecret)
}

// SecretNames returns the sorted names of the secrets.
func (p *Policy) SecretNames() []string { return sortedKeys(p.config.Secrets) }

// Secret is SecretFor for the destination of a URL, host:port or host, or "" if
// the call goes to no host.
func (p *Policy) Secret(ctx context.Context, name, executor, host string) (string, error) {
	return p.SecretFor(ctx, name, executor, DestinationOf(host))
}

// SecretFor returns a secret's value for an executor's call to a destination. The
// value is read each time, so that a new one is used, and redacted from then on.
// That of an OAuth client is asked for when there is no valid one. If the call may
// not use the secret, the error is a *Denied.
func (p *Policy) SecretFor(ctx context.Context, name, executor string, to Destination) (string, error) {
	s, ok := p.config.Secrets[name]
	if !ok {
		known := "no secrets are configured"
		if names := p.SecretNames(); len(names) > 0 {
			known = "the secrets are " + strings.Join(names, ", ")
		}
		return "", &Denied{
			Message: fmt.Sprintf("there is no secret %q; %s", name, known),
			Hint:    fmt.Sprintf("secrets are set in policy.secrets: {%s: {env: %s, hosts: [...], executors: [...]}}", name, name),
		}
	}
	if len(s.Executors) > 0 && !slices.Contains(s.Executors, executor) {
		return "", &Denied{
			Message: fmt.Sprintf("the secret %s is bound to %s; %s may not use it", name, strings.Join(s.Executors, ", "), executor),
			Hint:    fmt.Sprintf("to allow it, add %s to policy.secrets.%s.executors", executor, name),
		}
	}
	if err := s.allows(name, to); err != nil {
		return "", err
	}
	if s.OAuth != "" {
		return p.accessToken(ctx, "secrets."+name, "the secret "+name)
	}
	value, err := p.readValue(s.Env, s.File)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	if value == "" {
		return "", &Denied{
			Message: fmt.Sprintf("the secret %s has no value: %s is not set", name, sourceOf(s.Env, s.File)),
			Hint:    fmt.Sprintf("set %s for the server's process", sourceOf(s.Env, s.File)),
		}
	}
	if len(value) < shortest(s.AllowShort) {
		return "", &Denied{Message: fmt.Sprintf("the secret %s can't be used: %s", name, tooShort(s.AllowShort, s.Env, s.File))}
	}
	p.redactor.know(name, value)
	return value, nil
}

// splitHost splits a URL, host:port or host.
func splitHost(s string) (host, port string) {
	if strings.Contains(s, "://") {
		u, err := url.Parse(s)
		if err != nil {
			return "", ""
		}
		host, port = u.Hostname(), u.Port()
		if port == "" {
			port = fmt.Sprint(defaultPort(u.Scheme))
		}
		return canonicalHost(host), port
	}
	if h, p, err := net.SplitHostPort(s); err == nil {
		return canonicalHost(h), p
	}
	return canonicalHost(strings.Trim(s, "[]")), ""
}

// matchHost reports whether a call's host matches a bound host. A bound host may
// start with *. and then matches every name below it.
func matchHost(bound, host string) bool {
	if host == "" {
		return false
	}
	if suffix, wild := strings.CutPrefix(bound, "*"); wild {
		return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return bound == host
}
