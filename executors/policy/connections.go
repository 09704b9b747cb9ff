package policy

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

var (
	databaseKinds   = []string{"sqlite", "postgres", "mysql"}
	connectionKinds = []string{"sqlite", "postgres", "mysql", "ssh", "smtp", "grpc", "mcp"}
)

func (p *Policy) checkConnections(bad *problems) {
	for _, name := range sortedKeys(p.config.Connections) {
		c, key := p.config.Connections[name], "connections."+name
		if !slices.Contains(connectionKinds, c.Kind) {
			bad.add(key+".kind", "must be one of %s; got %q", strings.Join(connectionKinds, ", "), c.Kind)
			continue
		}
		database := slices.Contains(databaseKinds, c.Kind)
		switch {
		case database && c.DSN == "" && c.DSNEnv == "":
			bad.add(key, "needs dsn or dsn_env (a variable)")
		case c.DSN != "" && c.DSNEnv != "":
			bad.add(key, "has both dsn and dsn_env; set only one")
		case (c.Kind == "ssh" || c.Kind == "smtp") && c.Host == "":
			bad.add(key+".host", "is required")
		case c.Kind == "ssh" && c.User == "":
			bad.add(key+".user", "is required")
		}
		if c.PasswordEnv != "" && c.PasswordFile != "" {
			bad.add(key, "has both password_env and password_file; set only one")
		}
		if jump, ok := p.config.Connections[c.Jump]; c.Jump != "" && (!ok || jump.Kind != "ssh" || jump.Jump != "" || c.Kind != "ssh") {
			bad.add(key+".jump", "must name a connection of kind ssh without a jump; got %q", c.Jump)
		}
		if c.Port < 0 || c.Port > 65535 {
			bad.add(key+".port", "must be from 1 to 65535; got %d", c.Port)
		}
		if c.TLS != "" && !slices.Contains([]string{"starttls", "tls", "none"}, c.TLS) {
			bad.add(key+".tls", "must be one of starttls, tls, none; got %q", c.TLS)
		}
		p.checkPeer(key, c, bad)
		for _, file := range []struct {
			key  string
			path *string
		}{{"key_file", &c.KeyFile}, {"known_hosts", &c.KnownHosts}, {"password_file", &c.PasswordFile}, {"ca_file", &c.CAFile}} {
			if *file.path == "" {
				continue
			}
			path, err := absolute(*file.path)
			if err != nil {
				bad.add(key+"."+file.key, "%v", err)
				continue
			}
			*file.path = path
		}
		p.connections[name] = c
		p.knowConnection(name, c)
	}
}

// knowConnection makes the redactor find the secrets of a connection that are
// already set.
func (p *Policy) knowConnection(name string, c Connection) {
	dsn := c.DSN
	if dsn == "" {
		dsn, _ = p.lookup(c.DSNEnv)
	}
	p.knowDSN(name, c.Kind, dsn)
	if c.PasswordEnv != "" || c.PasswordFile != "" {
		if password, err := p.readValue(c.PasswordEnv, c.PasswordFile); err == nil && len(password) >= shortest(c.AllowShort) {
			p.redactor.know(name, password)
		}
	}
	if slices.Contains(peerKinds, c.Kind) {
		_, _ = p.ownHeaders(name) // a missing value is reported when it is used
	}
}

// knowDSN makes the redactor find the password in a DSN, and the whole DSN if it
// has a password.
func (p *Policy) knowDSN(name, kind, dsn string) {
	if kind == "sqlite" { // a path, which may contain @ and :
		return
	}
	for _, password := range dsnPasswords(dsn) {
		if len(password) >= shortest(p.config.Connections[name].AllowShort) {
			p.redactor.know(name, password)
		}
		if password != "" {
			p.redactor.know(name, dsn)
		}
	}
}

// dsnPasswords returns the passwords in a DSN. Drivers accept these forms:
// scheme://user:password@host, user:password@tcp(host) and key=value pairs.
func dsnPasswords(dsn string) []string {
	var found []string
	if u, err := url.Parse(dsn); err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok {
			found = append(found, password)
		}
		found = append(found, u.Query()["password"]...)
	} else if user, _, ok := cutLast(dsn, "@"); ok {
		if _, password, ok := strings.Cut(user, ":"); ok {
			found = append(found, password)
		}
	}
	for _, pair := range strings.Fields(dsn) {
		if value, ok := strings.CutPrefix(pair, "password="); ok {
			found = append(found, strings.Trim(value, "'"))
		}
	}
	return found
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// Connection returns the connection of that name, with ~ expanded. If there is
// none, the error is a *Denied.
func (p *Policy) Connection(name string) (Connection, error) {
	c, ok := p.connections[name]
	if !ok {
		known := "no connections are configured"
		if names := sortedKeys(p.connections); len(names) > 0 {
			known = "the connections are " + strings.Join(names, ", ")
		}
		return Connection{}, &Denied{
			Message: fmt.Sprintf("there is no connection %q; %s", name, known),
			Hint:    fmt.Sprintf("connections are set in policy.connections: {%s: {kind: ..., ...}}", name),
		}
	}
	return c, nil
}

// Connections returns the sorted names of the connections of the given kinds,
// or of all kinds.
func (p *Policy) Connections(kinds ...string) []string {
	names := sortedKeys(p.connections)
	if len(kinds) == 0 {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(kinds, p.connections[name].Kind) })
}

// DSN returns the DSN of a connection, from its variable if it has one. The
// password in it is redacted from then on.
func (p *Policy) DSN(name string) (string, error) {
	c, err := p.Connection(name)
	if err != nil {
		return "", err
	}
	dsn := c.DSN
	if c.DSNEnv != "" {
		if dsn, _ = p.lookup(c.DSNEnv); dsn == "" {
			return "", &Denied{
				Message: fmt.Sprintf("the connection %s has no DSN: the variable %s is not set", name, c.DSNEnv),
				Hint:    fmt.Sprintf("set the variable %s for the server's process", c.DSNEnv),
			}
		}
	}
	if dsn == "" {
		return "", fmt.Errorf("the connection %s is of kind %s and has no DSN", name, c.Kind)
	}
	p.knowDSN(name, c.Kind, dsn)
	return dsn, nil
}

// Password returns the password of a connection, or "" if none is configured.
func (p *Policy) Password(name string) (string, error) {
	c, err := p.Connection(name)
	if err != nil || c.PasswordEnv == "" && c.PasswordFile == "" {
		return "", err
	}
	password, err := p.readValue(c.PasswordEnv, c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("password of the connection %s: %w", name, err)
	}
	if password == "" {
		return "", &Denied{Message: fmt.Sprintf("the connection %s has no password: %s is not set", name, sourceOf(c.PasswordEnv, c.PasswordFile))}
	}
	if len(password) >= shortest(c.AllowShort) {
		p.redactor.know(name, password)
	}
	return password, nil
}

// Passphrase returns the passphrase of a connection's key file, or "" if none
// is configured.
func (p *Policy) Passphrase(name string) (string, error) {
	c, err := p.Connection(name)
	if err != nil || c.PassphraseEnv == "" {
		return "", err
	}
	passphrase, _ := p.lookup(c.PassphraseEnv)
	if passphrase == "" {
		return "", &Denied{Message: fmt.Sprintf("the connection %s has no passphrase: the variable %s is not set", name, c.PassphraseEnv)}
	}
	if len(passphrase) >= shortest(c.AllowShort) {
		p.redactor.know(name, passphrase)
	}
	return passphrase, nil
}

// CallerDSN returns a *Denied unless the operator allows DSNs from callers.
func (p *Policy) CallerDSN() error {
	if p.config.Databases.CallerDSN {
		return nil
	}
	return &Denied{
		Field:   "dsn",
		Message: "a DSN is not allowed: use the name of a connection",
		Hint:    "use a connection of policy.connections, or set policy.databases.caller_dsn: true",
	}
}

// SSHHost returns a *Denied unless the host is allowed.
func (p *Policy) SSHHost(name string) error {
	if slices.Contains(p.config.SSH.Hosts, name) {
		return nil
	}
	return &Denied{
		Field:   "host",
		Message: fmt.Sprintf("the host %q is not allowed", name),
		Hint:    fmt.Sprintf("to allow it, add it to policy.ssh.hosts: [%s]", name),
	}
}

// DockerImage returns a *Denied unless the image is allowed.
func (p *Policy) DockerImage(image string) error {
	if slices.Contains(p.config.Docker.Images, image) {
		return nil
	}
	return &Denied{
		Field:   "image",
		Message: fmt.Sprintf("the image %q is not allowed", image),
		Hint:    fmt.Sprintf("to allow it, add it to policy.docker.images: [%q]", image),
	}
}

// DockerNetwork returns a *Denied unless containers may have a network.
func (p *Policy) DockerNetwork() error {
	if p.config.Docker.Network {
		return nil
	}
	return &Denied{
		Field:   "network",
		Message: "a network is not allowed for containers: the policy could not check which addresses they reach",
		Hint:    "to allow it, set policy.docker.network: true",
	}
}

// DockerHost returns the engine's address, or "" for the default.
func (p *Policy) DockerHost() string { return p.config.Docker.Host }

func (p *Policy) checkNames(bad *problems) {
	for i, host := range p.config.SSH.Hosts {
		if h, _ := splitHost(host); !validHostName(h) && net.ParseIP(h) == nil {
			bad.add(fmt.Sprintf("ssh.hosts[%d]", i), "%q is not a host name, an address or a connection", host)
		}
	}
	for i, image := range p.config.Docker.Images {
		if image == "" || strings.ContainsAny(image, " \t\n") {
			bad.add(fmt.Sprintf("docker.images[%d]", i), "%q is not an image name", image)
		}
	}
}
