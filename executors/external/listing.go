package external

import (
	"context"
	"strings"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// listFor is the time limit for a server to list its tools.
const listFor = 15 * time.Second

// listing is a tools/list request to an MCP server that runs in the
// background, so that a slow or hung server delays nothing else.
type listing struct {
	loading *loading
	stop    context.CancelFunc
	done    chan struct{} // closed when made and err are set
	made    []executors.Executor
	err     error
}

func (f *Folder) ask(l *loading) *listing {
	ctx, stop := context.WithTimeout(f.ctx, listFor)
	a := &listing{loading: l, stop: stop, done: make(chan struct{})}
	f.working.Go(func() {
		defer close(a.done)
		defer stop()
		a.made, a.err = l.finish(ctx)
	})
	return a
}

// ended reports whether the request has ended.
func (a *listing) ended() bool {
	if a == nil {
		return false
	}
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// drop cancels the request and closes the executors that it made.
func (a *listing) drop() {
	if a == nil {
		return
	}
	a.stop()
	<-a.done
	discard(a.made)
}

// drop ends a request, or closes a server that was not asked.
func (s *source) drop() {
	s.listing.drop()
	if s.waiting != nil {
		_ = s.waiting.leave() // an error has no effect: it was never used
	}
	s.listing, s.waiting = nil, nil
}

// Await waits until every MCP server has listed its tools or timed out, or the
// context ends, and registers the tools. It returns false if none was pending.
func (f *Folder) Await(ctx context.Context) bool {
	f.mu.Lock()
	for _, s := range f.sources {
		f.start(s)
	}
	f.mu.Unlock()
	return f.await(ctx)
}

// start asks a server that was not asked yet.
func (f *Folder) start(s *source) {
	if l := s.waiting; l != nil {
		s.waiting, s.asked = nil, true
		s.listing = f.ask(l)
	}
}

// Need waits until the MCP servers whose tools begin like an unknown ID have
// listed them, and registers the tools. If there is none, and a file has a
// problem that the tools of a server may solve, it waits for all.
func (f *Folder) Need(id string) {
	if !f.mu.TryLock() { // a scan looks up the executors of its files
		return
	}
	var pending []*listing
	broken := false
	for _, s := range f.sources {
		broken = broken || s.problem != nil
		if s.waiting != nil && strings.HasPrefix(id, s.waiting.prefix+"_") {
			f.start(s)
		}
		if s.listing != nil && strings.HasPrefix(id, s.listing.loading.prefix+"_") {
			pending = append(pending, s.listing)
		}
	}
	f.mu.Unlock()
	if len(pending) == 0 && broken {
		f.Await(f.ctx)
		return
	}
	for _, each := range pending {
		select {
		case <-each.done:
		case <-f.ctx.Done():
		}
	}
	if len(pending) > 0 {
		f.scan(true)
	}
}

// await repeats because the tools of one server can complete a tree or a file
// that in turn starts another request.
func (f *Folder) await(ctx context.Context) (waited bool) {
	for pending := f.pendingListings(); len(pending) > 0; pending = f.pendingListings() {
		waited = true
		for _, each := range pending {
			select {
			case <-each.done:
			case <-ctx.Done():
			}
		}
		if !f.scan(true) || ctx.Err() != nil {
			break
		}
	}
	return waited
}

// Pending returns the files of the MCP servers that have not listed their tools
// yet, sorted.
func (f *Folder) Pending() (files []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range sortedKeys(f.sources) {
		if s := f.sources[name]; s.waiting != nil || s.listing != nil {
			files = append(files, name)
		}
	}
	return files
}

func (f *Folder) pendingListings() (list []*listing) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sources {
		if s.listing != nil {
			list = append(list, s.listing)
		}
	}
	return list
}
