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
	log.Logger = zerolog.Nop() // the library's toxics log to it
}

// valve counts the bytes that the server sends, and can close a connection after
// a number of them. The library's toxics (limit_data, timeout) don't fit: they
// count from the start of a connection, let silent connections go on once they
// are removed, and block forever on data after the end.
type valve struct {
	sent, connections atomic.Int64
	closing           atomic.Pointer[closing]

	mu     sync.Mutex
	over   chan struct{} // closed to end the connections that are open now
	open   int           // connections; a WaitGroup can't be added to while it is waited for
	ended  sync.Cond     // signalled when open falls; its lock is mu
	closed bool          // connections that are opened now end at once
}

func (v *valve) init() { v.over, v.ended.L = make(chan struct{}), &v.mu }

// stop closes all connections, those that are opened later too, and waits for the
// end of those that are open.
func (v *valve) stop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	close(v.over)
	for v.open > 0 {
		v.ended.Wait()
	}
}

// end closes the open connections.
func (v *valve) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.closed {
		close(v.over)
		v.over = make(chan struct{})
	}
}

// closing says after how many bytes a valve closes, and what it does then.
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
	since  *closing // passed counts the bytes since this setting
	passed int64
	rest   []byte // received, but not passed on yet
	closed func(*flow, *toxics.ToxicStub)
}

// NewState is called for each connection.
func (v *valve) NewState() any {
	v.connections.Add(1)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open++
	return &flow{valve: v, over: v.over}
}

// Pipe passes data on. The library calls it again after an interruption.
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
		if len(chunk.Data) > 0 && !f.send(stub, chunk) {
			return
		}
	}
	f.closed(f, stub)
}

// next waits for the server's next chunk. It returns false if the connection has
// ended or the library interrupts.
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

// send passes a chunk on. It returns false if the connection has ended.
func (f *flow) send(stub *toxics.ToxicStub, chunk *stream.StreamChunk) bool {
	select {
	case stub.Output <- chunk:
		return true
	case <-f.over:
		f.end(stub)
		return false
	}
}

// end closes the connection and discards later data.
func (f *flow) end(stub *toxics.ToxicStub) {
	stub.Close()
	f.valve.mu.Lock()
	f.valve.open--
	f.valve.ended.Broadcast()
	f.valve.mu.Unlock()
	for range stub.Input { // until the library closes it
	}
}

// stall discards all data, and hides the server's close for longer than calls
// wait. Hiding it forever would keep connections that the caller has closed.
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

// trickle passes one byte on at a time.
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
			if !f.send(stub, &stream.StreamChunk{Data: f.rest[:1]}) {
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
