// Package engine runs task trees and direct calls here. It is not a stable API.
// It implements chain.Engine in this process.
package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/limit"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/telemetry"
)

// defaultParallel is the default number of tasks in flight.
const defaultParallel = 64

// Options are the parts and settings of an Engine. Registry and Store are
// required.
type Options struct {
	Registry *executors.Registry
	Store    store.Store
	Log      zerolog.Logger
	// MaxParallel limits the tasks in flight in the whole process. 0: as the
	// policy says, else 64.
	MaxParallel int
	// Grace is how long a cancelled task may take to stop. 0: 5 s.
	Grace time.Duration
	// Owner names this process in the store. Empty: a random name.
	Owner string
	// Lease is how long a process that stores no heartbeat keeps its runs. It
	// is the same for all processes that share a store. 0: 20 s.
	Lease time.Duration
	// Config is the digest of the configuration file, or empty. It is recorded
	// with every run, together with the digest of the policy.
	Config string
	// Telemetry creates the spans of runs and tasks. Nil: there are none.
	Telemetry *telemetry.Telemetry
}

// Engine runs task trees and direct calls in this process. The store has their
// records.
type Engine struct {
	opts       Options
	lease      lease
	beating    sync.Mutex // held while a heartbeat is stored
	process    *limit.Limiter
	limits     map[string]*limit.Limiter // by executor, of those that have a limit
	principals *limit.Principals         // nil: principals have no limits
	treesWith  chain.Engine              // runs the saved trees of tasks; nil: this engine
	logs       *logs
	tasks      atomic.Int64       // calls of executors in flight, if telemetry is on
	answered   func(store.Answer) // receives answers to runs that are driven elsewhere; may be nil

	mu       sync.Mutex
	live     map[string]*run           // by run id
	calls    map[string]*call          // direct calls in progress, by run id
	unsaved  map[string]*store.Problem // runs whose end could not be stored
	adopt    *adoption                 // nil: runs of others are left alone
	adopting context.CancelFunc        // ends the adoption
	closing  bool
	idle     chan struct{}      // closed when the last run or call has ended; nil: Close does not wait
	watch    context.CancelFunc // ends the watcher; nil: it does not run
	watched  sync.WaitGroup

	queue runQueue // guarded by mu

	reaping     context.Context // of the work of reap and begin
	stopReaping context.CancelFunc
}

// New returns an engine. Close it before the store.
func New(opts Options) *Engine {
	limits := opts.Registry.Policy().Limits()
	if opts.MaxParallel == 0 {
		opts.MaxParallel = limits.MaxParallel
	}
	if opts.MaxParallel == 0 {
		opts.MaxParallel = defaultParallel
	}
	if opts.Grace == 0 {
		opts.Grace = 5 * time.Second
	}
	if opts.Lease == 0 {
		opts.Lease = defaultLease
	}
	if opts.Owner == "" {
		opts.Owner = newID()
	}
	r := &Engine{
		opts:       opts,
		lease:      lease{length: opts.Lease},
		process:    limit.New(opts.MaxParallel, 0),
		limits:     map[string]*limit.Limiter{},
		principals: limit.NewPrincipals(limits.Principal),
		live:       map[string]*run{},
		calls:      map[string]*call{},
		unsaved:    map[string]*store.Problem{},
	}
	r.queue, r.logs = newRunQueue(limits), newLogs(r)
	r.reaping, r.stopReaping = context.WithCancel(context.Background())
	for id, l := range limits.Executors {
		if b := limit.New(l.MaxParallel, l.PerSecond); b != nil {
			r.limits[id] = b
		}
	}
	return r
}

// checkIdle tells Close if no run or call is left. The lock is held.
func (r *Engine) checkIdle() {
	if r.idle != nil && len(r.live) == 0 && len(r.calls) == 0 {
		close(r.idle)
		r.idle = nil
	}
}

// maxUnsaved is the largest number of runs in Engine.unsaved.
const maxUnsaved = 1000

// unsavedRun fails a run whose records can't be stored: in the store, in case it
// works again, and in memory, in case it does not.
func (r *Engine) unsavedRun(x *run, cause error) {
	if errors.Is(cause, store.ErrLost) {
		r.opts.Log.Warn().Str("run_id", x.row.ID).Msg("another process has taken over a run; it is stopped here")
		return
	}
	problem := problemOf(storeError(cause))
	r.mu.Lock()
	if r.adopt != nil && cause != errInside && !r.closing {
		if x.row.Parent == "" { // else the task goes on with it
			r.adopt.again[x.row.ID] = problem
		}
		r.mu.Unlock()
		r.opts.Log.Error().Err(cause).Str("run_id", x.row.ID).Msg("a run waits because its records can't be stored")
		return
	}
	r.mu.Unlock()
	r.opts.Log.Error().Err(cause).Str("run_id", x.row.ID).Msg("a run failed because its records can't be stored")
	r.mu.Lock()
	if len(r.unsaved) < maxUnsaved {
		r.unsaved[x.row.ID] = problem
	}
	r.mu.Unlock()
	x.recorder.fail(problem)
}

// newID returns a UUID of version 7: it sorts by age, and its 62 random bits
// can't be guessed.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
