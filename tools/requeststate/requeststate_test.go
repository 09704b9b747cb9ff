package requeststate

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var asked = Binding{Tool: "wipe", Arguments: `{"path":"a"}`, Principal: "ann", Subject: "wipe a"}

// at is a keeper whose time the test sets.
func at(now *time.Duration) *Keeper {
	k := New(time.Minute)
	k.now = func() time.Duration { return *now }
	return k
}

// Given a state, it is taken back once, for what it was issued for.
func TestOnce(t *testing.T) {
	t.Parallel()
	k := New(time.Minute)
	state := k.Issue(asked)
	if other := k.Issue(asked); other == state {
		t.Error("two states are the same")
	}
	if err := k.Redeem(state, asked); err != nil {
		t.Fatal(err)
	}
	if err := k.Redeem(state, asked); !errors.Is(err, ErrUsed) {
		t.Errorf("used twice: %v", err)
	}
}

// Given another call than the one that was asked about, the state is refused,
// and is not used up.
func TestBinding(t *testing.T) {
	t.Parallel()
	k := New(time.Minute)
	state := k.Issue(asked)
	for name, c := range map[string]struct {
		change func(*Binding)
		want   error
	}{
		"tool":      {func(b *Binding) { b.Tool = "wipe_all" }, ErrTool},
		"arguments": {func(b *Binding) { b.Arguments = `{"path":"b"}` }, ErrArguments},
		"principal": {func(b *Binding) { b.Principal = "" }, ErrPrincipal},
		"subject":   {func(b *Binding) { b.Subject = "wipe b" }, ErrSubject},
		"all":       {func(b *Binding) { *b = Binding{} }, ErrPrincipal},
		"moved":     {func(b *Binding) { b.Tool, b.Arguments = b.Arguments, b.Tool }, ErrTool},
	} {
		b := asked
		c.change(&b)
		if err := k.Redeem(state, b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := k.Redeem(state, asked); err != nil {
		t.Errorf("it was used up: %v", err)
	}
}

// Given a state past its time, it is refused; one that was used is remembered
// for as long as it could be used again, and no longer.
func TestTime(t *testing.T) {
	t.Parallel()
	now := time.Duration(0)
	k := at(&now)
	late, used := k.Issue(asked), k.Issue(asked)
	if err := k.Redeem(used, asked); err != nil {
		t.Fatal(err)
	}
	now = time.Minute
	if err := k.Redeem(used, asked); !errors.Is(err, ErrUsed) {
		t.Errorf("in its last moment: %v", err)
	}
	now += time.Nanosecond
	if err := k.Redeem(late, asked); !errors.Is(err, ErrExpired) {
		t.Errorf("late: %v", err)
	}
	if err := k.Redeem(used, asked); err == nil || len(k.used) != 0 {
		t.Errorf("%v, and %d are remembered", err, len(k.used))
	}
}

// Given any change of a single character, the state is refused.
func TestTampered(t *testing.T) {
	t.Parallel()
	k := New(time.Minute)
	state := k.Issue(asked)
	for i := range len(state) {
		for _, c := range []byte{'A', 'B', '_', '=', '.', '\n'} {
			if state[i] == c {
				continue
			}
			changed := state[:i] + string(c) + state[i+1:]
			if err := k.Redeem(changed, asked); !errors.Is(err, ErrForged) {
				t.Fatalf("character %d as %q: %v", i, c, err)
			}
		}
	}
	for name, other := range map[string]string{
		"nothing": "", "only a version": version, "cut": state[:len(state)-1], "longer": state + "A", "twice": state + state,
		"another server's": New(time.Minute).Issue(asked), "line ends inside": state[:9] + "\r\n" + state[9:],
		"unsigned": version + base64.RawURLEncoding.EncodeToString(make([]byte, bodyLen+32)),
		"long":     version + strings.Repeat("A", 1<<20),
	} {
		if err := k.Redeem(other, asked); !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := k.Redeem(state, asked); err != nil {
		t.Errorf("the real one: %v", err)
	}
}

// Given one state that many bring back at once, one of them gets through.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	k := New(time.Minute)
	for range 50 {
		state := k.Issue(asked)
		var through atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if k.Redeem(state, asked) == nil {
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

// Whatever is brought back, nothing but an issued state gets through.
func FuzzRedeem(f *testing.F) {
	k := New(time.Hour)
	real := k.Issue(asked)
	f.Add(real)
	f.Add(real + "=")
	f.Add(version)
	f.Add("2." + real[2:])
	f.Fuzz(func(t *testing.T, state string) {
		if err := k.Redeem(state, asked); err == nil && state != real {
			t.Errorf("%q got through", state)
		}
	})
}
