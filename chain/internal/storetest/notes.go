package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

func notes(t *testing.T, s store.Store) {
	keep := func(kind, name, value string, life time.Duration) string {
		t.Helper()
		there, err := s.Keep(t.Context(), store.Note{Kind: kind, Name: name, Value: []byte(value), Life: life})
		if err != nil {
			t.Fatal(err)
		}
		return string(there)
	}
	for _, c := range []struct {
		kind, name, value string
		life              time.Duration
		want              string
	}{
		{"k", "ann/1", "a", time.Hour, "a"},
		{"k", "ann/1", "b", time.Hour, "a"},
		{"k", "ann/2", "c\x00\xff", time.Hour, "c\x00\xff"},
		{"k", "anna", "d", time.Hour, "d"},
		{"other", "ann/1", "e", time.Hour, "e"},
		{"k", "ann/dead", "f", -time.Second, "f"},
		{"k", "reborn", "f", -time.Second, "f"},
		{"k", "reborn", "g", time.Hour, "g"},
		{"k", "a_n", "h", time.Hour, "h"},
	} {
		if got := keep(c.kind, c.name, c.value, c.life); got != c.want {
			t.Errorf("%s %s: %q, not %q", c.kind, c.name, got, c.want)
		}
	}
	kept := func(kind, prefix string, limit int) (names []string) {
		t.Helper()
		list, err := s.Kept(t.Context(), kind, prefix, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, each := range list {
			names = append(names, fmt.Sprintf("%s=%q", each.Name, each.Value))
		}
		return names
	}
	same(t, "with a prefix, the newest first", kept("k", "ann/", 10), []string{`ann/2="c\x00\xff"`, `ann/1="a"`})
	same(t, "the newest", kept("k", "ann/", 1), []string{`ann/2="c\x00\xff"`})
	same(t, "one name", kept("k", "ann/1", 1), []string{`ann/1="a"`})
	same(t, "none", kept("k", "bob", 10), []string(nil))
	same(t, "a pattern is a name", kept("k", "a_n", 10), []string{`a_n="h"`})
	same(t, "another kind", kept("other", "", 10), []string{`ann/1="e"`})

	var all sync.WaitGroup
	var first atomic.Int32
	for i := range 20 {
		all.Go(func() {
			mine := fmt.Sprint(i)
			there, err := s.Keep(t.Context(), store.Note{Kind: "race", Name: "x", Value: []byte(mine), Life: time.Hour})
			if err != nil {
				t.Error(err)
			}
			if string(there) == mine {
				first.Add(1)
			}
		})
	}
	all.Wait()
	if n := first.Load(); n != 1 {
		t.Errorf("%d were the first", n)
	}
}
