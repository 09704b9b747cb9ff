package engine_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/rest"
)

// ledger is a server that books each key once, and counts its requests. The first
// request with a key is booked and answered with 503, unless its path is /well.
type ledger struct {
	*httptest.Server
	mu       sync.Mutex
	requests map[string]int // by key
	paths    map[string]int // by path
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{requests: map[string]int{}, paths: map[string]int{}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		key := r.Header.Get("Idempotency-Key")
		l.requests[key]++
		l.paths[r.URL.Path]++
		if l.requests[key] == 1 && r.URL.Path != "/well" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

// counts returns how many requests came with each key, sorted.
func (l *ledger) counts() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Values(l.requests))
}

func (l *ledger) bench(t *testing.T, b *bench) {
	t.Helper()
	if err := b.Registry.Register(rest.New()); err != nil {
		t.Fatal(err)
	}
}

var loopback = policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}}

// posts is a tree that posts one request, and one for each of three elements.
func (l *ledger) posts(path, more string) string {
	return fmt.Sprintf(`[
		{"id":"one","name":"rest_executor","inputs":{"url":"%[1]s%[2]s","method":"POST","idempotency":true}%[3]s},
		{"id":"each","name":"rest_executor","for_each":[1,2,3],"inputs":{"url":"%[1]s%[2]s","method":"POST","json":"${{ item }}","idempotency":true}%[3]s}]`, l.URL, path, more)
}

// A POST with a key that the peer honours is repeated by itself, under the same
// key. Without that promise it is sent once.
func TestKeysOfAttempts(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := newLedger(t), newBench(t, open(t), engine.Options{}, loopback)
			l.bench(t, b)
			v := b.RunTree(t, l.posts("/", `,"retry":{"max_attempts":2,"initial_seconds":0.001}`), chain.RunOptions{})
			if got := l.counts(); v.Status != chain.Completed || !slices.Equal(got, []int{2, 2, 2, 2}) {
				t.Errorf("requests by key: %v, %+v", got, v)
			}
			args := fmt.Appendf(nil, `{"url":"%s/direct","method":"POST","idempotency":true}`, l.URL)
			if r := b.Call(t.Context(), "rest_executor", args, chain.CallOptions{}); r.Err != nil {
				t.Errorf("a direct call: %v", r.Err)
			}
			if got := l.counts(); !slices.Equal(got, []int{2, 2, 2, 2, 2}) {
				t.Errorf("requests by key after a direct call: %v", got)
			}
			args = fmt.Appendf(nil, `{"url":"%s/bare","method":"POST"}`, l.URL)
			if r := b.Call(t.Context(), "rest_executor", args, chain.CallOptions{}); r.Err == nil || l.paths["/bare"] != 1 {
				t.Errorf("without a key: %v after %d requests", r.Err, l.paths["/bare"])
			}
		})
	}
}

// A person's retry of what failed keeps the keys, in another process too. A
// completed task that is run again has other keys.
func TestKeysOfRetries(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, s := newLedger(t), open(t)
			first := newBench(t, keepOpen{s}, engine.Options{Grace: executortest.Patience}, loopback)
			l.bench(t, first)
			v := first.RunTree(t, l.posts("/", `,"retry":{"max_attempts":1}`), chain.RunOptions{})
			if got := l.counts(); v.Status != chain.Failed || !slices.Equal(got, []int{1, 1, 1, 1}) {
				t.Fatalf("at first: %v, %+v", got, v)
			}
			if err := first.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			second := newBench(t, s, engine.Options{}, loopback)
			l.bench(t, second)
			for _, c := range []struct {
				tasks []string
				want  []int
			}{
				{nil, []int{2, 2, 2, 2}},
				{[]string{"one"}, []int{1, 2, 2, 2, 2}},           // completed: another key, which is refused first
				{nil, []int{2, 2, 2, 2, 2}},                       // failed: the same again
				{[]string{"each"}, []int{1, 1, 1, 2, 2, 2, 2, 2}}, // each element has another key
				{nil, []int{2, 2, 2, 2, 2, 2, 2, 2}},
			} {
				if _, err := second.Retry(t.Context(), v.RunID, c.tasks, ""); err != nil {
					t.Fatal(err)
				}
				second.End(t, v.RunID)
				if got := l.counts(); !slices.Equal(got, c.want) {
					t.Errorf("after a retry of %v: %v, not %v", c.tasks, got, c.want)
				}
			}
		})
	}
}
