package cli

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/transport/http"
)

// serveHTTP puts the configuration into the HTTP server, and serves.
func (s *session) serveHTTP(p *program, srv *server.MCPServer, addr, token string) error {
	edge := p.config.HTTP
	web := http.New(srv, http.Options{
		Log: p.log, Token: token, Origins: edge.Origins, Hosts: edge.Hosts, Stateless: edge.Stateless,
		Tools: p.tools, Grace: p.config.Grace, Drain: p.runner.Close,
		Ready: func(ctx context.Context) error {
			_, _, err := p.runner.List(ctx, chain.ListOptions{Limit: 1})
			return err
		},
	})
	err := web.Serve(s.ctx, addr)
	var listening *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, http.ErrNoToken):
		return usage("serving HTTP: %w", err).withHint(fmt.Sprintf("%s=$(openssl rand -hex 32) chainwright serve --addr %s; clients send it as a bearer token", edge.TokenEnv, addr))
	case s.ctx.Err() == nil && !errors.As(err, &listening):
		return usage("serving HTTP: %w", err) // an address that is refused
	default:
		return fmt.Errorf("serving HTTP: %w", err)
	}
}
