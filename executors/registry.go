package executors

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/executors/policy"
)

// Registry holds the executors by id. Its Invoke is the only way to call one.
// It is safe for concurrent use.
type Registry struct {
	policy *policy.Policy
	log    zerolog.Logger
	check  atomic.Bool

	// all is replaced as a whole, so that a call never waits for a change.
	all atomic.Pointer[map[string]*entry]

	// excluded holds the ids that no call may use.
	excluded atomic.Pointer[map[string]bool]

	missing atomic.Pointer[func(id string)]
	trees   atomic.Pointer[Trees]

	changing sync.Mutex // held while all is replaced
	onChange []func()
}

// entry is a registered executor and the number of its calls in flight. A
// removed executor is closed when its last call ends.
type entry struct {
	Executor
	def     *Definition
	most    int           // bytes of result
	longest time.Duration // 0: the definition's ceiling

	users  atomic.Int64
	gone   atomic.Bool
	once   sync.Once
	closed error
}

// NewRegistry returns a registry of the given executors. Two executors with
// one id are an error, and so is everything that Register refuses.
func NewRegistry(pol *policy.Policy, log zerolog.Logger, execs ...Executor) (*Registry, error) {
	if pol == nil {
		return nil, errors.New("registry: there is no policy")
	}
	r := &Registry{policy: pol, log: log}
	r.all.Store(&map[string]*entry{})
	for _, e := range execs {
		if _, ok := r.Lookup(e.Definition().ID); ok {
			return nil, fmt.Errorf("registry: two executors have the id %s", e.Definition().ID)
		}
		if err := r.Register(e); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Register adds an executor, or replaces the one with its id. Calls in flight
// end with the executor that they began with.
func (r *Registry) Register(e Executor) error {
	def := e.Definition()
	switch {
	case !idForm.MatchString(def.ID):
		return fmt.Errorf("registry: %q is not a valid id: use 1 to 40 lower-case letters, digits and _", def.ID)
	case def.Input == nil || def.Output == nil:
		return fmt.Errorf("registry: %s has no input or no output schema", def.ID)
	case def.Timeout.Default <= 0 || def.Timeout.Ceiling < def.Timeout.Default:
		return fmt.Errorf("registry: %s has no timeout, or one over its ceiling", def.ID)
	}
	r.change(func(all map[string]*entry) *entry {
		before := all[def.ID]
		all[def.ID] = r.entry(e)
		return before
	})
	return nil
}

// entry returns an executor with the operator's limits for it.
func (r *Registry) entry(executor Executor) *entry {
	const most = 10 << 20
	e := &entry{Executor: executor, def: executor.Definition(), most: most}
	limits := r.policy.Limits()
	own := limits.Executors[e.def.ID]
	for _, bytes := range []int64{limits.OutputBytes, own.OutputBytes} {
		if bytes > 0 {
			e.most = int(bytes)
		}
	}
	e.longest = own.Timeout
	return e
}

// Exclude refuses every call of these executors from now on, whichever entry
// point it comes from.
func (r *Registry) Exclude(ids ...string) {
	excluded := make(map[string]bool, len(ids))
	for _, id := range ids {
		excluded[id] = true
	}
	r.excluded.Store(&excluded)
}

// Withdraw removes an executor. It is closed when its calls have ended.
func (r *Registry) Withdraw(id string) {
	r.change(func(all map[string]*entry) *entry {
		before := all[id]
		delete(all, id)
		return before
	})
}

// change replaces the set of executors. It closes a removed executor and calls
// the OnChange listeners.
func (r *Registry) change(edit func(map[string]*entry) *entry) {
	r.changing.Lock()
	all := maps.Clone(*r.all.Load())
	before := edit(all)
	r.all.Store(&all)
	listeners := r.onChange
	r.changing.Unlock()
	if before != nil {
		before.gone.Store(true)
		before.closeIfIdle(r.log)
	}
	for _, tell := range listeners {
		tell()
	}
}

// enter finds an executor for a call and counts the call; leave ends it.
func (r *Registry) enter(id string) (*entry, bool) {
	for {
		e, ok := (*r.all.Load())[id]
		if !ok {
			return nil, false
		}
		e.users.Add(1)
		if !e.gone.Load() {
			return e, true
		}
		e.leave(r.log) // it was removed meanwhile: look again
	}
}

func (e *entry) leave(log zerolog.Logger) {
	if e.users.Add(-1) == 0 && e.gone.Load() {
		e.closeIfIdle(log)
	}
}

func (e *entry) closeIfIdle(log zerolog.Logger) {
	if e.users.Load() > 0 {
		return
	}
	if err := e.close(); err != nil {
		log.Warn().Err(err).Str("executor", e.def.ID).Msg("a withdrawn executor did not close")
	}
}

func (e *entry) close() error {
	e.once.Do(func() {
		if closer, ok := e.Executor.(io.Closer); ok {
			e.closed = closer.Close()
		}
	})
	return e.closed
}

// OnMissing sets fn, which is called with an unknown id before it is looked up
// once more: it may register the executor.
func (r *Registry) OnMissing(fn func(id string)) { r.missing.Store(&fn) }

// Lookup finds an executor by its id, or else by an alias.
func (r *Registry) Lookup(id string) (Executor, bool) {
	e, ok := r.find(id)
	if fn := r.missing.Load(); !ok && fn != nil {
		(*fn)(id)
		return r.find(id)
	}
	return e, ok
}

func (r *Registry) find(id string) (Executor, bool) {
	all := *r.all.Load()
	if e, ok := all[id]; ok {
		return e.Executor, true
	}
	for _, e := range all {
		if slices.Contains(e.def.Aliases, id) {
			return e.Executor, true
		}
	}
	return nil, false
}

// All returns the executors, sorted by id.
func (r *Registry) All() []Executor {
	all := *r.all.Load()
	list := make([]Executor, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[id].Executor)
	}
	return list
}

// Nearest returns at most three ids that are most like an unknown one.
func (r *Registry) Nearest(id string) []string {
	all := *r.all.Load()
	// "http_executor" means the executor with the tag http, even if other ids
	// are spelled more like it.
	wanted, _, _ := strings.Cut(strings.ToLower(id), "_")
	var tagged []string
	for _, known := range slices.Sorted(maps.Keys(all)) {
		if slices.Contains(all[known].Definition().Tags, wanted) {
			tagged = append(tagged, known)
		}
	}
	spelled := nearest.To(id, slices.Collect(maps.Keys(all)))
	if len(spelled) == 0 { // a task may leave out the ending
		spelled = nearest.To(id+"_executor", slices.Collect(maps.Keys(all)))
	}
	if len(tagged) == 0 || len(spelled) > 0 && strings.HasPrefix(spelled[0], wanted) {
		return spelled
	}
	return tagged[:min(len(tagged), 3)]
}

// Policy returns the policy of all calls.
func (r *Registry) Policy() *policy.Policy { return r.policy }

// Closed reports whether an executor is closed by policy, or because something
// that it needs is missing, and which setting opens it.
func (r *Registry) Closed(id string) (setting string, closed bool) {
	e, ok := (*r.all.Load())[id]
	if !ok {
		return "", false
	}
	return r.closed(e)
}

func (r *Registry) closed(e *entry) (setting string, closed bool) {
	if gated, ok := e.Executor.(Gated); ok {
		if setting, closed := gated.Closed(); closed {
			return setting, true
		}
	}
	for _, need := range e.def.Needs {
		if setting, open := r.policy.Open(need); !open {
			return setting, true
		}
	}
	return "", false
}

// Note returns the note of an executor, or "".
func (r *Registry) Note(id string) string {
	if e, ok := (*r.all.Load())[id]; ok {
		if noted, ok := e.Executor.(Noted); ok {
			return noted.Note()
		}
	}
	return ""
}

// CheckOutputs turns on a debug mode: Invoke validates every output against
// the executor's schema, and fails the call if it is not valid.
func (r *Registry) CheckOutputs(on bool) { r.check.Store(on) }

// OnChange registers fn, which is called after each later change of the set of
// executors.
func (r *Registry) OnChange(fn func()) {
	r.changing.Lock()
	defer r.changing.Unlock()
	r.onChange = append(slices.Clone(r.onChange), fn)
}

// Close closes the executors that implement io.Closer. No call may be in
// flight.
func (r *Registry) Close() error {
	var all []error
	for _, e := range *r.all.Load() {
		if err := e.close(); err != nil {
			all = append(all, fmt.Errorf("closing %s: %w", e.def.ID, err))
		}
	}
	return errors.Join(all...)
}
