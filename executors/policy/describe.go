package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Needs lists every need that a definition can name.
func Needs() []string {
	return []string{NeedCommand, NeedFilesRead, NeedFilesWrite, NeedDatabases, NeedSSH, NeedDocker, NeedEmail, NeedMCPStdio}
}

// Open reports whether a need of a definition is open, and the setting that
// opens it, written as it stands in the configuration file. An unknown need
// is never open.
func (p *Policy) Open(need string) (setting string, open bool) {
	programs := len(p.programs) > 0
	switch need {
	case NeedCommand:
		return "policy.command.programs: [{path: /usr/bin/git}]", programs || p.config.Command.Shell
	case NeedMCPStdio:
		return "policy.command.programs: [{path: /path/to/server}]", programs
	case NeedFilesRead:
		return "policy.files.roots: {work: {path: ~/work}}", len(p.roots) > 0
	case NeedFilesWrite:
		writable := slices.ContainsFunc(p.roots, func(r root) bool { return r.write })
		return "policy.files.roots: {work: {path: ~/work, write: true}}", writable
	case NeedDatabases:
		named := len(p.Connections(databaseKinds...)) > 0
		return "policy.connections: {orders: {kind: postgres, dsn_env: ORDERS_DSN}}", named || p.config.Databases.CallerDSN
	case NeedSSH:
		return "policy.ssh.hosts: [web01]", len(p.config.SSH.Hosts) > 0
	case NeedDocker:
		return `policy.docker.images: ["python:3.11"]`, len(p.config.Docker.Images) > 0
	case NeedEmail:
		return "policy.connections: {mail: {kind: smtp, host: mail.example.com}}", len(p.Connections("smtp")) > 0
	}
	return fmt.Sprintf("nothing opens %q", need), false
}

// Setting is one line of what is in force: a key of the configuration, its
// value in words, and what it opens.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Opens string `json:"opens,omitempty"`
}

// Describe lists what is in force, for people. Values of secrets and DSNs are
// not in it.
func (p *Policy) Describe() []Setting {
	return []Setting{
		{"policy.read_only", yesNo(p.config.ReadOnly), "only calls that change nothing"},
		{"policy.confirm", p.Confirm(), "when a person is asked before a call"},
		{"policy.command.shell", yesNo(p.config.Command.Shell), "any command, through the shell"},
		{"policy.command.programs", list(p.describePrograms()), "programs that may be started"},
		{"policy.files.roots", list(p.describeRoots()), "folders whose files may be used"},
		{"policy.network.allow", list(p.config.Network.Allow), "addresses beside the public ones"},
		{"policy.ssh.hosts", list(p.config.SSH.Hosts), "hosts for ssh"},
		{"policy.docker.images", list(p.config.Docker.Images), "images that may be run"},
		{"policy.databases.caller_dsn", yesNo(p.config.Databases.CallerDSN), "any database that a caller names"},
		{"policy.connections", list(p.describeConnections()), "databases, hosts and servers by name"},
		{"policy.secrets", list(p.describeSecrets()), "secrets that callers may name"},
		{"policy.limits", p.describeLimits(), ""},
		{"policy.breaker", p.describeBreaker(), "when what can't be reached is left alone"},
		{"policy.audit", p.describeAudit(), ""},
	}
}

func yesNo(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func list(items []string) string {
	if len(items) == 0 {
		return "closed"
	}
	return strings.Join(items, ", ")
}

func (p *Policy) describePrograms() []string {
	lines := make([]string, len(p.programs))
	for i, prog := range p.programs {
		lines[i] = prog.path
		if prog.real != prog.path {
			lines[i] += " → " + prog.real
		}
		if len(prog.args) > 0 {
			lines[i] += fmt.Sprintf(" (%d rules for arguments)", len(prog.args))
		}
	}
	return lines
}

func (p *Policy) describeRoots() []string {
	lines := make([]string, len(p.roots))
	for i, r := range p.roots {
		lines[i] = fmt.Sprintf("%s: %s (read)", r.name, r.path)
		if r.write {
			lines[i] = fmt.Sprintf("%s: %s (read and write)", r.name, r.path)
		}
	}
	return lines
}

func (p *Policy) describeConnections() []string {
	var lines []string
	for _, name := range sortedKeys(p.connections) {
		line := fmt.Sprintf("%s (%s", name, p.connections[name].Kind)
		if p.connections[name].Write {
			line += ", write"
		}
		lines = append(lines, line+")")
	}
	return lines
}

func (p *Policy) describeSecrets() []string {
	var lines []string
	for _, name := range p.SecretNames() {
		s := p.config.Secrets[name]
		state := ""
		if value, err := p.readValue(s.Env, s.File); err != nil || value == "" {
			state = ", not set"
		}
		bound := strings.Join(append(slices.Clone(s.Hosts), s.Executors...), ", ")
		lines = append(lines, fmt.Sprintf("%s (for %s%s)", name, bound, state))
	}
	return lines
}

func (p *Policy) describeAudit() string {
	if p.trail == nil {
		return "off"
	}
	return p.trail.path
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
