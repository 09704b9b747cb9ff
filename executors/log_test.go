package executors_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// putOut returns an executor that does what a test says with its output.
func putOut(t *testing.T, do func(*executors.Call)) *executors.Registry {
	t.Helper()
	pol, err := policy.New(policy.Config{Secrets: map[string]policy.Secret{"KEY": {Env: "LOG_TEST_KEY", Executors: []string{"echo"}}}})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := executors.NewRegistry(pol, zerolog.Nop(), newAct(t, "echo", func(_ context.Context, call *executors.Call) (any, error) {
		do(call)
		return struct{}{}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = registry.Close(), pol.Close() })
	return registry
}

// What a call puts out is redacted across its writes, by writer, and reaches the
// log until the call ends.
func TestOutput(t *testing.T) {
	t.Setenv("LOG_TEST_KEY", "a-secret-in-two-parts")
	var kept io.Writer
	for name, c := range map[string]struct {
		do   func(*executors.Call)
		want string
	}{
		"nothing":            {func(call *executors.Call) { call.Output() }, ""},
		"a secret in parts":  {func(call *executors.Call) { writes(call.Output(), "is a-secret-in", "-two-parts!") }, "is [secret]!"},
		"its beginning":      {func(call *executors.Call) { writes(call.Output(), "is a-sec") }, "is a-sec"},
		"most of it":         {func(call *executors.Call) { writes(call.Output(), "is a-secret-in-two") }, "is [secret]"},
		"a character":        {func(call *executors.Call) { writes(call.Output(), "h\xc3", "\xa9", "\xff.\xe2") }, "hé\uFFFD.\uFFFD"},
		"after the end":      {func(call *executors.Call) { kept = call.Output(); writes(kept, "x") }, "x"},
		"of a panicking one": {func(call *executors.Call) { writes(call.Output(), "last words"); panic("x") }, "last words"},
		"two texts": {func(call *executors.Call) {
			a, b := call.Output(), call.Output()
			writes(a, "A: a-secret")
			writes(b, "B\n")
			writes(a, "-in-two-parts\n")
		}, "A: B\n[secret]\n"},
	} {
		registry := putOut(t, c.do)
		var logs executortest.Logs
		for _, sink := range []executors.Logs{&logs, nil} { // without a log it is discarded
			registry.Invoke(t.Context(), "echo", &executors.Call{Inputs: map[string]any{}, Logs: sink}, 0)
		}
		if kept != nil {
			writes(kept, "too late")
		}
		opened, open := logs.Open()
		if logs.Text() != c.want || open != 0 || opened > 1 || (opened == 0) != (c.want == "") {
			t.Errorf("%s: %q, want %q; %d opened, %d open", name, logs.Text(), c.want, opened, open)
		}
	}
}

func writes(to io.Writer, parts ...string) {
	for _, part := range parts {
		if n, err := io.WriteString(to, part); n != len(part) || err != nil {
			panic(fmt.Sprint(n, err))
		}
	}
}

// A call that puts out nothing costs what it cost without a log.
func TestNoOutputCostsNothing(t *testing.T) { // not parallel: it counts allocations
	registry := putOut(t, func(*executors.Call) {})
	per := func(sink executors.Logs) float64 {
		call := &executors.Call{Inputs: map[string]any{}, Logs: sink}
		return testing.AllocsPerRun(200, func() { registry.Invoke(t.Context(), "echo", call, 0) })
	}
	if without, with := per(nil), per(&executortest.Logs{}); with > without {
		t.Errorf("%v allocations with a log, %v without", with, without)
	}
}
