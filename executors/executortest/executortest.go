// Package executortest checks executors in tests: that their definitions follow
// the rules, and that their results match their schemas. A test of an executor
// is:
//
//	func TestDefinition(t *testing.T) { executortest.Check(t, mine.New()) }
//
// Run makes a call in the same way as the server.
package executortest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Closed returns the default policy, which opens nothing.
func Closed(t testing.TB) *policy.Policy {
	t.Helper()
	return Policy(t, policy.Config{})
}

// Policy returns a policy. It is closed when the test ends.
func Policy(t testing.TB, cfg policy.Config) *policy.Policy {
	t.Helper()
	pol, err := policy.New(cfg)
	if err != nil {
		t.Fatalf("the policy: %v", err)
	}
	t.Cleanup(func() {
		if err := pol.Close(); err != nil {
			t.Errorf("closing the policy: %v", err)
		}
	})
	return pol
}

// Registry returns a registry that checks outputs. It is closed when the test
// ends. A nil policy means Closed.
func Registry(t testing.TB, pol *policy.Policy, execs ...executors.Executor) *executors.Registry {
	t.Helper()
	if pol == nil {
		pol = Closed(t)
	}
	registry, err := executors.NewRegistry(pol, zerolog.New(zerolog.NewTestWriter(t)), execs...)
	if err != nil {
		t.Fatalf("the registry: %v", err)
	}
	registry.CheckOutputs(true)
	t.Cleanup(func() {
		if err := registry.Close(); err != nil {
			t.Errorf("closing the registry: %v", err)
		}
	})
	return registry
}

// Run makes one call as the server does: it decodes the inputs strictly, fills in
// defaults, validates, and invokes the executor. A nil policy means Closed.
func Run(t testing.TB, e executors.Executor, inputs string, pol *policy.Policy) executors.Outcome {
	t.Helper()
	return Call(t, Registry(t, pol, e), e.Definition().ID, inputs)
}

// Call is Run with an existing registry.
func Call(t testing.TB, registry *executors.Registry, id, inputs string) executors.Outcome {
	t.Helper()
	resolved, err := registry.ResolveInputs(id, json.RawMessage(inputs))
	if err != nil {
		return executors.Outcome{Err: err}
	}
	return registry.Invoke(t.Context(), id, &executors.Call{Inputs: resolved, Attempt: 1}, 0)
}

// Examples runs the examples of a definition. Each must complete, and its result
// must have the keys that the example names, with the same values.
func Examples(t *testing.T, e executors.Executor, pol *policy.Policy) {
	t.Helper()
	registry := Registry(t, pol, e)
	def := e.Definition()
	for _, example := range def.Examples {
		t.Run(example.Title, func(t *testing.T) {
			out := Call(t, registry, def.ID, string(example.Inputs))
			if out.Err != nil {
				t.Fatalf("%s failed: %v (%s)", def.ID, out.Err, out.Err.Hint)
			}
			if example.Result == nil {
				return
			}
			want, err := strictjson.Decode(example.Result)
			if err != nil {
				t.Fatalf("the example's result: %v", err)
			}
			got, err := strictjson.Decode(out.Result)
			if err != nil {
				t.Fatalf("the result: %v", err)
			}
			if !Holds(got, want) {
				t.Errorf("%s gave %s, and its example says %s", def.ID, out.Result, example.Result)
			}
		})
	}
}

// Holds reports whether a value contains what an example wants: the named keys
// of an object, and all elements of an array.
func Holds(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		for key, each := range want {
			value, there := object[key]
			if !there || !Holds(value, each) {
				return false
			}
		}
		return ok
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return false
		}
		for i := range want {
			if !Holds(list[i], want[i]) {
				return false
			}
		}
		return true
	}
	return equal(got, want)
}

// Cancelled makes a call, cancels it after it has reached its peer, and checks
// that the error type is cancelled.
func Cancelled(tb testing.TB, registry *executors.Registry, executor, inputs string, arrived <-chan struct{}) {
	tb.Helper()
	resolved, refused := registry.ResolveInputs(executor, json.RawMessage(inputs))
	if refused != nil {
		tb.Fatal(refused)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-arrived:
			cancel()
		case <-ctx.Done():
		}
	}()
	outcome := registry.Invoke(ctx, executor, &executors.Call{Inputs: resolved, Attempt: 1}, time.Minute)
	cancel()
	<-watched
	if outcome.Err == nil || outcome.Err.Type != executors.Cancelled {
		tb.Errorf("failure = %+v; want it cancelled", outcome.Err)
	}
}
