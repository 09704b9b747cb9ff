package cli

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/stdio"
)

// afterwards is a context for what has to be done after an interrupt too.
func afterwards(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// settled is how long after the start what starting has left behind is given
// back to the system: about 10 MB that an idle server would hold on to.
const settled = time.Second

// promptly is for what serves: clients give up on a server that is long in
// coming. The tools of MCP servers that are no quicker are announced later.
func promptly(o *external.Options) { o.Wait = 2 * time.Second }

// serving wires the program for assistants, and the MCP server over it.
func (s *session) serving(from caller) (*program, *server.MCPServer, error) {
	cfg, err := s.load(from)
	if err != nil {
		return nil, nil, err
	}
	p, err := assemble(s.ctx, cfg, s.logger(cfg.LogLevel), s.executors, promptly)
	if err != nil {
		return nil, nil, err
	}
	srv := tools.NewServer(p.tools, tools.ServerOptions{Version: version()})
	p.watch() // now that the server follows what changes
	p.tidy = time.AfterFunc(settled, debug.FreeOSMemory)
	return p, srv, nil
}

type stdioCmd struct{}

// Run serves until stdin ends or a signal comes, and then lets what runs end
// within the grace period.
func (stdioCmd) Run(s *session) error {
	p, srv, err := s.serving(byClient)
	if err != nil {
		return err
	}
	if isTerminal(s.in) {
		fmt.Fprintln(s.err, "this speaks MCP on stdin and stdout, for a client to start; try `chainwright demo`, or end it with Ctrl-D")
	}
	err = stdio.Serve(s.ctx, srv, s.in, s.out, stdio.Options{Log: p.log, Tools: p.tools, Grace: p.config.Grace, Drain: p.runner.Close})
	return stopped(s, p, err)
}

type serveCmd struct {
	Addr      string
	Stateless bool
}

func (c *serveCmd) takes() []*param {
	return []*param{
		flag("addr", &c.Addr, "HOST:PORT", "Where to listen (127.0.0.1:8080)."),
		flag("stateless", &c.Stateless, "", "Keep no sessions, for replicas behind a balancer."),
	}
}

// Run serves over HTTP until a signal comes.
func (c *serveCmd) Run(s *session) error {
	p, srv, err := s.serving(byPerson)
	if err != nil {
		return err
	}
	addr := p.config.HTTP.Addr
	if c.Addr != "" {
		addr = c.Addr
	}
	if c.Stateless {
		p.config.HTTP.Stateless = true
	}
	return stopped(s, p, s.serveHTTP(p, srv, addr, os.Getenv(p.config.HTTP.TokenEnv)))
}

// stopped closes the program. A server that was told to stop, and did, has
// done what it should.
func stopped(s *session, p *program, err error) error {
	err = finishing(s, p, err)
	if err == nil && interrupted(s.ctx) {
		p.log.Info().Msg("stopped")
	}
	return err
}
