package breaker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a network in which every dial ends with err after a time.
type script struct {
	err   error
	takes time.Duration
	dials atomic.Int64
}

func (s *script) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	s.dials.Add(1)
	timer := time.NewTimer(s.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil, s.err
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}
}

func failure(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

type timedOut struct{}

func (timedOut) Error() string { return "i/o timeout" }
func (timedOut) Timeout() bool { return true }

// Which failures count against a destination.
func TestWhatCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err     error
		takes   time.Duration
		timeout time.Duration // the caller's
		counts  bool
	}{
		"it refuses":                    {err: failure(syscall.ECONNREFUSED), counts: true},
		"no route to it":                {err: failure(syscall.EHOSTUNREACH), counts: true},
		"it does not answer":            {err: failure(timedOut{}), takes: 30 * time.Second, counts: true},
		"the caller waits 10 s for it":  {err: failure(timedOut{}), takes: 30 * time.Second, timeout: 10 * time.Second, counts: true},
		"the caller waits 1 ms for it":  {err: failure(timedOut{}), takes: 30 * time.Second, timeout: time.Millisecond},
		"the dialer waits 1 ms for it":  {err: failure(timedOut{}), takes: time.Millisecond},
		"the name does not exist":       {err: failure(&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true})},
		"names can't be resolved":       {err: failure(&net.DNSError{Err: "timeout", Name: "x", IsTimeout: true}), takes: 10 * time.Second},
		"policy":                        {err: failure(errors.New("not allowed"))},
		"an error after the connect":    {err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}},
		"this machine is out of files":  {err: failure(syscall.EMFILE)},
		"this machine is out of ports":  {err: failure(syscall.EADDRNOTAVAIL)},
		"this machine has no network":   {err: failure(syscall.ENETUNREACH)},
		"this machine forbids it":       {err: failure(syscall.EPERM)},
		"an unknown error":              {err: errors.New("odd")},
		"it refuses, and it is wrapped": {err: fmt.Errorf("wrapped: %w", failure(syscall.ECONNREFUSED)), counts: true},
		"an invalid address":            {err: &net.OpError{Op: "dial", Err: &net.AddrError{Err: "missing port"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, s := New(3, time.Second, time.Hour), &script{err: c.err, takes: c.takes}
				for range 3 {
					ctx, cancel := t.Context(), context.CancelFunc(func() {})
					if c.timeout > 0 {
						ctx, cancel = context.WithTimeout(ctx, c.timeout)
					}
					if _, err := b.Dial(ctx, "tcp", "h:1", s.dial); err == nil {
						t.Fatal("it did not fail")
					}
					cancel()
				}
				_, err := b.Dial(t.Context(), "tcp", "h:1", s.dial)
				var open *Open
				if errors.As(err, &open) != c.counts {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// The circuit opens, allows a probe after each pause, doubles the pause when the
// probe fails, and closes when it succeeds.
func TestOpensAndCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, s := New(10, time.Second, 30*time.Second), &script{err: failure(syscall.ECONNREFUSED)}
		dial := func() error {
			conn, err := b.Dial(t.Context(), "tcp", "Host.example:80", s.dial)
			if conn != nil {
				_ = conn.Close()
			}
			return err
		}
		var open *Open
		begun := time.Now()
		for i := range 10 {
			if err := dial(); errors.As(err, &open) {
				t.Fatalf("open after %d", i)
			}
		}
		for _, pause := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			before := s.dials.Load()
			for range 5 {
				if err := dial(); !errors.As(err, &open) || open.After != pause*time.Second {
					t.Fatalf("%v", err)
				}
			}
			if s.dials.Load() != before {
				t.Fatal("it was dialled while open")
			}
			time.Sleep(pause * time.Second)
			if err := dial(); errors.As(err, &open) {
				t.Fatalf("it is not tried again: %v", err)
			}
		}
		if !open.Since.Equal(begun) || open.Failures < 10 || open.Address != "host.example:80" {
			t.Errorf("%+v", open)
		}
		text := open.Error()
		for _, part := range []string{"host.example:80", "16 attempts", begun.UTC().Format(time.RFC3339), "connection refused", "30s"} {
			if !strings.Contains(text, part) {
				t.Errorf("%q does not say %q", text, part)
			}
		}
		if conn, err := b.Dial(t.Context(), "tcp", "host.example:81", works); err != nil {
			t.Errorf("another port: %v", err)
		} else {
			_ = conn.Close()
		}
		time.Sleep(30 * time.Second)
		if conn, err := b.Dial(t.Context(), "tcp", "host.example:80", works); err != nil {
			t.Fatal(err)
		} else {
			_ = conn.Close()
		}
		for range 9 {
			if err := dial(); errors.As(err, &open) {
				t.Fatal("failures before the success still count")
			}
		}
	})
}

func works(context.Context, string, string) (net.Conn, error) {
	one, other := net.Pipe()
	_ = other.Close()
	return one, nil
}

// Only one probe runs at a time. If it is cancelled, the next attempt is the probe.
func TestFindingOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(1, time.Second, time.Minute)
		refuses, hangs := &script{err: failure(syscall.ECONNREFUSED)}, &script{err: failure(timedOut{}), takes: 30 * time.Second}
		_, _ = b.Dial(t.Context(), "tcp", "h:1", refuses.dial)
		time.Sleep(time.Second)
		impatient, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		for range 10 {
			done.Go(func() { _, _ = b.Dial(impatient, "tcp", "h:1", hangs.dial) })
		}
		synctest.Wait()
		if n := hangs.dials.Load(); n != 1 {
			t.Fatalf("%d probes run", n)
		}
		cancel()
		done.Wait()
		conn, err := b.Dial(t.Context(), "tcp", "h:1", works)
		if err != nil {
			t.Fatalf("after a cancelled probe: %v", err)
		}
		_ = conn.Close()
	})
}

// A probe counts as an ordinary attempt if its destination is forgotten while it
// runs.
func TestForgottenWhileTried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(3, time.Second, time.Minute)
		refuses, late := &script{err: failure(syscall.ECONNREFUSED)}, &script{err: failure(syscall.ECONNREFUSED), takes: time.Second}
		for range 3 {
			_, _ = b.Dial(t.Context(), "tcp", "h:1", refuses.dial)
		}
		time.Sleep(time.Second)
		var done sync.WaitGroup
		done.Go(func() { _, _ = b.Dial(t.Context(), "tcp", "h:1", late.dial) })
		synctest.Wait()
		b.mu.Lock()
		b.remove(b.by["h:1"])
		b.mu.Unlock()
		done.Wait()
		for range 2 {
			if _, err := b.Dial(t.Context(), "tcp", "h:1", refuses.dial); errors.As(err, new(*Open)) {
				t.Fatal(err)
			}
		}
		if _, err := b.Dial(t.Context(), "tcp", "h:1", refuses.dial); !errors.As(err, new(*Open)) {
			t.Fatal(err)
		}
	})
}

// Attempts that were in flight when the circuit opened fail without a longer
// pause.
func TestLateFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(3, time.Second, time.Minute)
		var done sync.WaitGroup
		for i := range 10 {
			s := &script{err: failure(syscall.ECONNREFUSED), takes: time.Duration(i+1) * time.Millisecond}
			done.Go(func() { _, _ = b.Dial(t.Context(), "tcp", "h:1", s.dial) })
		}
		done.Wait()
		_, err := b.Dial(t.Context(), "tcp", "h:1", works)
		var open *Open
		if !errors.As(err, &open) || open.Failures != 10 || open.After != time.Second {
			t.Fatalf("%+v", err)
		}
		time.Sleep(993 * time.Millisecond) // a second after the third
		conn, err := b.Dial(t.Context(), "tcp", "h:1", works)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	})
}

// Failures with long times between them are not in a row.
func TestLongAgo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, s := New(2, time.Second, 10*time.Second), &script{err: failure(syscall.ECONNREFUSED)}
		for range 20 {
			if _, err := b.Dial(t.Context(), "tcp", "h:1", s.dial); errors.As(err, new(*Open)) {
				t.Fatal(err)
			}
			time.Sleep(61 * time.Second)
		}
	})
}

// Only a bounded number of destinations are kept: those that failed last.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	b, s := New(1, time.Second, time.Hour), &script{err: failure(syscall.ECONNREFUSED)}
	for i := range 10 * most {
		_, _ = b.Dial(t.Context(), "tcp", fmt.Sprintf("h%d:1", i), s.dial)
	}
	if len(b.by) != most || b.last.Len() != most {
		t.Errorf("%d and %d are remembered", len(b.by), b.last.Len())
	}
	if _, err := b.Dial(t.Context(), "tcp", fmt.Sprintf("h%d:1", 10*most-1), s.dial); !errors.As(err, new(*Open)) {
		t.Errorf("the latest is forgotten: %v", err)
	}
	if _, err := b.Dial(t.Context(), "tcp", "h0:1", s.dial); errors.As(err, new(*Open)) {
		t.Error("the first is not forgotten")
	}
}

// A real peer that is down, and then up.
func TestRealConnections(t *testing.T) {
	t.Parallel()
	for range 10 { // another program may take the free port
		if realConnections(t) {
			return
		}
	}
	t.Error("no port stayed free")
}

func realConnections(t *testing.T) bool {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	b, dialer := New(3, time.Second, time.Millisecond), new(net.Dialer)
	opened := 0
	for range 50 {
		if _, err := b.Dial(t.Context(), "tcp", address, dialer.DialContext); errors.As(err, new(*Open)) {
			opened++
		}
	}
	if opened == 0 {
		t.Error("it never opened")
	}
	if listener, err = net.Listen("tcp", address); err != nil {
		return false
	}
	defer listener.Close()
	var open *Open
	conn, err := b.Dial(t.Context(), "tcp", address, dialer.DialContext)
	for errors.As(err, &open) {
		time.Sleep(time.Millisecond) // the pause itself
		conn, err = b.Dial(t.Context(), "tcp", address, dialer.DialContext)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	var unset *Breaker
	if conn, err = unset.Dial(t.Context(), "tcp", address, dialer.DialContext); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	return true
}
