package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
)

// minSecret is the length below which a value can't be told from ordinary
// text, so that redacting it would garble everything.
const minSecret = 4

// maxSecretFile bounds the files that secrets are read from.
const maxSecretFile = 64 << 10

var secretName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (p *Policy) checkSecrets(bad *problems) {
	for _, name := range sortedKeys(p.config.Secrets) {
		s, key := p.config.Secrets[name], "secrets."+name
		if !secretName.MatchString(name) {
			bad.add(key, "a secret's name consists of letters, digits and underscores")
		}
		switch {
		case s.Env == "" && s.File == "":
			bad.add(key, "needs env (a variable) or file")
			continue
		case s.Env != "" && s.File != "":
			bad.add(key, "has both env and file; one is meant")
			continue
		}
		if len(s.Hosts) == 0 && len(s.Executors) == 0 {
			bad.add(key, "must be bound: set hosts, executors or both")
		}
		for i, host := range s.Hosts {
			if h, _ := splitHost(host); strings.Contains(host, "/") || !validHostName(strings.TrimPrefix(h, "*.")) && net.ParseIP(h) == nil {
				bad.add(fmt.Sprintf("%s.hosts[%d]", key, i), "%q is no host name, *.host name, address or host:port", host)
			}
		}
		if s.File != "" {
			if _, err := absolute(s.File); err != nil {
				bad.add(key+".file", "%v", err)
				continue
			}
		}
		// A value that is there now is redacted from the start; one that is
		// missing is missed when it is used.
		value, err := p.readValue(s.Env, s.File)
		switch {
		case err != nil || value == "":
		case len(value) < minSecret:
			bad.add(key, "the value of %s is shorter than %d characters and can't be redacted safely", sourceOf(s.Env, s.File), minSecret)
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

// readValue reads a value from its variable or file. Missing is empty.
func (p *Policy) readValue(env, file string) (string, error) {
	if env != "" {
		value, _ := p.lookup(env)
		return value, nil
	}
	path, err := absolute(file)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, cause(err))
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecretFile {
		return "", fmt.Errorf("read %s: no regular file of at most %d bytes", file, maxSecretFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, cause(err))
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// SecretNames lists the names of the secrets, in order.
func (p *Policy) SecretNames() []string { return sortedKeys(p.config.Secrets) }

// Secret returns a secret's value for an executor and the host that its call
// goes to: a URL, a host or host:port, empty where the call goes nowhere. The
// value is read anew each time, so that a rotated one is taken up, and is
// redacted from then on.
func (p *Policy) Secret(name, executor, host string) (string, error) {
	s, ok := p.config.Secrets[name]
	if !ok {
		known := "there are none"
		if names := p.SecretNames(); len(names) > 0 {
			known = "known are " + strings.Join(names, ", ")
		}
		return "", &Denied{
			Message: fmt.Sprintf("there is no secret %q; %s", name, known),
			Hint:    fmt.Sprintf("secrets are set in policy.secrets: {%s: {env: %s, hosts: [...], executors: [...]}}", name, name),
		}
	}
	if err := s.allows(name, executor, host); err != nil {
		return "", err
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
	if len(value) < minSecret {
		return "", &Denied{Message: fmt.Sprintf("the secret %s can't be used: %s holds fewer than %d characters, which can't be redacted safely", name, sourceOf(s.Env, s.File), minSecret)}
	}
	p.redactor.know(name, value)
	return value, nil
}

// allows refuses uses beyond what the secret is bound to.
func (s Secret) allows(name, executor, host string) error {
	if len(s.Executors) > 0 && !slices.Contains(s.Executors, executor) {
		return &Denied{
			Message: fmt.Sprintf("the secret %s is bound to %s; %s may not use it", name, strings.Join(s.Executors, ", "), executor),
			Hint:    fmt.Sprintf("to allow it, add %s to policy.secrets.%s.executors", executor, name),
		}
	}
	if host == "" {
		if len(s.Hosts) > 0 {
			return &Denied{Message: fmt.Sprintf("the secret %s is bound to %s, and this call of %s goes to no host", name, strings.Join(s.Hosts, ", "), executor)}
		}
		return nil
	}
	h, port := splitHost(host)
	for _, bound := range s.Hosts {
		if boundHost, boundPort := splitHost(bound); matchHost(boundHost, h) && (boundPort == "" || boundPort == port) {
			return nil
		}
	}
	bound := "no host"
	if len(s.Hosts) > 0 {
		bound = strings.Join(s.Hosts, ", ")
	}
	return &Denied{
		Message: fmt.Sprintf("the secret %s is bound to %s; it may not be sent to %s", name, bound, h),
		Hint:    fmt.Sprintf("to allow it, add %q to policy.secrets.%s.hosts", h, name),
	}
}

// splitHost takes a URL, host:port or host apart.
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

// matchHost compares a bound host, which may start with *. for every name
// below it, with the one that a call goes to.
func matchHost(bound, host string) bool {
	if host == "" {
		return false
	}
	if suffix, wild := strings.CutPrefix(bound, "*"); wild {
		return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return bound == host
}
