package app

import (
	"context"
	"fmt"
	"net"
	nethttp "net/http"
	"sync"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/transport/internal/http"
	"github.com/chainwright/chainwright/transport/internal/stdio"
	"github.com/chainwright/chainwright/transport/mcp"
	"github.com/chainwright/chainwright/transport/web"
)

// ErrNoToken is the error for an address that other machines can reach, if no
// token is set.
var ErrNoToken = http.ErrNoToken

// Handler returns the handler of MCP at /mcp, and of /healthz and /readyz, for
// the caller's own server; under another path, use http.StripPrefix. It answers
// requests that are addressed to loopback or to one of HTTP.Hosts, and without
// a token, or with a short one in HTTP.Tokens, only those that arrive on
// loopback. If HTTP.Tokens can't be read, it logs why and answers nothing.
func (a *App) Handler() nethttp.Handler {
	srv, err := a.webServer()
	if err != nil {
		a.options.log.Error().Err(err).Msg("HTTP can't be served")
		return nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			nethttp.Error(w, "the tokens of this server can't be read; its log says why", nethttp.StatusServiceUnavailable)
		})
	}
	next := srv.Handler()
	if srv.OffLoopback() == nil {
		return next
	}
	return nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		at, ok := r.Context().Value(nethttp.LocalAddrContextKey).(*net.TCPAddr)
		if ok && !at.IP.IsLoopback() {
			nethttp.Error(w, "no token is set, or one is too short, so only this machine may call", nethttp.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Serve serves HTTP at HOST:PORT until the context ends, then stops running
// calls within 1.5 seconds: what Handler does, and the page on which people see
// and steer runs at /. It continues the runs that lost their process, and
// leaves its own to other servers, as Handler does. Without a token it refuses an address that
// other machines can reach, with an error that is ErrNoToken.
func (a *App) Serve(ctx context.Context, addr string) error {
	srv, err := a.webServer()
	if err != nil {
		return err
	}
	stopMetrics, err := a.serveMetrics(ctx)
	if err != nil {
		return err
	}
	defer stopMetrics()
	firing, stop := context.WithCancel(ctx)
	var fired sync.WaitGroup
	if !a.options.pageOnly {
		fired.Go(func() { a.FireSchedules(firing) })
	}
	defer fired.Wait()
	defer stop()
	if err := srv.Serve(ctx, addr); err != nil {
		return fmt.Errorf("serving HTTP: %w", err)
	}
	return nil
}

// ServeStdio serves one client on stdin and stdout until the input or the
// context ends, then stops running calls within 1.5 seconds. After that only
// Close may be called.
//
// It continues the runs that lost their process, if they were started by the
// same user under the same configuration file.
func (a *App) ServeStdio(ctx context.Context) error {
	a.adopt(a.mine)
	return stdio.Serve(ctx, a.mcpServer(), a.options.in, a.options.out, stdio.Options{
		Log: a.options.log, Drain: a.runner.Close,
	})
}

// mine reports whether a run is one of this user under the same configuration
// file.
func (a *App) mine(run *store.Run) bool {
	return run.Principal == "" && run.Config == a.options.configDigest
}

// adopt has the engine continue runs that no process drives. Those of a store in
// memory end with the process.
func (a *App) adopt(may func(*store.Run) bool) {
	if a.engine != nil && a.options.store != memoryStore {
		a.engine.Adopt(may)
	}
}

// mcpServer creates the server on first use, and then follows the folder of
// executors.
func (a *App) mcpServer() *mcp.Server {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mcp == nil {
		a.mcp = mcp.New(a.tools, mcp.Options{Version: a.options.version, Notes: a.store, Telemetry: a.telemetry})
		if a.folder != nil {
			a.folder.Watch()
		}
	}
	return a.mcp
}

// webServer creates the server on first use. The error names the tokens that
// can't be used.
func (a *App) webServer() (*http.Server, error) {
	srv := a.mcpServer()
	edge := a.options.http
	if a.options.pageOnly {
		a.adopt(a.mine)
	} else {
		a.adopt(func(*store.Run) bool { return true })
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.web == nil {
		hosts, err := a.hosts()
		if err != nil {
			return nil, err
		}
		opts := http.Options{
			Log: a.options.log, Origins: edge.Origins, Hosts: hosts, Stateless: edge.Stateless,
			Telemetry: a.telemetry,
			Drain:     a.runner.Close, Link: a.options.loginLink, Listening: a.options.listening, PageOnly: a.options.pageOnly,
			Page: web.New(web.Options{Set: a.tools, Runner: a.runner, Log: a.options.log, Version: a.options.version}),
			Ready: func(ctx context.Context) error {
				_, _, err := a.runner.List(ctx, chain.ListOptions{Limit: 1})
				return err
			},
		}
		if a.options.telemetry.Metrics && !a.options.pageOnly {
			opts.Metrics = a.metrics
		}
		if !a.options.pageOnly { // there only the link logs in
			files := tokenFiles{app: a}
			files.moved() // before they are read, so that a later change is seen
			named, err := a.tokens(1)
			if err != nil {
				return nil, &SettingError{"HTTP tokens", err}
			}
			opts.Token, opts.Tokens, opts.Reload = edge.Token, named, files.reload
			if opts.OAuth, err = a.verifier(); err != nil {
				return nil, err
			}
		}
		a.web = http.New(srv, opts)
	}
	return a.web, nil
}
