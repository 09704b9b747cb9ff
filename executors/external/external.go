// Package external is the executors that users make without Go: a folder of
// definitions, each with a section that says how the work is done. A program
// is started, a request is sent, a task tree is run, or the tools of another
// MCP server are called.
//
// The folder is looked at again and again while a server runs. What is new is
// registered, what is gone is withdrawn, and what is broken is reported while
// its last good version goes on. MCP servers are asked in the background, each
// for itself: none of them holds up the rest.
package external

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
)

// Options are where the definitions are and what they are made with. Dir and
// Registry are required.
type Options struct {
	// Dir need not exist; it may come later.
	Dir      string
	Registry *executors.Registry
	Log      zerolog.Logger
	// Trees runs task trees; nil: there are none.
	Trees Trees
	// Peers connects to MCP servers; nil: there are none.
	Peers Peers
	// Reserved are ids that mean something else to whoever calls.
	Reserved []string
	// Every is how often a watched folder is looked at (500 ms).
	Every time.Duration
	// Wait is how long Open waits for MCP servers to list their tools; what
	// comes later is for a watch, or Await, to take. 0: as long as they may
	// take.
	Wait time.Duration
}

// Problem is what is wrong with one file of the folder.
type Problem struct {
	File string // below the folder, with slashes
	Err  error  // begins with the file and the line
}

// Folder holds the executors of one folder in the registry.
type Folder struct {
	opts Options

	mu      sync.Mutex // held while the folder is read
	sources map[string]*source
	missing error // why the folder itself can't be read

	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	watches bool
	working sync.WaitGroup // the watch, and servers that are being asked
}

// Open reads the folder once. Its problems do not keep anything else from
// working; they are logged, and Problems has them.
func Open(opts Options) *Folder {
	if opts.Every <= 0 {
		opts.Every = 500 * time.Millisecond
	}
	f := &Folder{opts: opts, sources: map[string]*source{}}
	f.ctx, f.stop = context.WithCancel(context.Background())
	f.scan(true)
	ctx := f.ctx
	if opts.Wait > 0 {
		limited, cancel := context.WithTimeout(ctx, opts.Wait)
		defer cancel()
		ctx = limited
	}
	f.await(ctx)
	return f
}

// Dir is the folder.
func (f *Folder) Dir() string { return f.opts.Dir }

// Watch follows the folder from now on, until Close. A file is read when it
// has stayed as it is from one look to the next, so that one that is being
// written is not read half.
//
// It looks rather than being told: that works the same on every system and on
// folders of other machines, and a look at a few files costs microseconds.
func (f *Folder) Watch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watches {
		return
	}
	f.watches = true
	f.working.Go(func() {
		ticker := time.NewTicker(f.opts.Every)
		defer ticker.Stop()
		for {
			select {
			case <-f.ctx.Done():
				return
			case <-ticker.C:
				f.scan(false)
			}
		}
	})
}

// Reload reads now what has changed, however lately.
func (f *Folder) Reload() {
	f.scan(true)
	f.Await()
}

// Close ends the watching and the asking. The executors stay registered, and
// are closed with the registry.
func (f *Folder) Close() error {
	f.stop()
	f.working.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sources {
		s.asking.drop()
		s.asking = nil
	}
	return nil
}

// Problems are what is wrong now, in the order of the files. Files with
// problems may still have an earlier version of themselves at work.
func (f *Folder) Problems() []Problem {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []Problem
	if f.missing != nil {
		list = append(list, Problem{File: ".", Err: f.missing})
	}
	for _, name := range sortedKeys(f.sources) {
		if err := f.sources[name].problem; err != nil {
			list = append(list, Problem{File: name, Err: err})
		}
	}
	return list
}

// Origin is the file that an executor came from, below the folder.
func (f *Folder) Origin(id string) (file string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.owner(id)
}
