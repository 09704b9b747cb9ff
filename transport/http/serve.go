package http

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
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
	// writeTimeout bounds one write, not one answer: streams may be long.
	writeTimeout = 30 * time.Second
	maxHeader    = 64 << 10
	// lastReplies bounds the wait for calls that were told to stop.
	lastReplies = 2 * time.Second
)

// Serve listens on an address and serves until the context ends, then lets
// the running calls end. It refuses an address off loopback where no token is
// set.
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

// ServeListener is Serve on a listener that is open already; it closes it.
func (s *Server) ServeListener(ctx context.Context, listener net.Listener) error {
	if err := s.checkAddress(listener.Addr().String()); err != nil {
		return errors.Join(err, listener.Close(), s.Close(ctx))
	}
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      writeTimeout, // put off before each write of a stream
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:          log.New(errorLog{s.opts.Log}, "", 0),
	}
	s.opts.Log.Info().Str("url", "http://"+listener.Addr().String()+Path).Msg("serving MCP")
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(listener) }()
	select {
	case err := <-ended:
		return errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	case <-ctx.Done():
	}
	return s.shutdown(srv)
}

// shutdown takes no more calls, lets the running ones end within the grace
// period, and then stops them.
func (s *Server) shutdown(srv *http.Server) error {
	s.draining.Store(true)
	s.endStream()
	grace, done := context.WithTimeout(context.Background(), s.opts.Grace)
	defer done()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		if s.opts.Drain == nil {
			return
		}
		if err := s.opts.Drain(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			s.opts.Log.Warn().Err(err).Msg("draining")
		}
	}()
	last, end := context.WithTimeout(context.Background(), s.opts.Grace+lastReplies)
	defer end()
	closeErr := s.mcp.Shutdown(last)
	err := srv.Shutdown(last)
	<-drained
	s.sweeping.Wait()
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close() // closed streams end the calls that are left
	}
	if err = errors.Join(closeErr, err); err != nil {
		return fmt.Errorf("shutting the HTTP server down: %w", err)
	}
	return nil
}

// ErrNoToken is why an address is refused that others can reach.
var ErrNoToken = errors.New("no token is set")

// checkAddress refuses to serve others without asking who they are.
func (s *Server) checkAddress(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("the address %q must be HOST:PORT: %w", addr, err)
	}
	if loopback(host) {
		return nil
	}
	if s.opts.Token == "" {
		return fmt.Errorf("%s can be reached from other machines, and %w: serve 127.0.0.1, or require a token", addr, ErrNoToken)
	}
	s.public.Store(true)
	return nil
}

// loopback reports whether a host is this machine and no other.
func loopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// errorLog takes what net/http has to say.
type errorLog struct{ log zerolog.Logger }

func (e errorLog) Write(p []byte) (int, error) {
	e.log.Debug().Msg(strings.TrimSpace(string(p)))
	return len(p), nil
}

// libraryLogger takes what the MCP library has to say; only what is wrong is
// of interest.
func libraryLogger(log zerolog.Logger) *slog.Logger {
	return slog.New(zerolog.NewSlogHandler(log.Level(zerolog.WarnLevel)))
}
