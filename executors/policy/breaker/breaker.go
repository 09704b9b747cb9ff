// Package breaker is the circuit breaker for every destination. It is not a stable API.
// After a number of failures in a row, further attempts fail at once until one
// attempt, the probe, is allowed to find out.
//
// It adds to gobreaker what that library does not have: a circuit for each
// destination, in bounded memory; a pause that doubles when a probe fails; and
// an error that says since when and why.
package breaker

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// patient is how long an attempt must have lasted for its end to mean that
	// the destination does not answer, even if the caller ended it.
	patient = 5 * time.Second
	// most is how many destinations are kept: those that failed last.
	most = 1024
	// maxReason is how many bytes of an error are kept.
	maxReason = 200
)

// Breaker holds a circuit for each destination whose last attempt failed. It is
// safe for concurrent use. A nil Breaker allows every attempt.
type Breaker struct {
	failures       int
	first, longest time.Duration

	mu   sync.Mutex
	by   map[string]*list.Element // of *destination
	last *list.List               // the one that failed last is in front
}

type destination struct {
	Open
	circuit *gobreaker.TwoStepCircuitBreaker[any]
	failed  time.Time     // when the last failure was
	pause   time.Duration // 0: the circuit has not opened
	until   time.Time     // the end of the pause
}

// New returns a breaker that blocks a destination after the given number of
// failures in a row. The first pause is first; each failed probe doubles it, up
// to longest.
func New(failures int, first, longest time.Duration) *Breaker {
	return &Breaker{failures: failures, first: first, longest: longest, by: map[string]*list.Element{}, last: list.New()}
}

// Open is the error of an attempt that is refused.
type Open struct {
	Address  string
	Failures int       // in a row
	Since    time.Time // when the first of these attempts began
	Reason   string    // the text of the last failure
	// After is when the next attempt is allowed, at least one second.
	After time.Duration
}

// Error returns the destination, its failures and when it is tried again.
func (o *Open) Error() string {
	return fmt.Sprintf("%s can't be reached: %d attempts in a row have failed since %s, the last with %q; it is tried again in %s",
		o.Address, o.Failures, o.Since.UTC().Format(time.RFC3339), o.Reason, max(o.After.Round(time.Second), time.Second))
}

// ErrUndecided is the outcome of an attempt that says nothing about the
// destination, such as one that its caller cancelled.
var ErrUndecided = errors.New("the attempt says nothing about the destination")

// Allow asks whether an attempt may be made. The caller must call done once with
// the outcome: nil, ErrUndecided or the failure. After a pause one attempt at a
// time is allowed, until one succeeds or fails.
func (b *Breaker) Allow(address string) (done func(error), open *Open) {
	b.mu.Lock()
	defer b.mu.Unlock()
	begun := time.Now()
	d := b.find(address, begun)
	var report func(error)
	if d != nil {
		if begun.Before(d.until) {
			return nil, d.refuse(begun)
		}
		var err error
		if report, err = d.circuit.Allow(); err != nil {
			return nil, d.refuse(begun)
		}
	}
	return func(err error) { b.done(address, d, report, begun, err) }, nil
}

func (d *destination) refuse(now time.Time) *Open {
	open := d.Open
	open.After = max(d.until.Sub(now), time.Second)
	return &open
}

// find returns a destination that has failed lately, else nil.
func (b *Breaker) find(address string, now time.Time) *destination {
	at, known := b.by[address]
	if !known {
		return nil
	}
	d := at.Value.(*destination)
	n := d.circuit.Counts()
	probing := d.pause > 0 && n.Requests > n.TotalExclusions
	if !probing && now.Sub(d.failed) > max(2*b.longest, time.Minute) { // too long ago to be in a row with anything
		b.remove(at)
		return nil
	}
	return d
}

func (b *Breaker) done(address string, before *destination, report func(error), begun time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		if at, known := b.by[address]; known {
			b.remove(at)
		}
		return
	case !errors.Is(err, ErrUndecided):
		d := b.keep(address, begun)
		d.Failures++
		d.failed, d.Reason = time.Now(), reason(err)
		if d != before { // the attempt began without this circuit
			report = nil
			if d.pause == 0 {
				report, _ = d.circuit.Allow()
			}
		}
	}
	if report != nil {
		report(err)
	}
}

// keep returns the destination that counts a failure.
func (b *Breaker) keep(address string, begun time.Time) *destination {
	at, known := b.by[address]
	if !known {
		d := &destination{Open: Open{Address: address, Since: begun}}
		d.circuit = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
			Timeout:     time.Nanosecond, // Allow applies the pause, which grows
			ReadyToTrip: func(n gobreaker.Counts) bool { return int(n.ConsecutiveFailures) >= b.failures },
			IsExcluded:  func(err error) bool { return errors.Is(err, ErrUndecided) },
			OnStateChange: func(_ string, _, to gobreaker.State) {
				if to == gobreaker.StateOpen {
					d.pause = min(max(2*d.pause, b.first), b.longest)
					d.until = d.failed.Add(d.pause)
				}
			},
		})
		at = b.last.PushFront(d)
		b.by[address] = at
		if b.last.Len() > most {
			b.remove(b.last.Back())
		}
	}
	b.last.MoveToFront(at)
	return at.Value.(*destination)
}

func (b *Breaker) remove(at *list.Element) {
	delete(b.by, at.Value.(*destination).Address)
	b.last.Remove(at)
}

// Dial opens a network connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Dial calls dial unless the address is blocked: then the error is an *Open.
// Networks other than TCP are always dialled.
//
// Only failed connects count, because callers can't cause those. A timeout or
// an error after the connect is about one request, and must not block other
// callers of the same host.
func (b *Breaker) Dial(ctx context.Context, network, address string, dial Dial) (net.Conn, error) {
	if b == nil || !strings.HasPrefix(network, "tcp") {
		return dial(ctx, network, address)
	}
	done, open := b.Allow(strings.ToLower(address))
	if open != nil {
		return nil, open
	}
	begun := time.Now()
	conn, err := dial(ctx, network, address)
	if err == nil || counts(ctx, err, time.Since(begun)) {
		done(err)
	} else {
		done(ErrUndecided)
	}
	return conn, err
}

// counts reports whether a failure is the destination's. These are not: a name
// that can't be resolved, an address that is not allowed, an attempt that was
// cut short, and a machine that has run out of a resource.
func counts(ctx context.Context, err error, took time.Duration) bool {
	var dialled *net.OpError
	var dns *net.DNSError
	if !errors.As(err, &dialled) || dialled.Op != "dial" || errors.As(err, &dns) {
		return false
	}
	if ctx.Err() != nil || dialled.Timeout() {
		return took >= patient
	}
	for _, own := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EACCES, syscall.EPERM, syscall.ENETUNREACH,
	} {
		if errors.Is(err, own) {
			return false
		}
	}
	var number syscall.Errno
	return errors.As(err, &number)
}

// reason returns the text of a failure without the address, which an *Open has.
func reason(err error) string {
	var dialled *net.OpError
	if errors.As(err, &dialled) && dialled.Err != nil {
		err = dialled.Err
	}
	text := err.Error()
	return text[:min(len(text), maxReason)]
}
