package toxic

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
	"github.com/rs/zerolog/log"
)

func init() {
	toxics.Register("valve", new(valve))
	log.Logger = zerolog.Nop() // to which the library's toxics talk
}

// valve counts what the peer sends, and closes when it is told to. It is a
// toxic of our own, since those of the library (limit_data, timeout) count
// from the beginning of a connection, let what was silent speak again once
// they are removed, and wait for ever with what the peer sends after the end.
type valve struct {
	sent, connections atomic.Int64
	closing           atomic.Pointer[closing]
	flows             sync.WaitGroup

	mu   sync.Mutex
	over chan struct{} // closed when the connections of now end
}

// end ends the connections that are open.
func (v *valve) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	close(v.over)
	v.over = make(chan struct{})
}

// closing is when a valve closes, and what it does from then on.
type closing struct {
	after int64
	then  func(*flow, *toxics.ToxicStub)
}

func (v *valve) close(after int64, then func(*flow, *toxics.ToxicStub)) {
	v.closing.Store(&closing{after, then})
}

// flow is one connection.
type flow struct {
	valve  *valve
	over   <-chan struct{}
	since  *closing // what passed is counted for
	passed int64
	rest   []byte // held back
	closed func(*flow, *toxics.ToxicStub)
}

// NewState is called for each connection.
func (v *valve) NewState() any {
	v.connections.Add(1)
	v.flows.Add(1)
	v.mu.Lock()
	defer v.mu.Unlock()
	return &flow{valve: v, over: v.over}
}

// Pipe passes on what comes. It is called again after an interruption.
func (v *valve) Pipe(stub *toxics.ToxicStub) {
	f := stub.State.(*flow)
	for f.closed == nil {
		chunk, ok := f.next(stub)
		if !ok {
			return
		}
		v.sent.Add(int64(len(chunk.Data)))
		if now := v.closing.Load(); now != f.since {
			f.since, f.passed = now, 0
		}
		if f.since != nil {
			passes := max(0, min(f.since.after-f.passed, int64(len(chunk.Data))))
			if chunk.Data, f.rest = chunk.Data[:passes], chunk.Data[passes:]; len(f.rest) > 0 || passes == 0 {
				f.closed = f.since.then
			}
			f.passed += passes
		}
		if len(chunk.Data) > 0 && !f.give(stub, chunk) {
			return
		}
	}
	f.closed(f, stub)
}

// next waits for what the peer sends. Without it the connection is over, or
// the library wants to change something.
func (f *flow) next(stub *toxics.ToxicStub) (*stream.StreamChunk, bool) {
	select {
	case <-stub.Interrupt:
	case <-f.over:
		f.end(stub)
	case chunk := <-stub.Input:
		if chunk != nil {
			return chunk, true
		}
		f.end(stub)
	}
	return nil, false
}

// give passes a chunk on, as long as there is somebody who takes it.
func (f *flow) give(stub *toxics.ToxicStub, chunk *stream.StreamChunk) bool {
	select {
	case stub.Output <- chunk:
		return true
	case <-f.over:
		f.end(stub)
		return false
	}
}

// end ends the connection, and swallows what comes after the end.
func (f *flow) end(stub *toxics.ToxicStub) {
	stub.Close()
	f.valve.flows.Done()
	for range stub.Input { // until the library closes it
	}
}

// stall swallows everything, and for longer than calls wait that the peer has
// closed the connection. For ever would keep those that the caller closes.
func (f *flow) stall(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case <-f.over:
			f.end(stub)
			return
		case chunk := <-stub.Input:
			if chunk != nil {
				continue
			}
			select {
			case <-f.over:
			case <-time.After(2 * tooLong):
			}
			f.end(stub)
			return
		}
	}
}

// trickle passes on byte by byte.
func (f *flow) trickle(stub *toxics.ToxicStub) {
	for {
		for len(f.rest) > 0 {
			select {
			case <-stub.Interrupt:
				return
			case <-f.over:
				f.end(stub)
				return
			case <-time.After(200 * time.Millisecond):
			}
			if !f.give(stub, &stream.StreamChunk{Data: f.rest[:1]}) {
				return
			}
			f.rest = f.rest[1:]
		}
		chunk, ok := f.next(stub)
		if !ok {
			return
		}
		f.rest = chunk.Data
	}
}
