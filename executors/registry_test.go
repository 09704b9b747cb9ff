package executors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// holder is an executor that keeps a resource open.
type holder struct {
	act
	closed atomic.Int32
	err    error
}

func (h *holder) Close() error {
	h.closed.Add(1)
	return h.err
}

func ids(registry *executors.Registry) string {
	var list []string
	for _, e := range registry.All() {
		list = append(list, e.Definition().ID)
	}
	return strings.Join(list, " ")
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	done := func(context.Context, *executors.Call) (any, error) { return "done", nil }
	registry := newRegistry(t, policy.Config{}, nil, newAct(t, "zeta", done), newAct(t, "alpha", done))
	if got := ids(registry); got != "alpha zeta" {
		t.Errorf("the executors are %s", got)
	}
	changes := 0
	registry.OnChange(func() { changes++ })
	if err := registry.Register(newAct(t, "middle", done)); err != nil {
		t.Fatal(err)
	}
	registry.Withdraw("zeta")
	registry.Withdraw("zeta") // again
	if got := ids(registry); got != "alpha middle" || changes < 2 {
		t.Errorf("the executors are %s after %d changes", got, changes)
	}
	if _, ok := registry.Lookup("zeta"); ok {
		t.Error("zeta is still there")
	}
	if got := registry.Nearest("midle"); !slices.Equal(got, []string{"middle"}) {
		t.Errorf("nearest to midle: %q", got)
	}
	if registry.Policy() == nil {
		t.Error("there is no policy")
	}
}

func TestRegistryRefuses(t *testing.T) {
	t.Parallel()
	pol, err := policy.New(policy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	one := newAct(t, "one", nil)
	if _, err := executors.NewRegistry(pol, zerolog.Nop(), one, one); err == nil {
		t.Error("two executors have one id")
	}
	if _, err := executors.NewRegistry(nil, zerolog.Nop(), one); err == nil {
		t.Error("there is no policy")
	}
	for name, break_ := range map[string]func(*executors.Definition){
		"no id":            func(d *executors.Definition) { d.ID = "" },
		"an id with dots":  func(d *executors.Definition) { d.ID = "a.b" },
		"no input schema":  func(d *executors.Definition) { d.Input = nil },
		"no output schema": func(d *executors.Definition) { d.Output = nil },
		"no timeout":       func(d *executors.Definition) { d.Timeout = executors.Timeout{} },
	} {
		broken := newAct(t, "broken", nil)
		break_(broken.def)
		if _, err := executors.NewRegistry(pol, zerolog.Nop(), broken); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// When an executor is withdrawn, its calls end, and then it is closed, once.
func TestWithdrawWaitsForCalls(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	old := &holder{act: newAct(t, "one", func(context.Context, *executors.Call) (any, error) {
		close(started)
		<-release
		return "old", nil
	})}
	registry := newRegistry(t, policy.Config{}, nil, old)
	outcome := make(chan executors.Outcome)
	go func() { outcome <- registry.Invoke(context.Background(), "one", &executors.Call{}, 0) }()
	<-started
	if err := registry.Register(newAct(t, "one", func(context.Context, *executors.Call) (any, error) { return "new", nil })); err != nil {
		t.Fatal(err)
	}
	if got := describe(registry.Invoke(t.Context(), "one", &executors.Call{}, 0)); got != `"new"` {
		t.Errorf("a later call got %s", got)
	}
	if old.closed.Load() != 0 {
		t.Error("it was closed while a call ran")
	}
	close(release)
	if got := describe(<-outcome); got != `"old"` {
		t.Errorf("the earlier call got %s", got)
	}
	if old.closed.Load() != 1 {
		t.Errorf("it was closed %d times", old.closed.Load())
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	pol, err := policy.New(policy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	one, two := &holder{act: newAct(t, "one", nil)}, &holder{act: newAct(t, "two", nil), err: errors.New("stuck")}
	registry, err := executors.NewRegistry(pol, zerolog.Nop(), one, two, newAct(t, "three", nil))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := registry.Close(); err == nil || err.Error() != "closing two: stuck" {
			t.Errorf("closing: %v", err)
		}
	}
	if one.closed.Load() != 1 || two.closed.Load() != 1 {
		t.Errorf("closed %d and %d times", one.closed.Load(), two.closed.Load())
	}
}

// Calls and changes run at the same time; the race detector checks them.
func TestRegistryConcurrently(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, policy.Config{}, nil)
	fresh := func(n int) *holder {
		return &holder{act: newAct(t, "one", func(context.Context, *executors.Call) (any, error) { return n, nil })}
	}
	holders := make([]*holder, 200)
	for i := range holders {
		holders[i] = fresh(i)
	}
	if err := registry.Register(holders[0]); err != nil {
		t.Fatal(err)
	}
	var calls sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		calls.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if out := registry.Invoke(context.Background(), "one", &executors.Call{}, 0); out.Err != nil {
					t.Error(out.Err)
					return
				}
				registry.All()
				registry.Closed("one")
			}
		})
	}
	for _, each := range holders[1:] {
		if err := registry.Register(each); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	calls.Wait()
	for i, each := range holders[:len(holders)-1] {
		if each.closed.Load() != 1 {
			t.Errorf("holder %d was closed %d times", i, each.closed.Load())
		}
	}
}

func TestResolveInputs(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, policy.Config{}, nil, newAct(t, "act", nil), newAct(t, "fetch", nil, "output_schema:", "examples: [{title: x, inputs: {url: a}}]\noutput_schema:"))
	for _, c := range []struct{ id, raw, want string }{
		{"act", `{"url": "a"}`, `{"method":"GET","retries":3,"timeout":30,"url":"a","verify":true}`},
		{"act", `{"url": "a", "verify": false, "json": {"a": 1.50}}`, `{"json":{"a":1.50},"method":"GET","retries":3,"timeout":30,"url":"a","verify":false}`},
		{"act", `{"url": "a", "method": "${{ secrets.M }}", "retries": "${{secrets.N}}"}`, `{"method":"${{ secrets.M }}","retries":"${{secrets.N}}","timeout":30,"url":"a","verify":true}`},
		{"act", `{"url": "a", "method": "${{ secrets.M }}", "retries": "x ${{ secrets.N }}"}`, `validation_error: retries must be a whole number; got a string with references: write the reference alone to keep its type [retries]`},
		{"act", `{"url": "a", "method": "$${{ secrets.M }}"}`, `validation_error: method must be one of "GET", "HEAD", "POST", "PUT"; got "$${{ secrets.M }}" [method]`},
		{"act", ``, `validation_error: url is required [url]`},
		{"fetch", ``, `validation_error: url is required [url] (inputs that work: {"url":"a"})`},
		{"act", `{"url": "a", "method": "get", "headers": {"a": 1}}`, `validation_error: headers.a must be a string; got 1; method must be one of "GET", "HEAD", "POST", "PUT"; got "get"; did you mean "GET"? [headers.a]`},
		{"act", `{"url": "a",}`, `validation_error: the inputs are not valid JSON: line 1, column 13: unexpected '}'; expected a key in double quotes (send one JSON object)`},
		{"act", `[1]`, `validation_error: the inputs are not valid JSON: line 1, column 1: must be an object; got an array (send one JSON object)`},
		{"act", `{"url": "a", "retries": 1e10000000}`, `validation_error: the inputs are not valid JSON: line 1, column 25: the exponent of "1e10000000" is out of range; it must be from -400 to 400 (send one JSON object)`},
		{"act", `{"url": "a", "a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1}`, `and 2 more [a]`},
	} {
		inputs, err := registry.ResolveInputs(c.id, json.RawMessage(c.raw))
		got := describe(executors.Outcome{Err: err})
		if err == nil {
			raw, _ := json.Marshal(inputs)
			got = string(raw)
		}
		if got != c.want && !(strings.HasPrefix(c.want, "and") && strings.HasSuffix(got, c.want)) {
			t.Errorf("%s:\n got %s\nwant %s", c.raw, got, c.want)
		}
	}
}

func TestTimeoutFor(t *testing.T) {
	t.Parallel()
	def := newAct(t, "act", nil).def // 30s, at most 5m
	for _, c := range []struct {
		inputs map[string]any
		task   time.Duration
		want   time.Duration
	}{
		{nil, 0, 30 * time.Second},
		{map[string]any{"timeout": json.Number("1.5")}, 0, 1500 * time.Millisecond},
		{map[string]any{"timeout": json.Number("1.5")}, 10 * time.Second, 10 * time.Second},
		{map[string]any{"timeout": json.Number("1e300")}, 0, 5 * time.Minute},
		{map[string]any{"timeout": json.Number("-1")}, 0, 30 * time.Second},
		{map[string]any{"timeout": "soon"}, 0, 30 * time.Second},
		{nil, time.Hour, 5 * time.Minute},
		{map[string]any{"timeout": json.Number("1e-300")}, 0, 1},
	} {
		if got := executors.TimeoutFor(def, c.inputs, c.task); got != c.want {
			t.Errorf("TimeoutFor(%v, %s) = %s, want %s", c.inputs, c.task, got, c.want)
		}
	}
}

func TestOperatorsTimeLimit(t *testing.T) {
	t.Parallel()
	cfg := policy.Config{Limits: policy.Limits{Executors: map[string]policy.ExecutorLimits{"act": {Timeout: time.Millisecond}}}}
	registry := newRegistry(t, cfg, nil, newAct(t, "act", func(ctx context.Context, _ *executors.Call) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	if got := describe(registry.Invoke(t.Context(), "act", &executors.Call{}, time.Minute)); !strings.HasPrefix(got, "timeout_error: act took longer than its timeout of 1ms") {
		t.Error(got)
	}
}

func ExampleRegistry_Invoke() {
	def, err := executors.ParseDefinition("greeting.yaml", []byte(`
id: greeting_executor
title: Greet someone
description: Says hello.
toolset: examples
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
timeout: {default: 5, ceiling: 10}
input_schema: {type: object, required: [name], properties: {name: {type: string}, language: {enum: [en, es], default: en}}}
output_schema: {type: object, properties: {greeting: {type: string}}}
`))
	if err != nil {
		panic(err)
	}
	type input struct {
		Name     string `json:"name"`
		Language string `json:"language"`
	}
	type output struct {
		Greeting string `json:"greeting"`
	}
	greet := func(_ context.Context, _ *executors.Call, in input) (output, error) {
		hello := map[string]string{"en": "Hello", "es": "Hola"}[in.Language]
		return output{hello + ", " + in.Name}, nil
	}
	pol, err := policy.New(policy.Config{}) // nothing is open
	if err != nil {
		panic(err)
	}
	registry, err := executors.NewRegistry(pol, zerolog.Nop(), executors.New(def, greet))
	if err != nil {
		panic(err)
	}
	for _, raw := range []string{`{"name": "Ada"}`, `{"name": "Ada", "language": "xx"}`} {
		inputs, invalid := registry.ResolveInputs("greeting_executor", json.RawMessage(raw))
		if invalid != nil {
			fmt.Println(invalid.Type, "-", invalid)
			continue
		}
		out := registry.Invoke(context.Background(), "greeting_executor", &executors.Call{Inputs: inputs}, 0)
		fmt.Println(string(out.Result))
	}
	// Output:
	// {"greeting":"Hello, Ada"}
	// validation_error - language must be one of "en", "es"; got "xx"
}
