// Package breaker leaves destinations alone that can't be reached: after so
// many connections to one have failed in a row, further ones fail at once,
// until one is let through to find out.
//
// Only failed attempts to connect count, since callers have no part in them.
// A time-out or an error after that says something of one request, and must
// not keep others from the same host. Nor must a caller's impatience: an
// attempt that was cut short says nothing, and leaves everything as it was.
// (That is what the usual library has no word for.)
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
)

const (
	// first is how long a destination is left alone at first; each attempt
	// that fails again doubles it.
	first = time.Second
	// patient is how long an attempt must have lasted for its end to say that
	// the destination does not answer, whoever ended it.
	patient = 5 * time.Second
	// most is how many destinations are remembered: those that failed last.
	most = 1024
	// maxReason bounds what is kept of an error.
	maxReason = 200
)

// Dial opens a network connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Breaker knows which destinations can't be reached. A nil one knows of none.
type Breaker struct {
	failures int
	longest  time.Duration

	mu   sync.Mutex
	by   map[string]*list.Element // of *destination
	last *list.List               // the one that failed last is in front
}

// destination is one to which the last attempt has failed.
type destination struct {
	address  string
	failures int // in a row
	since    time.Time
	failed   time.Time // the last one
	reason   string    // of the last one
	pause    time.Duration
	until    time.Time // zero: it is not left alone
	trying   bool      // an attempt is on its way that finds out
}

// New makes a breaker that leaves a destination alone after the given number
// of failures in a row, for the given time at most.
func New(failures int, longest time.Duration) *Breaker {
	return &Breaker{failures: failures, longest: longest, by: map[string]*list.Element{}, last: list.New()}
}

// Open says that a destination is left alone.
type Open struct {
	Address  string
	Failures int       // in a row
	Since    time.Time // when the first of them was
	Reason   string    // of the last
	// After is when it will be tried again.
	After time.Duration
}

// Error says what is known.
func (o *Open) Error() string {
	return fmt.Sprintf("%s can't be reached: %d attempts in a row have failed since %s, the last with %q; it is tried again in %s",
		o.Address, o.Failures, o.Since.UTC().Format(time.RFC3339), o.Reason, max(o.After.Round(time.Second), time.Second))
}

// Dial dials, unless the destination is left alone: then the error is an
// *Open. What is no network address is always dialled.
func (b *Breaker) Dial(ctx context.Context, network, address string, dial Dial) (net.Conn, error) {
	if b == nil || !strings.HasPrefix(network, "tcp") {
		return dial(ctx, network, address)
	}
	key := strings.ToLower(address)
	trying, open := b.enter(key, time.Now())
	if open != nil {
		return nil, open
	}
	begun := time.Now()
	conn, err := dial(ctx, network, address)
	switch {
	case err == nil:
		b.forget(key)
	case counts(ctx, err, time.Since(begun)):
		b.failed(key, err, begun, trying)
	case trying:
		b.undecided(key)
	}
	return conn, err
}

// enter says whether the destination is left alone, and whether this attempt
// is the one that finds out.
func (b *Breaker) enter(key string, now time.Time) (trying bool, open *Open) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, known := b.by[key]
	if !known {
		return false, nil
	}
	d := at.Value.(*destination)
	if now.Sub(d.failed) > max(2*b.longest, time.Minute) && !d.trying {
		b.remove(at) // too long ago to be in a row with anything
		return false, nil
	}
	switch {
	case d.until.IsZero():
		return false, nil
	case d.trying || now.Before(d.until):
		return false, &Open{d.address, d.failures, d.since, d.reason, max(d.until.Sub(now), first)}
	}
	d.trying = true
	return true, nil
}

// failed counts an attempt that has failed.
func (b *Breaker) failed(key string, err error, begun time.Time, trying bool) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	at, known := b.by[key]
	if !known { // or not any more, while it was being tried
		trying = false
		at = b.last.PushFront(&destination{address: key, since: begun})
		b.by[key] = at
		if b.last.Len() > most {
			b.remove(b.last.Back())
		}
	}
	b.last.MoveToFront(at)
	d := at.Value.(*destination)
	d.failures++
	d.failed, d.reason = now, reason(err)
	switch {
	case trying:
		d.trying = false
		d.pause = min(2*d.pause, b.longest)
		d.until = now.Add(d.pause)
	case d.until.IsZero() && d.failures >= b.failures:
		d.pause = min(first, b.longest)
		d.until = now.Add(d.pause)
	}
}

// undecided lets the next attempt find out.
func (b *Breaker) undecided(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at, known := b.by[key]; known {
		at.Value.(*destination).trying = false
	}
}

// forget notes that a destination can be reached.
func (b *Breaker) forget(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at, known := b.by[key]; known {
		b.remove(at)
	}
}

func (b *Breaker) remove(at *list.Element) {
	delete(b.by, at.Value.(*destination).address)
	b.last.Remove(at)
}

// counts says whether a failure is the destination's. A name that can't be
// resolved, an address that is not allowed, an attempt that was cut short and
// a machine that has run out of something are not.
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

// reason is what went wrong, without the address, which is said already.
func reason(err error) string {
	var dialled *net.OpError
	if errors.As(err, &dialled) && dialled.Err != nil {
		err = dialled.Err
	}
	text := err.Error()
	return text[:min(len(text), maxReason)]
}
