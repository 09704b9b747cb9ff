package http

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// writeTimeout is the time limit of one write, not of a reply: streams may
	// be long.
	writeTimeout = 30 * time.Second
	maxHeader    = 64 << 10
	// stopWithin is the time between the beginning of the shutdown and the end
	// of what still runs.
	stopWithin = time.Second
	// lastReplies is the time limit for calls that were cancelled at shutdown.
	lastReplies = 2 * time.Second
)

// Serve listens on an address and serves until the context ends, then waits for
// running calls. Without a token it accepts loopback addresses only.
func (s *Server) Serve(ctx context.Context, addr string) error {
	if err := s.checkAddress(addr); err != nil {
		return errors.Join(err, s.Close(ctx))
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return errors.Join(fmt.Errorf("listening on %s: %w", addr, err), s.Close(ctx))
	}
	return s.ServeListener(ctx, listener)
}

// ServeListener is Serve with an open listener, which it closes.
func (s *Server) ServeListener(ctx context.Context, listener net.Listener) error {
	if err := s.checkAddress(listener.Addr().String()); err != nil {
		return errors.Join(err, listener.Close(), s.Close(ctx))
	}
	srv := &http.Server{
		Handler:           s.site,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      writeTimeout, // extended before each write of a stream
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:          log.New(errorLog{s.opts.Log}, "", 0),
	}
	at := "http://" + listener.Addr().String()
	if s.opts.PageOnly {
		s.opts.Log.Info().Str("url", at+"/").Msg("serving the page")
	} else {
		line := s.opts.Log.Info().Str("url", at+Path)
		if s.opts.Page != nil {
			line = line.Str("page", at+"/")
		}
		line.Msg("serving MCP")
	}
	if s.opts.Listening != nil {
		s.opts.Listening(at)
	}
	if s.opts.Link != nil {
		s.opts.Link(at + "/#login=" + s.opts.Page.Code())
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(listener) }()
	select {
	case err := <-ended:
		return errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	case <-ctx.Done():
	}
	return s.shutdown(srv)
}

// shutdown accepts no more calls. Running ones may end by themselves for as long
// as Options.Settle; then they are interrupted.
func (s *Server) shutdown(srv *http.Server) error {
	s.draining.Store(true)
	s.endStream()
	ctx, done := context.WithTimeout(context.Background(), stopWithin)
	defer done()
	last, end := context.WithTimeout(context.Background(), stopWithin+lastReplies)
	defer end()
	var closeErr, err error
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		closeErr = s.sdk.Shutdown(last)
		err = srv.Shutdown(last)
	}()
	select {
	case <-idle:
	case <-time.After(s.opts.Settle):
	}
	if s.opts.Drain != nil {
		if err := s.opts.Drain(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			s.opts.Log.Warn().Err(err).Msg("draining")
		}
	}
	<-idle
	s.sweeping.Wait()
	if s.opts.Page != nil {
		s.opts.Page.Close()
	}
	s.feeds.Close()
	if s.opts.OAuth != nil {
		s.opts.OAuth.Close()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close() // closed streams end the remaining calls
	}
	if err = errors.Join(closeErr, err); err != nil {
		return fmt.Errorf("shutting the HTTP server down: %w", err)
	}
	return nil
}

// ErrNoToken is the error for an address that other machines can reach, if no
// token is set.
var ErrNoToken = errors.New("no token is set")

// checkAddress returns an error for such an address, if OffLoopback does.
func (s *Server) checkAddress(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("the address %q must be HOST:PORT: %w", addr, err)
	}
	if loopback(host) {
		return nil
	}
	if s.opts.Link != nil {
		return fmt.Errorf("%s can be reached from other machines, and one-time links are for loopback only: serve 127.0.0.1, or log in with a token", addr)
	}
	if err := s.OffLoopback(); err != nil {
		return fmt.Errorf("%s can be reached from other machines, and %w", addr, err)
	}
	s.public.Store(true)
	return nil
}

// OffLoopback returns an error if other machines must not reach the server: no
// token is set, or one is too short.
func (s *Server) OffLoopback() error {
	if s.opts.open() {
		return fmt.Errorf("%w: serve 127.0.0.1, or require a token", ErrNoToken)
	}
	if token := s.opts.tooShort(); token != nil {
		which := "the token of http.token_env"
		if token.Name != "" {
			which = "http.tokens." + token.Name
		}
		return fmt.Errorf("%s has %d characters: use at least %d, such as those of `openssl rand -hex 32`", which, len(token.Value), minToken)
	}
	return nil
}

// loopback reports whether a host is only this machine.
func loopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// errorLog writes the messages of net/http to the log.
type errorLog struct{ log zerolog.Logger }

func (e errorLog) Write(p []byte) (int, error) {
	e.log.Debug().Msg(strings.TrimSpace(string(p)))
	return len(p), nil
}
