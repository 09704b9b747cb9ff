// Package policy decides what calls may do. A caller may be an assistant that
// was tricked, so nothing is allowed until the operator allows it by name, and
// every refusal names the setting that would allow it.
//
// One Policy is created from the configuration at the start and shared by all
// executors. It holds the checking dialer, the file roots, the allowed programs,
// the secrets and their redaction, and the audit trail.
package policy

import (
	"errors"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/executors/policy/breaker"
	"github.com/chainwright/chainwright/executors/policy/oauth"
)

// The needs that an executor's definition can name.
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

// Denied is a refusal. Field is the input, if it is known, and Hint is the
// setting that would allow it.
type Denied struct {
	Field   string
	Message string
	Hint    string
}

// Error returns the message without the hint.
func (d *Denied) Error() string { return d.Message }

// Policy decides what calls may do. It is safe for concurrent use. The zero value
// is not usable; New(Config{}) allows nothing.
type Policy struct {
	config      Config
	guard       *guard
	breaker     *breaker.Breaker // nil: off
	programs    []program
	roots       []root
	connections map[string]Connection    // with ~ expanded
	oauth       map[string]*oauth.Client // by the keys of the secrets and connections that use them
	redactor    redactor
	trail       *trail // nil: no audit trail
	kept        *trail // its notable lines

	verified, unverified *Pool

	resolver *net.Resolver
	lookup   func(string) (string, bool)
	report   func(error)
	// protected are configuration files in roots, held by the digest of their
	// approval.
	protected []string
	trusted   []Trusted

	digesting sync.Once
	digest    string

	closing  sync.Once
	closeErr error
}

// Option changes what New uses from the machine.
type Option func(*Policy)

// WithResolver resolves names with r instead of the machine's resolver.
func WithResolver(r *net.Resolver) Option { return func(p *Policy) { p.resolver = r } }

// WithEnvironment reads the variables of secrets and connections with lookup
// instead of from the process's environment.
func WithEnvironment(lookup func(string) (string, bool)) Option {
	return func(p *Policy) { p.lookup = lookup }
}

// WithReport sends failures that no caller sees to report, such as a full disk
// while the audit trail is written.
func WithReport(report func(error)) Option { return func(p *Policy) { p.report = report } }

// WithProtected keeps callers from writing the files at these paths, although a
// writable root contains them.
func WithProtected(paths ...string) Option {
	return func(p *Policy) { p.protected = append(p.protected, paths...) }
}

// New checks the whole configuration and opens its files. The error lists all
// problems, each with its key.
func New(cfg Config, opts ...Option) (*Policy, error) {
	p := &Policy{config: cfg, connections: map[string]Connection{}, oauth: map[string]*oauth.Client{}, lookup: os.LookupEnv}
	for _, opt := range opts {
		opt(p)
	}
	var bad problems
	p.guard = newGuard(cfg.Network.Allow, &bad)
	p.programs = newPrograms(cfg.Command.Programs, &bad)
	p.roots = newRoots(cfg.Files.Roots, &bad)
	p.checkOAuth(&bad)
	p.checkConnections(&bad)
	p.checkSecrets(&bad)
	p.checkNames(&bad)
	p.checkLimits(&bad)
	p.breaker = newBreaker(cfg.Breaker, &bad)
	p.checkConfirm(&bad)
	if err := p.Trust(p.named()...); err != nil {
		bad = append(bad, strings.Split(err.Error(), "\n")...)
	}
	p.verified, p.unverified = p.newTransport(false), p.newTransport(true)
	if len(bad) == 0 && cfg.Audit.Path != "" && !cfg.Audit.Off {
		var err error
		if p.trail, err = p.openTrail(cfg.Audit); err != nil {
			bad.add("audit.path", "%v", err)
		} else if p.kept, err = p.openKept(cfg.Audit); err != nil {
			bad.add("audit.path", "%v", err)
		}
	}
	if err := bad.err(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close flushes the audit trail and closes folders and idle connections. Later
// calls return the same error and do nothing.
func (p *Policy) Close() error {
	p.closing.Do(func() {
		for _, client := range p.oauth {
			client.Close()
		}
		p.verified.CloseIdleConnections()
		p.unverified.CloseIdleConnections()
		var errs []error
		for _, r := range p.roots {
			errs = append(errs, r.dir.Close())
		}
		if p.trail != nil {
			errs = append(errs, p.trail.close())
		}
		if p.kept != nil {
			errs = append(errs, p.kept.close())
		}
		p.closeErr = errors.Join(errs...)
	})
	return p.closeErr
}

// RetryUnsafe reports whether trees may repeat calls that are not safe to repeat.
func (p *Policy) RetryUnsafe() bool { return p.config.RetryUnsafe }

// ApprovalTool reports whether the tool answer_run is published.
func (p *Policy) ApprovalTool() bool { return p.config.Approvals.Tool }

// ReadOnly reports whether only calls that change nothing are allowed.
func (p *Policy) ReadOnly() bool { return p.config.ReadOnly }

// Limits returns the operator's limits. Zero values mean the defaults of the
// packages that apply them.
func (p *Policy) Limits() Limits { return p.config.Limits }
