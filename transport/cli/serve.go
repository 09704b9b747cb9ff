package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/transport/app"
	"github.com/chainwright/chainwright/transport/internal/config"
)

// afterwards returns a context for work that must also be done after an
// interrupt.
func afterwards(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// settled is the time after the start when freed memory is returned to the
// operating system: about 10 MB that an idle server would keep otherwise.
const settled = time.Second

// serving builds the program for commands that serve assistants.
func (s *session) serving(change ...func(*config.Loaded)) (*program, error) {
	return s.servingWith(nil, change...)
}

func (s *session) servingWith(more []app.Option, change ...func(*config.Loaded)) (*program, error) {
	cfg, err := s.load()
	if err != nil {
		return nil, err
	}
	for _, each := range change {
		each(cfg)
	}
	log := s.logger(cfg.LogLevel, cfg.LogFormat)
	if warning := cfg.Warning(); warning != "" {
		log.Warn().Msg(warning)
	}
	p, err := assemble(s.ctx, cfg, log, s.executors, append(more, app.WithStreams(ending{s.in, s.watchdog}, s.out))...)
	if err != nil {
		return nil, err
	}
	if warning := p.models.Warning(); warning != "" {
		fmt.Fprintln(s.err, "chainwright: "+warning)
	}
	p.tidy = time.AfterFunc(settled, debug.FreeOSMemory)
	return p, nil
}

type stdioCmd struct {
	Folders repeated
	Write   bool
	JSON    bool
}

func (c *stdioCmd) takes() []*param {
	return []*param{
		args("folder", &c.Folders, "Folders whose files may be read, in addition to those of the configuration.").optional().offering(folders),
		flag("write", &c.Write, "", "The files in these folders may also be created, changed and deleted."),
		flag("json", &c.JSON, "", "Print a line of JSON to stderr when it serves, or the error as JSON. Stdout is for MCP."),
	}
}

// servingLine is the line of JSON that commands print when they serve.
type servingLine struct {
	Status  string `json:"status"` // serving or working
	URL     string `json:"url,omitempty"`
	Page    string `json:"page,omitempty"`
	Engine  string `json:"engine,omitempty"`
	PID     int    `json:"pid"`
	Version string `json:"version"`
}

// serves prints the line that says that a command serves, if JSON is wanted.
func (s *session) serves(line servingLine) error {
	if !s.json {
		return nil
	}
	line.PID, line.Version = os.Getpid(), version()
	return s.printJSONLine(line)
}

// Run serves until stdin ends or a signal comes. Then it lets running calls end
// within the grace period.
func (c *stdioCmd) Run(s *session) error {
	s.aside = true
	if isTerminal(s.in) {
		fmt.Fprintln(s.err, "this command serves MCP on stdin and stdout, and MCP clients start it; press Ctrl-D to end it, or try `chainwright demo`")
	}
	roots, err := c.roots()
	if err != nil {
		return err
	}
	defer s.poll()()
	p, err := s.serving(func(cfg *config.Loaded) { addRoots(cfg, roots) })
	if err != nil {
		return err
	}
	if err = s.serves(servingLine{Status: "serving"}); err == nil {
		err = p.app.ServeStdio(s.ctx)
	}
	return stopped(s, p, err)
}

// roots checks the folders that the command names.
func (c *stdioCmd) roots() ([]openedRoot, error) {
	var what opened
	for _, folder := range c.Folders {
		if err := what.addRoot(folder, c.Write); err != nil {
			refused := usage("folder %q: %w", folder, err)
			if errors.Is(err, errNoFolder) {
				refused.hint = "create it first, or name an existing folder"
			}
			return nil, refused
		}
	}
	return what.Roots, nil
}

// addRoots opens folders under their base names. A name that is taken gets a number.
func addRoots(cfg *config.Loaded, roots []openedRoot) {
	all := maps.Clone(cfg.Policy.Files.Roots)
	if all == nil {
		all = map[string]policy.Root{}
	}
	for _, root := range roots {
		name := root.Name
		for n := 2; ; n++ {
			if _, taken := all[name]; !taken {
				break
			}
			name = fmt.Sprintf("%s-%d", root.Name, n)
		}
		all[name] = policy.Root{Path: root.Path, Write: root.Write}
	}
	cfg.Policy.Files.Roots = all
}

// poll makes stdin and stdout pollable, which allows a tenth more calls a second.
// A stream that is stderr too stays as it is: writes to stderr can't wait in the
// poller, and lines of the log would be lost.
func (s *session) poll() (done func()) {
	doneIn, doneOut := func() {}, func() {}
	if in, ok := s.in.(*os.File); ok && !sameFile(in, fileOf(s.err)) {
		s.in, doneIn = pollable(in)
	}
	if out, ok := s.out.(*os.File); ok && !sameFile(out, fileOf(s.err)) {
		s.out, doneOut = pollable(out)
	}
	return func() {
		doneIn()
		doneOut()
	}
}

// sameFile reports whether two files are one, also if that can't be known. b may
// be nil.
func sameFile(a, b *os.File) bool {
	if b == nil {
		return false
	}
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX != nil || errY != nil || os.SameFile(x, y)
}

type serveCmd struct {
	Addr      string
	Stateless bool
	LoginLink bool
	Metrics   string
	Engine    string
	JSON      bool
	PublicURL string
}

func (c *serveCmd) takes() []*param {
	return []*param{
		flag("addr", &c.Addr, "HOST:PORT", "The address to listen on (127.0.0.1:8080)."),
		flag("public-url", &c.PublicURL, "URL", "The address at which clients reach the server, without /mcp: https://tools.example.com. OAuth needs it."),
		flag("stateless", &c.Stateless, "", "Keep no sessions, for replicas behind a load balancer."),
		flag("login-link", &c.LoginLink, "", "Print a link to the page that logs in whoever opens it, once, within five minutes. Only at a terminal, and only on loopback."),
		flag("metrics-addr", &c.Metrics, "HOST:PORT", "Serve /metrics for Prometheus at this address too, without a token."),
		engineFlag(&c.Engine),
		startAsJSON(&c.JSON),
	}
}

// Run serves over HTTP until a signal comes.
func (c *serveCmd) Run(s *session) error {
	edge := []app.Option{app.WithEngine(c.Engine), app.WithListening(func(url string) {
		_ = s.serves(servingLine{Status: "serving", URL: url + "/mcp", Page: url + "/", Engine: c.Engine}) // nobody reads it any more
	})}
	if c.LoginLink {
		if !isTerminal(s.err) {
			return usage("--login-link prints a secret, and no terminal is attached to stderr; nothing was started").
				withHint("start it in a terminal, or log in to the page with a token")
		}
		edge = append(edge, app.WithLoginLink(s.printLink))
	}
	p, err := s.servingWith(edge, func(cfg *config.Loaded) {
		if c.Addr != "" {
			cfg.HTTP.Addr = c.Addr
		}
		if c.PublicURL != "" {
			cfg.HTTP.PublicURL = c.PublicURL
		}
		if c.Metrics != "" {
			cfg.Telemetry.MetricsAddr = c.Metrics
		}
		cfg.HTTP.Stateless = cfg.HTTP.Stateless || c.Stateless
	})
	if err != nil {
		return err
	}
	return stopped(s, p, s.serveHTTP(p))
}

// serveHTTP serves HTTP, and adds a hint to the error for an address that is
// refused.
func (s *session) serveHTTP(p *program) error {
	edge := p.config.HTTP
	err := p.app.Serve(s.ctx, edge.Addr)
	var listening *net.OpError
	switch {
	case errors.Is(err, app.ErrNoToken):
		return usage("%w", err).withHint(fmt.Sprintf("%s=$(openssl rand -hex 32) chainwright serve --addr %s; clients send it as a bearer token", edge.TokenEnv, edge.Addr))
	case err != nil && s.ctx.Err() == nil && !errors.As(err, &listening):
		return usage("%w", err) // the address itself or a token is not valid
	}
	return err
}

// stopped closes the program at the end of serving, and logs that it has
// stopped. An interrupt is the normal end of a server and no error.
func stopped(s *session, p *program, err error) error {
	err = finishing(s, p, err)
	if err == nil && interrupted(s.ctx) {
		p.log.Info().Msg("stopped")
	}
	return err
}
