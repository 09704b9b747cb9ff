package mcp

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var asked = stateBinding{Tool: "wipe", Arguments: `{"path":"a"}`, Principal: "ann", Subject: "wipe a"}

// at returns a keeper whose time the test sets.
func at(now *time.Duration) *stateKeeper {
	k := newStateKeeper(time.Minute)
	k.now = func() time.Duration { return *now }
	return k
}

// A state is accepted once, for the call that it was issued for.
func TestStateOnce(t *testing.T) {
	t.Parallel()
	k := newStateKeeper(time.Minute)
	state := k.issue(asked)
	if other := k.issue(asked); other == state {
		t.Error("two states are the same")
	}
	if err := k.redeem(state, asked); err != nil {
		t.Fatal(err)
	}
	if err := k.redeem(state, asked); !errors.Is(err, errStateUsed) {
		t.Errorf("used twice: %v", err)
	}
}

// With another call, the state is refused, and can still be used.
func TestStateBinding(t *testing.T) {
	t.Parallel()
	k := newStateKeeper(time.Minute)
	state := k.issue(asked)
	for name, c := range map[string]struct {
		change func(*stateBinding)
		want   error
	}{
		"tool":      {func(b *stateBinding) { b.Tool = "wipe_all" }, errStateTool},
		"arguments": {func(b *stateBinding) { b.Arguments = `{"path":"b"}` }, errStateArguments},
		"principal": {func(b *stateBinding) { b.Principal = "" }, errStatePrincipal},
		"subject":   {func(b *stateBinding) { b.Subject = "wipe b" }, errStateSubject},
		"all":       {func(b *stateBinding) { *b = stateBinding{} }, errStatePrincipal},
		"moved":     {func(b *stateBinding) { b.Tool, b.Arguments = b.Arguments, b.Tool }, errStateTool},
	} {
		b := asked
		c.change(&b)
		if err := k.redeem(state, b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := k.redeem(state, asked); err != nil {
		t.Errorf("it was used up: %v", err)
	}
}

// An expired state is refused. A used state is remembered for as long as it
// would be valid, and no longer.
func TestStateTime(t *testing.T) {
	t.Parallel()
	now := time.Duration(0)
	k := at(&now)
	late, used := k.issue(asked), k.issue(asked)
	if err := k.redeem(used, asked); err != nil {
		t.Fatal(err)
	}
	now = time.Minute
	if err := k.redeem(used, asked); !errors.Is(err, errStateUsed) {
		t.Errorf("in its last moment: %v", err)
	}
	now += time.Nanosecond
	if err := k.redeem(late, asked); !errors.Is(err, errStateExpired) {
		t.Errorf("late: %v", err)
	}
	if err := k.redeem(used, asked); err == nil || len(k.used) != 0 {
		t.Errorf("%v, and %d are remembered", err, len(k.used))
	}
}

// A state with any single character changed is refused.
func TestStateTampered(t *testing.T) {
	t.Parallel()
	k := newStateKeeper(time.Minute)
	state := k.issue(asked)
	for i := range len(state) {
		for _, c := range []byte{'A', 'B', '_', '=', '.', '\n'} {
			if state[i] == c {
				continue
			}
			changed := state[:i] + string(c) + state[i+1:]
			if err := k.redeem(changed, asked); !errors.Is(err, errStateForged) {
				t.Fatalf("character %d as %q: %v", i, c, err)
			}
		}
	}
	for name, other := range map[string]string{
		"nothing": "", "only a stateVersion": stateVersion, "cut": state[:len(state)-1], "longer": state + "A", "twice": state + state,
		"another server's": newStateKeeper(time.Minute).issue(asked), "line ends inside": state[:9] + "\r\n" + state[9:],
		"unsigned": stateVersion + base64.RawURLEncoding.EncodeToString(make([]byte, bodyLen+32)),
		"long":     stateVersion + strings.Repeat("A", 1<<20),
	} {
		if err := k.redeem(other, asked); !errors.Is(err, errStateForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := k.redeem(state, asked); err != nil {
		t.Errorf("the real one: %v", err)
	}
}

// If many send one state at the same time, one of them is accepted.
func TestStateAtOnce(t *testing.T) {
	t.Parallel()
	k := newStateKeeper(time.Minute)
	for range 50 {
		state := k.issue(asked)
		var through atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if k.redeem(state, asked) == nil {
					through.Add(1)
				}
			})
		}
		all.Wait()
		if n := through.Load(); n != 1 {
			t.Fatalf("%d got through", n)
		}
	}
}

// Only issued states are accepted.
func FuzzRedeemState(f *testing.F) {
	k := newStateKeeper(time.Hour)
	real := k.issue(asked)
	f.Add(real)
	f.Add(real + "=")
	f.Add(stateVersion)
	f.Add("2." + real[2:])
	f.Fuzz(func(t *testing.T, state string) {
		if err := k.redeem(state, asked); err == nil && state != real {
			t.Errorf("%q got through", state)
		}
	})
}
