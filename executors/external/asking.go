package external

import (
	"context"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// listFor is how long a server may take to list its tools.
const listFor = 15 * time.Second

// asking is the rest of the making of a file's executors, for which another
// server is asked. It goes on beside everything else: that server may take
// its time, or never answer.
type asking struct {
	loading *loading
	stop    context.CancelFunc
	done    chan struct{} // closed when made or err is there
	made    []executors.Executor
	err     error
}

func (f *Folder) ask(l *loading) *asking {
	ctx, stop := context.WithTimeout(f.ctx, listFor)
	a := &asking{loading: l, stop: stop, done: make(chan struct{})}
	f.working.Go(func() {
		defer close(a.done)
		defer stop()
		a.made, a.err = l.rest(ctx)
	})
	return a
}

// answered reports whether there is something to take.
func (a *asking) answered() bool {
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

// drop gives it up, with what it may have made.
func (a *asking) drop() {
	if a == nil {
		return
	}
	a.stop()
	<-a.done
	discard(a.made)
}

// Await waits for the servers that are being asked, each of which has its
// time, and takes what they say. It reports whether there were any.
func (f *Folder) Await() bool { return f.await(f.ctx) }

// await looks and waits in turns: what one server brought may have another
// asked.
func (f *Folder) await(ctx context.Context) (waited bool) {
	for asked := f.asked(); len(asked) > 0; asked = f.asked() {
		waited = true
		for _, each := range asked {
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

func (f *Folder) asked() (list []*asking) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sources {
		if s.asking != nil {
			list = append(list, s.asking)
		}
	}
	return list
}
