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

// Registry holds the executors by id, and is the door to them: Invoke is the
// one way in which an executor is called. It is safe for concurrent use.
type Registry struct {
	policy *policy.Policy
	log    zerolog.Logger
	check  atomic.Bool

	// all is replaced whole, so that a call never waits for a change.
	all atomic.Pointer[map[string]*entry]

	changing sync.Mutex // held while all is replaced
	onChange []func()
}

// entry is a registered executor with the calls that it has in flight. One
// that was withdrawn is closed when the last of them ends.
type entry struct {
	Executor
	def     *Definition
	most    int           // bytes of result
	longest time.Duration // 0: what the definition says

	users  atomic.Int64
	gone   atomic.Bool
	once   sync.Once
	closed error
}

// NewRegistry makes a registry of the given executors. Two with one id are an
// error, as is everything that Register refuses.
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

// Register adds an executor. One that is there under its id is replaced; calls
// in flight end with the one that they began with.
func (r *Registry) Register(e Executor) error {
	def := e.Definition()
	switch {
	case !idForm.MatchString(def.ID):
		return fmt.Errorf("registry: %q is no id: 1 to 40 lower-case letters, digits and _", def.ID)
	case def.Input == nil || def.Output == nil:
		return fmt.Errorf("registry: %s has no input or no output schema", def.ID)
	case def.Timeout.Default <= 0 || def.Timeout.Ceiling < def.Timeout.Default:
		return fmt.Errorf("registry: %s has no time-out, or one over its ceiling", def.ID)
	}
	r.change(func(all map[string]*entry) *entry {
		before := all[def.ID]
		all[def.ID] = r.entry(e)
		return before
	})
	return nil
}

// entry is an executor with the operator's bounds on it.
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

// Withdraw removes an executor. It is closed when its calls have ended.
func (r *Registry) Withdraw(id string) {
	r.change(func(all map[string]*entry) *entry {
		before := all[id]
		delete(all, id)
		return before
	})
}

// change replaces what is registered, lets go of what is no more, and tells
// those who asked.
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

// enter finds an executor for a call, which leave ends.
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
		e.leave(r.log) // it went meanwhile; look again
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

// Lookup finds an executor by its id, else by an alias of its.
func (r *Registry) Lookup(id string) (Executor, bool) {
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

// All gives the executors in the order of their ids.
func (r *Registry) All() []Executor {
	all := *r.all.Load()
	list := make([]Executor, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[id].Executor)
	}
	return list
}

// Nearest gives the ids that are most like one that is not there, at most
// three.
func (r *Registry) Nearest(id string) []string {
	all := *r.all.Load()
	// "http_executor" is meant for the executor that has the tag http, however
	// many ids are spelled more like it.
	wanted, _, _ := strings.Cut(strings.ToLower(id), "_")
	var tagged []string
	for _, known := range slices.Sorted(maps.Keys(all)) {
		if slices.Contains(all[known].Definition().Tags, wanted) {
			tagged = append(tagged, known)
		}
	}
	spelled := nearest.To(id, slices.Collect(maps.Keys(all)))
	if len(tagged) == 0 || len(spelled) > 0 && strings.HasPrefix(spelled[0], wanted) {
		return spelled
	}
	return tagged[:min(len(tagged), 3)]
}

// Policy is what may be done.
func (r *Registry) Policy() *policy.Policy { return r.policy }

// Closed reports whether policy closes an executor, or there is not what it
// works with, and the setting that opens it.
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

// CheckOutputs makes Invoke hold every output to the executor's own schema: a
// debug mode, in which one that does not fit fails the call.
func (r *Registry) CheckOutputs(on bool) { r.check.Store(on) }

// OnChange calls fn after each later change of what is registered.
func (r *Registry) OnChange(fn func()) {
	r.changing.Lock()
	defer r.changing.Unlock()
	r.onChange = append(slices.Clone(r.onChange), fn)
}

// Close closes the executors that hold something open. Calls must have ended.
func (r *Registry) Close() error {
	var all []error
	for _, e := range *r.all.Load() {
		if err := e.close(); err != nil {
			all = append(all, fmt.Errorf("closing %s: %w", e.def.ID, err))
		}
	}
	return errors.Join(all...)
}
