// Package policy says what may be done. A caller may be an assistant that was
// talked into mischief, so everything is closed until the operator opens it
// by name, and every refusal names the setting that would open it.
//
// One Policy is made from the configuration at the start and shared by all
// executors. It holds the guarded dialler, the file roots, the allowed
// programs, the secrets with their redaction, and the audit trail.
package policy

import (
	"errors"
	"net"
	"os"
	"sync"

	"github.com/chainwright/chainwright/executors/policy/breaker"
)

// Needs are the switches that an executor's definition can ask for.
const (
	NeedCommand    = "command"
	NeedFilesRead  = "files.read"
	NeedFilesWrite = "files.write"
	NeedDatabases  = "databases"
	NeedSSH        = "ssh"
	NeedDocker     = "docker"
	NeedEmail      = "email"
	NeedMCPStdio   = "mcp"
)

// Denied is a refusal: what was refused, for which input where that is known,
// and in Hint the setting that opens it.
type Denied struct {
	Field   string
	Message string
	Hint    string
}

// Error returns the message without the hint.
func (d *Denied) Error() string { return d.Message }

// Policy is what may be done. It is safe for concurrent use; the zero value
// is not usable, New(Config{}) is the closed default.
type Policy struct {
	config      Config
	guard       *guard
	breaker     *breaker.Breaker // nil: it is off
	programs    []program
	roots       []root
	connections map[string]Connection // with ~ expanded
	redactor    redactor
	trail       *trail // nil where no trail is kept

	verified, unverified *Pool

	resolver *net.Resolver
	lookup   func(string) (string, bool)
	report   func(error)

	closing  sync.Once
	closeErr error
}

// Option changes what New takes from the machine.
type Option func(*Policy)

// WithResolver makes the dialler resolve names with r instead of the
// machine's resolver.
func WithResolver(r *net.Resolver) Option { return func(p *Policy) { p.resolver = r } }

// WithEnvironment makes secrets and connections read variables through
// lookup instead of the process's environment.
func WithEnvironment(lookup func(string) (string, bool)) Option {
	return func(p *Policy) { p.lookup = lookup }
}

// WithReport makes failures that no caller sees, such as a full disk under
// the audit trail, go to report.
func WithReport(report func(error)) Option { return func(p *Policy) { p.report = report } }

// New checks the whole configuration and opens what it names. All problems
// are reported at once, each with the key at fault.
func New(cfg Config, opts ...Option) (*Policy, error) {
	p := &Policy{config: cfg, connections: map[string]Connection{}, lookup: os.LookupEnv}
	for _, opt := range opts {
		opt(p)
	}
	var bad problems
	p.guard = newGuard(cfg.Network.Allow, &bad)
	p.programs = newPrograms(cfg.Command.Programs, &bad)
	p.roots = newRoots(cfg.Files.Roots, &bad)
	p.checkConnections(&bad)
	p.checkSecrets(&bad)
	p.checkNames(&bad)
	p.checkLimits(&bad)
	p.breaker = newBreaker(cfg.Breaker, &bad)
	p.checkConfirm(&bad)
	p.verified, p.unverified = p.newTransport(false), p.newTransport(true)
	if len(bad) == 0 && cfg.Audit.Path != "" && !cfg.Audit.Off {
		var err error
		if p.trail, err = openTrail(cfg.Audit, p.report); err != nil {
			bad.add("audit.path", "%v", err)
		}
	}
	if err := bad.err(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close writes what the audit trail still holds and gives back folders and
// idle connections. Calls after the first do nothing but return the same.
func (p *Policy) Close() error {
	p.closing.Do(func() {
		p.verified.CloseIdleConnections()
		p.unverified.CloseIdleConnections()
		var errs []error
		for _, r := range p.roots {
			errs = append(errs, r.dir.Close())
		}
		if p.trail != nil {
			errs = append(errs, p.trail.close())
		}
		p.closeErr = errors.Join(errs...)
	})
	return p.closeErr
}

// ReadOnly reports whether only calls that change nothing are allowed.
func (p *Policy) ReadOnly() bool { return p.config.ReadOnly }

// Limits are the caps that the operator set; zero values mean the defaults of
// whoever applies them.
func (p *Policy) Limits() Limits { return p.config.Limits }
