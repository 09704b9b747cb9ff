// Package batch does one piece of work for each row of a table with several
// workers, and writes the results in the order of the rows.
//
// A result is recorded before it is written. Results that wait for an earlier row
// are read from the record again, so memory depends neither on the number of rows
// nor on the slowest one. Recorded work is not repeated, and equal work is done
// once.
package batch

import (
	"context"
	"errors"
	"io"
	"sync"
)

// Item is the work of a row. Items with the same key share one result.
type Item struct {
	Key  Key
	Task string
}

// Store records results. It is safe for concurrent use.
type Store interface {
	Find(Key) (Ref, error)
	Append(Key, []byte) (Ref, error)
	Read(Ref) ([]byte, error)
}

// Options are the parts of a batch; all but Again are required.
type Options struct {
	// Workers is the number of workers.
	Workers int
	Store   Store
	// Again reports whether recorded work is to be repeated. If the batch stops
	// before that, the earlier result is written.
	Again func(ref Ref, result []byte) bool
	// Next returns the items in order, and io.EOF after the last one.
	Next func() (Item, error)
	// Do does the work of an item. An error stops the batch: the work in flight is
	// cancelled and not recorded. A failure of the item alone is a result.
	Do func(ctx context.Context, task string) ([]byte, error)
	// Write is called from one goroutine with the results in the order of the
	// items; nil for an item whose work was not done.
	Write func(result []byte) error
}

const (
	// window bounds the items that are read and not yet written.
	window = 1 << 16
	// heldMost bounds the bytes of results in memory. Others are read from the
	// record.
	heldMost = 1 << 20
	// unreached stands for the result of work that was not done.
	unreached Ref = -1
)

// place is where the result of an item is: in the record (0: not yet), and if
// there is room, in memory.
type place struct {
	ref    Ref
	result []byte
}

// run is a batch in progress.
type run struct {
	opts   Options
	caller context.Context
	ctx    context.Context
	stop   context.CancelFunc
	jobs   chan job

	mu     sync.Mutex
	space  sync.Cond // the writer has freed a place
	ready  sync.Cond // the next result is there, or no more will come
	ring   []place
	held   int // bytes of results in the ring
	base   int // the item that is written next
	next   int // the item that is read next
	ended  bool
	cause  error // why the batch stopped
	flying map[Key][]int
}

type job struct {
	at      int // its item
	earlier Ref // the result if the work is not done; unreached: none
	Item
}

// Run does a batch and returns when Write was called for every item. A batch that
// was stopped still writes what is recorded; Run then returns the reason.
func Run(ctx context.Context, opts Options) error {
	r := &run{opts: opts, caller: ctx, jobs: make(chan job), ring: make([]place, window), flying: map[Key][]int{}}
	r.space.L, r.ready.L = &r.mu, &r.mu
	r.ctx, r.stop = context.WithCancel(ctx)
	defer r.stop()
	unhook := context.AfterFunc(ctx, func() { r.halt(context.Cause(ctx)) })
	defer unhook()

	var working sync.WaitGroup
	for range max(1, opts.Workers) {
		working.Go(r.work)
	}
	working.Go(r.read)
	r.write()
	working.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cause
}

// halt stops the batch. The first reason is kept; after the caller cancelled, it is
// the caller's.
func (r *run) halt(cause error) {
	if r.caller.Err() != nil {
		cause = context.Cause(r.caller)
	}
	r.mu.Lock()
	if r.cause == nil {
		r.cause = cause
	}
	r.mu.Unlock()
	r.stop()
}

// read reads the items and passes their work to the workers.
func (r *run) read() {
	defer func() {
		close(r.jobs)
		r.mu.Lock()
		r.ended = true
		r.mu.Unlock()
		r.ready.Signal()
	}()
	for {
		item, err := r.opts.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.halt(err)
			}
			return
		}
		at, follows := r.place(item)
		if follows {
			continue
		}
		earlier, again, err := r.find(item.Key)
		if err != nil {
			r.halt(err)
		}
		if !again || r.ctx.Err() != nil {
			r.settle(place{ref: earlier}, at)
			continue
		}
		r.mu.Lock()
		r.flying[item.Key] = nil
		r.mu.Unlock()
		r.jobs <- job{at, earlier, item}
	}
}

// find returns the record of a piece of work, and whether it is to be done.
func (r *run) find(key Key) (earlier Ref, again bool, err error) {
	ref, err := r.opts.Store.Find(key)
	switch {
	case err != nil || ref == 0:
		return unreached, true, err
	case r.opts.Again == nil:
		return ref, false, nil
	}
	result, err := r.opts.Store.Read(ref)
	return ref, err == nil && r.opts.Again(ref, result), err
}

// place waits for room in the window and returns the item's number. follows is true
// if equal work is in flight, whose result the item then gets.
func (r *run) place(item Item) (at int, follows bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.next-r.base >= window {
		r.space.Wait()
	}
	at = r.next
	r.next++
	followers, follows := r.flying[item.Key]
	if follows {
		r.flying[item.Key] = append(followers, at)
	}
	return at, follows
}

// settle stores the place of the result of items.
func (r *run) settle(at place, items ...int) {
	r.mu.Lock()
	wake := false
	for _, item := range items {
		if r.held+len(at.result) > heldMost {
			at.result = nil
		}
		r.held += len(at.result)
		r.ring[item%window] = at
		wake = wake || item == r.base
	}
	r.mu.Unlock()
	if wake {
		r.ready.Signal()
	}
}

func (r *run) work() {
	for j := range r.jobs {
		done := r.do(j)
		r.mu.Lock()
		followers := r.flying[j.Key]
		delete(r.flying, j.Key)
		r.mu.Unlock()
		r.settle(done, append(followers, j.at)...)
	}
}

// do does the work of an item and records the result.
func (r *run) do(j job) place {
	if r.ctx.Err() != nil {
		return place{ref: j.earlier}
	}
	result, err := r.opts.Do(r.ctx, j.Task)
	if err == nil {
		var ref Ref
		if ref, err = r.opts.Store.Append(j.Key, result); err == nil {
			return place{ref, result}
		}
	}
	r.halt(err)
	return place{ref: j.earlier}
}

// write writes the results in order.
func (r *run) write() {
	broken := false
	for {
		next, ok := r.await()
		if !ok {
			return
		}
		if broken {
			continue
		}
		if err := r.give(next); err != nil {
			r.halt(err)
			broken = true
		}
	}
}

// await waits for the next result; false after the last one.
func (r *run) await() (next place, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if at := &r.ring[r.base%window]; r.base < r.next && at.ref != 0 {
			next, *at = *at, place{}
			r.held -= len(next.result)
			r.base++
			r.space.Signal()
			return next, true
		}
		if r.ended && r.base == r.next {
			return place{}, false
		}
		r.ready.Wait()
	}
}

func (r *run) give(at place) error {
	switch {
	case at.ref == unreached:
		return r.opts.Write(nil)
	case at.result != nil:
		return r.opts.Write(at.result)
	}
	result, err := r.opts.Store.Read(at.ref)
	if err != nil {
		return err
	}
	return r.opts.Write(result)
}
