package mcp

import (
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	// progressInterval is the shortest time between two notifications of a
	// call.
	progressInterval = 100 * time.Millisecond
	// progressFlush is the longest time that a reply waits for its last
	// notification.
	progressFlush = 2 * time.Second
)

// reporter sends the latest progress of a call, at most ten times a second. The
// last progress is sent before the reply. A client that reads slowly delays only
// its own reply, by at most progressFlush.
type reporter struct {
	token json.RawMessage
	send  func([]byte) error

	mu      sync.Mutex
	latest  executors.Progress
	dirty   bool
	sent    float64
	any     bool // something was sent
	lastAt  time.Time
	idle    chan struct{} // closed when the sending goroutine has ended; nil while none runs
	closing chan struct{}
	closed  bool
}

func newReporter(token json.RawMessage, send func([]byte) error) *reporter {
	return &reporter{token: token, send: send, closing: make(chan struct{})}
}

// report stores the latest progress and never blocks. MCP requires the count to
// grow with each notification, so a count that does not grow is dropped.
func (r *reporter) report(p executors.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || (r.any && p.Done <= r.sent) || (r.dirty && p.Done < r.latest.Done) {
		return
	}
	r.latest, r.dirty = p, true
	if r.idle == nil {
		r.idle = make(chan struct{})
		go r.run(r.idle)
	}
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
		r.mu.Unlock()
		if r.send(r.notification(p)) != nil {
			r.mu.Lock()
			r.closed, r.dirty = true, false // the caller is gone
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
