package mcp

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	// progressInterval is the shortest time between two notifications of a
	// call, and messageInterval before one that has another message only.
	progressInterval = 100 * time.Millisecond
	messageInterval  = time.Second
	// firstBeats is the longest time without a notification in the first
	// firstPhase of a call, and laterBeats afterwards. Clients with short
	// time-outs extend them with each notification.
	firstBeats = 2 * time.Second
	firstPhase = 30 * time.Second
	laterBeats = 10 * time.Second
	// progressFlush is the longest time that a reply waits for its last
	// notification.
	progressFlush = 2 * time.Second
)

// reporter sends the latest progress of a call, at most ten times a second, and
// signs of life while there is none. The last progress is sent before the reply.
// A client that reads slowly delays only its own reply, by at most progressFlush.
type reporter struct {
	token json.RawMessage
	send  func([]byte) error
	begun time.Time

	mu      sync.Mutex
	latest  executors.Progress
	doing   string // the latest message
	told    string // the message that was sent last
	dirty   bool
	sent    float64
	any     bool // something was sent
	lastAt  time.Time
	beat    *time.Timer   // sends a message or a sign of life
	idle    chan struct{} // closed when the sending goroutine has ended; nil while none runs
	closing chan struct{}
	closed  bool
}

// newReporter returns the reporter of a call that is doing something.
func newReporter(token json.RawMessage, doing string, send func([]byte) error) *reporter {
	r := &reporter{token: token, send: send, begun: time.Now(), doing: doing, closing: make(chan struct{})}
	r.mu.Lock() // the timer reads beat
	defer r.mu.Unlock()
	r.beat = time.AfterFunc(firstBeats, r.live)
	return r
}

// report stores the latest progress and never blocks. MCP requires the count to
// grow with each notification, so a count that does not grow is dropped. Its
// message is sent a little later, with a count that is a fraction higher.
func (r *reporter) report(p executors.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if p.Message != "" {
		r.doing = p.Message
	}
	switch {
	case p.Done == 0 && p.Total == 0, r.any && p.Done <= r.sent, r.dirty && p.Done < r.latest.Done:
		if r.doing != r.told && !r.dirty {
			r.beat.Reset(max(0, messageInterval-time.Since(r.lastOr())))
		}
		return
	}
	r.set(p)
}

// lastOr returns the time of the last notification, or of the call's begin. The
// lock is held.
func (r *reporter) lastOr() time.Time {
	if r.any {
		return r.lastAt
	}
	return r.begun
}

// set has progress sent. The lock is held.
func (r *reporter) set(p executors.Progress) {
	r.latest, r.dirty = p, true
	if r.idle == nil {
		r.idle = make(chan struct{})
		go r.run(r.idle)
	}
}

// live sends a message that was not sent yet, or a sign of life: what the call is
// doing and for how long.
func (r *reporter) live() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.beat.Reset(r.pace())
	if r.dirty || r.idle != nil || r.any && time.Since(r.lastAt) < messageInterval {
		return // the client is slow, or something is about to be or was just sent
	}
	p := executors.Progress{Done: r.sent, Total: r.latest.Total, Message: r.doing}
	if r.any {
		if p.Done = nudged(r.sent); p.Done <= r.sent {
			return
		}
	}
	if r.doing == r.told || strings.HasPrefix(r.doing, running) {
		p.Message = lasting(r.doing, time.Since(r.begun))
	}
	if p.Done > p.Total {
		p.Total = 0
	}
	r.told = r.doing
	r.set(p)
}

// pace returns the longest time until the next notification.
func (r *reporter) pace() time.Duration {
	if time.Since(r.begun) < firstPhase {
		return firstBeats
	}
	return laterBeats
}

// nudged returns a count that is a fraction higher, and below the next whole
// number however often it is called.
func nudged(count float64) float64 {
	whole := math.Floor(count) + 1
	next := max(count+(whole-count)*1e-6, math.Nextafter(count, whole))
	if next >= whole {
		return count
	}
	return next
}

// running begins the message of a call that is in progress.
const running = "running "

// lasting returns what a call is doing with the time since its begin.
func lasting(doing string, since time.Duration) string {
	took := fmt.Sprintf("%d s", int(since.Seconds()))
	if since >= 2*time.Minute {
		took = fmt.Sprintf("%d min", int(since.Minutes()))
	}
	if strings.HasPrefix(doing, running) {
		return doing + " for " + took
	}
	return doing + "; " + took + " so far"
}

// run sends until the latest progress has been sent.
func (r *reporter) run(idle chan struct{}) {
	defer close(idle)
	for {
		r.mu.Lock()
		if !r.dirty {
			r.idle = nil
			r.mu.Unlock()
			return
		}
		if wait := progressInterval - time.Since(r.lastAt); wait > 0 && !r.closed {
			r.mu.Unlock()
			r.pause(wait)
			continue
		}
		p := r.latest
		r.dirty, r.any, r.sent, r.lastAt = false, true, p.Done, time.Now()
		if p.Message == r.doing {
			r.told = p.Message
		}
		if !r.closed {
			r.beat.Reset(r.pace())
		}
		r.mu.Unlock()
		if r.send(r.notification(p)) != nil {
			r.mu.Lock()
			r.closed, r.dirty = true, false // the caller is gone
			r.beat.Stop()
			r.mu.Unlock()
		}
	}
}

func (r *reporter) pause(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.closing:
	}
}

// close sends the last progress and waits until it is written.
func (r *reporter) close() {
	r.mu.Lock()
	idle := r.idle
	r.closed = true
	r.beat.Stop()
	close(r.closing)
	r.mu.Unlock()
	if idle == nil {
		return
	}
	timer := time.NewTimer(progressFlush)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}

func (r *reporter) notification(p executors.Progress) []byte {
	b := append([]byte(nil), `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":`...)
	b = append(b, r.token...)
	b = append(b, `,"progress":`...)
	b = strconv.AppendFloat(b, p.Done, 'f', -1, 64)
	if p.Total > 0 {
		b = append(b, `,"total":`...)
		b = strconv.AppendFloat(b, p.Total, 'f', -1, 64)
	}
	if p.Message != "" {
		b = append(b, `,"message":`...)
		b = plainjson.AppendString(b, shorten.Bytes(p.Message, 300))
	}
	return append(b, "}}"...)
}
