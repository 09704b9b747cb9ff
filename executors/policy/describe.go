package policy

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Needs returns every need that a definition can have.
func Needs() []string {
	return []string{NeedCommand, NeedFilesRead, NeedFilesWrite, NeedDatabases, NeedSSH, NeedDocker, NeedEmail, NeedMCPStdio}
}

// Open reports whether the policy allows a need of a definition, and returns the
// setting that allows it, as written in the configuration file. An unknown need
// is never allowed.
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
	return fmt.Sprintf("no setting allows %q", need), false
}

// Setting is one setting in force: its key in the configuration, its value in
// words, and what it allows.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Opens string `json:"opens,omitempty"`
}

// Describe returns the settings in force, for people. It leaves out the values of
// secrets and DSNs.
func (p *Policy) Describe() []Setting {
	return []Setting{
		{"policy.read_only", yesNo(p.config.ReadOnly), "only calls that change nothing"},
		{"policy.retry_unsafe", yesNo(p.config.RetryUnsafe), "retry.unsafe of a task may repeat what is not safe to repeat"},
		{"policy.approvals.tool", yesNo(p.config.Approvals.Tool), "the tool answer_run answers what runs of other principals ask"},
		{"policy.confirm", p.Confirm(), "when the user is asked before a call"},
		{"policy.command.shell", yesNo(p.config.Command.Shell), "any command, run by the shell"},
		{"policy.command.programs", list(p.describePrograms()), "programs that may be started"},
		{"policy.files.roots", list(p.describeRoots()), "folders whose files may be used"},
		{"policy.network.allow", list(p.config.Network.Allow), "addresses allowed in addition to public ones"},
		{"policy.ssh.hosts", list(p.config.SSH.Hosts), "hosts for ssh"},
		{"policy.docker.images", list(p.config.Docker.Images), "images that may be run"},
		{"policy.databases.caller_dsn", yesNo(p.config.Databases.CallerDSN), "any database that a caller names"},
		{"policy.connections", list(p.describeConnections()), "databases, hosts and servers by name"},
		{"policy.secrets", list(p.describeSecrets()), "secrets that callers may name"},
		{"policy.oauth_clients", list(sortedKeys(p.config.OAuthClients)), "clients that get the tokens of secrets and connections"},
		{"policy.limits", p.describeLimits(), ""},
		{"policy.breaker", p.describeBreaker(), "when calls to an unreachable address are paused"},
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
		if s.OAuth != "" {
			state = ", a token of " + s.OAuth
		} else if value, err := p.readValue(s.Env, s.File); err != nil || value == "" {
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
	size := func(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
	return fmt.Sprintf("%s (%s, %d older files); all but reading calls also in %s (kept for %d days, up to %s, then calls are refused)",
		p.trail.path, size(p.trail.maxBytes), p.trail.keep, filepath.Base(p.kept.path), p.kept.retain/(24*time.Hour), size(auditReserve))
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
