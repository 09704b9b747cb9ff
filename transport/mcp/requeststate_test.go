package mcp

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
)

var asked = stateBinding{Tool: "wipe", Arguments: `{"path":"a"}`, Principal: "ann", Subject: "wipe a"}

// at returns a keeper of a server with these notes, whose time the test sets.
func at(notes store.Notes, now *time.Time) *stateKeeper {
	k := newStateKeeper(notes, time.Minute)
	k.keys.now = func() time.Time { return *now }
	return k
}

// issue returns a state for asked.
func issue(t testing.TB, k *stateKeeper) string {
	t.Helper()
	state, err := k.issue(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// A state is accepted once, for the call that it was issued for.
func TestStateOnce(t *testing.T) {
	t.Parallel()
	k := newStateKeeper(memory.NewNotes(), time.Minute)
	state := issue(t, k)
	if other := issue(t, k); other == state {
		t.Error("two states are the same")
	}
	if err := k.redeem(t.Context(), state, asked); err != nil {
		t.Fatal(err)
	}
	if err := k.redeem(t.Context(), state, asked); !errors.Is(err, errStateUsed) {
		t.Errorf("used twice: %v", err)
	}
}

// With another call, the state is refused, and can still be used.
func TestStateBinding(t *testing.T) {
	t.Parallel()
	k := newStateKeeper(memory.NewNotes(), time.Minute)
	state := issue(t, k)
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
		if err := k.redeem(t.Context(), state, b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := k.redeem(t.Context(), state, asked); err != nil {
		t.Errorf("it was used up: %v", err)
	}
}

// An expired state is refused, and a used one is refused at any time: also if the
// clock is set back.
func TestStateTime(t *testing.T) {
	t.Parallel()
	start := time.Now().Truncate(keyPeriod)
	now := start
	k := at(memory.NewNotes(), &now)
	late, used := issue(t, k), issue(t, k)
	if err := k.redeem(t.Context(), used, asked); err != nil {
		t.Fatal(err)
	}
	now = start.Add(time.Minute)
	if err := k.redeem(t.Context(), used, asked); !errors.Is(err, errStateUsed) {
		t.Errorf("in its last moment: %v", err)
	}
	now = now.Add(time.Nanosecond)
	if err := k.redeem(t.Context(), late, asked); !errors.Is(err, errStateExpired) {
		t.Errorf("late: %v", err)
	}
	now = start.Add(3 * keyPeriod)
	_ = issue(t, k)
	if err := k.redeem(t.Context(), late, asked); !errors.Is(err, errStateForged) {
		t.Errorf("when its key is gone: %v", err)
	}
	now = start.Add(time.Second)
	if err := k.redeem(t.Context(), used, asked); !errors.Is(err, errStateUsed) {
		t.Errorf("after the clock was set back: %v", err)
	}
}

// Servers with the same notes accept each other's states, together once, also
// those that were signed with the key of the period before.
func TestStateOfAnotherServer(t *testing.T) {
	t.Parallel()
	notes := memory.NewNotes()
	start := time.Now().Truncate(keyPeriod).Add(keyPeriod)
	asking, answering := start.Add(-time.Second), start.Add(time.Second)
	a, b := at(notes, &asking), at(notes, &answering)
	_ = issue(t, b) // its period has another key
	state := issue(t, a)
	if err := b.redeem(t.Context(), state, asked); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*stateKeeper{"the first": a, "the second": b, "a new one": at(notes, &answering)} {
		if err := k.redeem(t.Context(), state, asked); !errors.Is(err, errStateUsed) {
			t.Errorf("again at %s: %v", name, err)
		}
	}
	if err := b.redeem(t.Context(), issue(t, at(memory.NewNotes(), &asking)), asked); !errors.Is(err, errStateForged) {
		t.Errorf("of a server with other notes: %v", err)
	}
}

// away are notes that can't be used.
type away struct{ *memory.Notes }

func (away) Keep(context.Context, store.Note) ([]byte, error) { return nil, errors.New("away") }

// Without notes nothing is issued, and nothing accepted: it could be used twice.
func TestStateWithoutNotes(t *testing.T) {
	t.Parallel()
	notes := memory.NewNotes()
	state := issue(t, newStateKeeper(notes, time.Minute))
	k := newStateKeeper(away{notes}, time.Minute)
	if _, err := k.issue(t.Context(), asked); err == nil {
		t.Error("issued")
	}
	if err := k.redeem(t.Context(), state, asked); err == nil || errors.Is(err, errStateForged) {
		t.Errorf("redeemed: %v", err)
	}
}

// A state with any single character changed is refused.
func TestStateTampered(t *testing.T) {
	t.Parallel()
	k := newStateKeeper(memory.NewNotes(), time.Minute)
	state := issue(t, k)
	for i := range len(state) {
		for _, c := range []byte{'A', 'B', '_', '=', '.', '\n'} {
			if state[i] == c {
				continue
			}
			changed := state[:i] + string(c) + state[i+1:]
			if err := k.redeem(t.Context(), changed, asked); !errors.Is(err, errStateForged) {
				t.Fatalf("character %d as %q: %v", i, c, err)
			}
		}
	}
	for name, other := range map[string]string{
		"nothing": "", "only a stateVersion": stateVersion, "cut": state[:len(state)-1], "longer": state + "A", "twice": state + state,
		"another server's": issue(t, newStateKeeper(memory.NewNotes(), time.Minute)), "line ends inside": state[:9] + "\r\n" + state[9:],
		"unsigned": stateVersion + base64.RawURLEncoding.EncodeToString(make([]byte, bodyLen+32)),
		"long":     stateVersion + strings.Repeat("A", 1<<20),
	} {
		if err := k.redeem(t.Context(), other, asked); !errors.Is(err, errStateForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := k.redeem(t.Context(), state, asked); err != nil {
		t.Errorf("the real one: %v", err)
	}
}

// If many send one state at the same time, one of them is accepted.
func TestStateAtOnce(t *testing.T) {
	t.Parallel()
	k := newStateKeeper(memory.NewNotes(), time.Minute)
	for range 50 {
		state := issue(t, k)
		var through atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if k.redeem(t.Context(), state, asked) == nil {
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
	k := newStateKeeper(memory.NewNotes(), time.Hour)
	real := issue(f, k)
	f.Add(real)
	f.Add(real + "=")
	f.Add(stateVersion)
	f.Add("1." + real[2:])
	f.Fuzz(func(t *testing.T, state string) {
		if err := k.redeem(t.Context(), state, asked); err == nil && state != real {
			t.Errorf("%q got through", state)
		}
	})
}
