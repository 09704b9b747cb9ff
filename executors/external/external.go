// Package external loads the executors that users define in a folder. It is not a stable API.
// They need no Go code. The run section of each definition says how a call is
// done: it starts a program, sends an HTTP request, runs a task tree, or calls
// a tool of another MCP server.
//
// The folder is polled while a server runs. New executors are registered,
// removed ones are unregistered, and a broken file is reported while its last
// valid version stays registered. MCP servers are queried in the background,
// so that a slow one delays nothing else.
package external

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
)

// Options configure Open. Dir and Registry are required.
type Options struct {
	// Dir is the folder of the definitions. It may be created later.
	Dir      string
	Registry *executors.Registry
	Log      zerolog.Logger
	// Trees runs task trees; nil: definitions of kind tree fail.
	Trees Trees
	// Peers connects to MCP servers; nil: definitions of kind mcp fail.
	Peers Peers
	// Reserved are IDs that executors must not use, such as the server's tools.
	Reserved []string
	// OnDemand asks an MCP server for its tools only when Need or Await needs it.
	OnDemand bool
	// Every is the polling interval of Watch. Default: 500 ms.
	Every time.Duration
	// Wait limits how long Open waits for MCP servers to list their tools.
	// Watch or Await registers the tools that arrive later. 0: Open waits for
	// every server.
	Wait time.Duration

	list func(dir string) ([]string, error) // of a test; nil: list
}

// Problem is an error in one file of the folder.
type Problem struct {
	File string // relative to the folder, with slashes
	Err  error  // starts with FILE:LINE
}

// Folder keeps the executors of one folder registered.
type Folder struct {
	opts Options

	scanning sync.Mutex   // held during a scan
	reading  chan reading // the folder is being read; nil: it is not

	mu      sync.Mutex // held while files are read
	sources map[string]*source
	missing error // why the folder itself can't be read; nil: it can

	ctx     context.Context // canceled by Close
	stop    context.CancelFunc
	watches bool
	working sync.WaitGroup // the watch and the pending MCP requests
}

// Open reads the folder once and registers its executors. Errors in files are
// logged and returned by Problems; they do not affect other files.
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

// Dir returns the path of the folder.
func (f *Folder) Dir() string { return f.opts.Dir }

// Watch polls the folder until Close. A file is read when it is unchanged
// between two polls, so that a half-written file is not read.
//
// Polling works the same on every system and on network file systems, and
// costs microseconds for a few files.
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

// Reload reads all changed files now and waits for pending MCP servers.
func (f *Folder) Reload() {
	f.scan(true)
	f.Await(f.ctx)
}

// Close stops the watch and the pending MCP requests. The executors stay
// registered; closing the registry closes them.
func (f *Folder) Close() error {
	f.stop()
	f.working.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sources {
		s.drop()
	}
	return nil
}

// Problems returns the current errors, sorted by file. An earlier version of a
// file with an error may still be registered.
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

// Origin returns the file of an executor, relative to the folder.
func (f *Folder) Origin(id string) (file string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.owner(id)
}
