package executors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Registry holds the executors by id.
type Registry struct {
	policy   *policy.Policy
	log      zerolog.Logger
	mu       sync.RWMutex
	all      map[string]Executor
	onChange []func()
}

// NewRegistry makes a registry of the given executors.
func NewRegistry(pol *policy.Policy, log zerolog.Logger, execs ...Executor) (*Registry, error) {
	r := &Registry{policy: pol, log: log, all: map[string]Executor{}}
	for _, e := range execs {
		if err := r.Register(e); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Register adds an executor, or replaces the one with its id.
func (r *Registry) Register(e Executor) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[e.Definition().ID] = e
	return nil
}

// Withdraw removes an executor.
func (r *Registry) Withdraw(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, id)
}

// Lookup finds an executor by its id.
func (r *Registry) Lookup(id string) (Executor, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	e, ok := r.all[id]
	return e, ok
}

// All gives the executors in the order of their ids.
func (r *Registry) All() []Executor {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var list []Executor
	for _, id := range slices.Sorted(maps.Keys(r.all)) {
		list = append(list, r.all[id])
	}
	return list
}

// Nearest gives the ids that are most like one that is not there.
func (r *Registry) Nearest(id string) []string { return nil }

// Policy is what may be done.
func (r *Registry) Policy() *policy.Policy { return r.policy }

// Closed reports whether policy closes an executor, and what opens it.
func (r *Registry) Closed(id string) (setting string, closed bool) {
	e, ok := r.Lookup(id)
	if !ok {
		return "", false
	}
	for _, need := range e.Definition().Needs {
		if setting, open := r.policy.Open(need); !open {
			return setting, true
		}
	}
	return "", false
}

// OnChange calls fn after each later change of what is registered.
func (r *Registry) OnChange(fn func()) { r.onChange = append(r.onChange, fn) }

// Close closes the executors that hold something open.
func (r *Registry) Close() error {
	var all []error
	for _, e := range r.All() {
		if c, ok := e.(io.Closer); ok {
			all = append(all, c.Close())
		}
	}
	return errors.Join(all...)
}

// ResolveInputs reads the inputs of a direct call: decoded strictly, defaults
// filled in, validated.
func (r *Registry) ResolveInputs(id string, raw json.RawMessage) (map[string]any, *Error) {
	e, ok := r.Lookup(id)
	if !ok {
		return nil, Errorf(NotFound, "there is no executor %q", id)
	}
	object, err := strictjson.DecodeObject(raw)
	if err != nil {
		return nil, Errorf(ValidationError, "inputs are not valid JSON: %w", err)
	}
	filled, violations := e.Definition().Input.Apply(object)
	if len(violations) > 0 {
		return nil, Errorf(ValidationError, "%s %s", violations[0].Path, violations[0].Message).WithField(violations[0].Path)
	}
	return filled, nil
}

// TimeoutFor is the bound of one attempt: the task's, else inputs.timeout,
// else the definition's; never over the definition's ceiling.
func TimeoutFor(def *Definition, inputs map[string]any, task time.Duration) time.Duration {
	if task > 0 {
		return min(task, def.Timeout.Ceiling)
	}
	return def.Timeout.Default
}

// Invoke makes one attempt at a call whose inputs are valid.
func (r *Registry) Invoke(ctx context.Context, id string, call *Call, timeout time.Duration) Outcome {
	e, ok := r.Lookup(id)
	if !ok {
		return Outcome{Err: Errorf(NotFound, "there is no executor %q", id)}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	call.Policy = r.policy
	value, err := e.Execute(ctx, call)
	raw, encodeErr := json.Marshal(value)
	if encodeErr != nil {
		return Outcome{Err: AsError(fmt.Errorf("encoding the result: %w", encodeErr))}
	}
	return Outcome{Result: raw, Err: AsError(err)}
}
