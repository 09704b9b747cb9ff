// Package batch does one piece of work for each row of a table, many at a
// time, and gives the results in the order of the rows.
//
// A result is recorded before anybody hears of it, and what has to wait for
// its turn waits as a place in the record: memory depends neither on the
// number of rows nor on how far the workers are ahead of the slowest row. Work
// that is recorded is not done again, nor is work that another row is having
// done.
package batch

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/chainwright/chainwright/tools/sequential/journal"
)

// Item is a row's work. Two items of one key are one piece of work.
type Item struct {
	Key  journal.Key
	Task string
}

// Store records results. It is safe for concurrent use.
type Store interface {
	Find(journal.Key) (journal.Ref, error)
	Append(journal.Key, []byte) (journal.Ref, error)
	Read(journal.Ref) ([]byte, error)
}

// Options say what is done.
type Options struct {
	// Workers is how many pieces of work are done at a time.
	Workers int
	Store   Store
	// Next gives the items in order, and io.EOF behind the last one.
	Next func() (Item, error)
	// Do does a piece of work. An error stops the batch: what is in flight is
	// cancelled and not recorded. Work that failed for good is a result.
	Do func(ctx context.Context, task string) ([]byte, error)
	// Write takes the results in the order of the items, from one goroutine;
	// nil for an item that was not reached.
	Write func(result []byte) error
}

const (
	// window is how many items may be ahead of the one that is written next.
	window = 1 << 16
	// unreached is the place of a result that never was.
	unreached journal.Ref = -1
)

// run is a batch under way.
type run struct {
	opts   Options
	caller context.Context
	ctx    context.Context
	stop   context.CancelFunc
	jobs   chan job

	mu     sync.Mutex
	space  sync.Cond // the writer has moved on
	ready  sync.Cond // the result that it waits for is there, or all are
	ring   []journal.Ref
	base   int // the item that is written next
	next   int // the item that is read next
	ended  bool
	cause  error // why the batch stopped
	flying map[journal.Key][]int
}

type job struct {
	place int
	Item
}

// Run does a batch. It returns when all items are written, those that were
// recorded also where the batch was stopped, and with the reason why it was.
func Run(ctx context.Context, opts Options) error {
	r := &run{opts: opts, caller: ctx, jobs: make(chan job), ring: make([]journal.Ref, window), flying: map[journal.Key][]int{}}
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

// halt stops the batch; the first reason counts, and the caller's before all
// that follows from it.
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

// read hands out the items.
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
		place, follows := r.place(item)
		if follows {
			continue
		}
		ref, err := r.opts.Store.Find(item.Key)
		switch {
		case err != nil:
			r.halt(err)
			r.settle(unreached, place)
		case ref != 0:
			r.settle(ref, place)
		case r.ctx.Err() != nil:
			r.settle(unreached, place)
		default:
			r.mu.Lock()
			r.flying[item.Key] = nil
			r.mu.Unlock()
			r.jobs <- job{place, item}
		}
	}
}

// place gives the item its place in the order, when there is room. An item
// whose work is being done follows that.
func (r *run) place(item Item) (place int, follows bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.next-r.base >= window {
		r.space.Wait()
	}
	place = r.next
	r.next++
	followers, follows := r.flying[item.Key]
	if follows {
		r.flying[item.Key] = append(followers, place)
	}
	return place, follows
}

// settle says where the results of items are.
func (r *run) settle(ref journal.Ref, places ...int) {
	r.mu.Lock()
	wake := false
	for _, place := range places {
		r.ring[place%window] = ref
		wake = wake || place == r.base
	}
	r.mu.Unlock()
	if wake {
		r.ready.Signal()
	}
}

func (r *run) work() {
	for j := range r.jobs {
		ref := r.do(j)
		r.mu.Lock()
		followers := r.flying[j.Key]
		delete(r.flying, j.Key)
		r.mu.Unlock()
		r.settle(ref, append(followers, j.place)...)
	}
}

// do does a piece of work and records it.
func (r *run) do(j job) journal.Ref {
	if r.ctx.Err() != nil {
		return unreached
	}
	result, err := r.opts.Do(r.ctx, j.Task)
	if err == nil {
		var ref journal.Ref
		if ref, err = r.opts.Store.Append(j.Key, result); err == nil {
			return ref
		}
	}
	r.halt(err)
	return unreached
}

// write gives out the results in order.
func (r *run) write() {
	broken := false
	for {
		ref, ok := r.await()
		if !ok {
			return
		}
		if broken {
			continue
		}
		if err := r.give(ref); err != nil {
			r.halt(err)
			broken = true
		}
	}
}

// await waits for the result that is next.
func (r *run) await() (ref journal.Ref, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if at := &r.ring[r.base%window]; r.base < r.next && *at != 0 {
			ref, *at = *at, 0
			r.base++
			r.space.Signal()
			return ref, true
		}
		if r.ended && r.base == r.next {
			return 0, false
		}
		r.ready.Wait()
	}
}

func (r *run) give(ref journal.Ref) error {
	if ref == unreached {
		return r.opts.Write(nil)
	}
	result, err := r.opts.Store.Read(ref)
	if err != nil {
		return err
	}
	return r.opts.Write(result)
}
