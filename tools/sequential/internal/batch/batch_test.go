package batch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/tools/sequential/internal/batch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// items returns n items with the given number of different keys.
func items(n, kinds int) func() (batch.Item, error) {
	at := 0
	return func() (batch.Item, error) {
		if at == n {
			return batch.Item{}, io.EOF
		}
		task := fmt.Sprint(at % kinds)
		at++
		return batch.Item{Key: batch.KeyOf(task), Task: task}, nil
	}
}

// TestOrder checks that results come in order whatever the workers do, also
// beyond the window, and that equal work is done once.
func TestOrder(t *testing.T) {
	t.Parallel()
	const n, kinds = 150_000, 90_000
	var done atomic.Int64
	release := make(chan struct{})
	next := 0
	err := batch.Run(t.Context(), batch.Options{
		Workers: 7, Store: batch.NewMemory(), Next: items(n, kinds),
		Do: func(_ context.Context, task string) ([]byte, error) {
			switch n := done.Add(1); {
			case task == "0":
				<-release // the first item ends last, after a whole window
			case n == 50_000:
				close(release)
			}
			return []byte(task), nil
		},
		Write: func(result []byte) error {
			if want := fmt.Sprint(next % kinds); string(result) != want {
				return fmt.Errorf("item %d got %s, want %s", next, result, want)
			}
			next++
			return nil
		},
	})
	if err != nil || next != n || done.Load() != kinds {
		t.Errorf("%v after %d items and %d pieces of work", err, next, done.Load())
	}
}

// TestStops checks that each kind of stop ends the batch with its reason, and
// that Write is still called for every item, done or not.
func TestStops(t *testing.T) {
	t.Parallel()
	reason := errors.New("the reason")
	const n = 1000
	cases := map[string]func(*batch.Options, context.CancelCauseFunc){
		"work": func(o *batch.Options, _ context.CancelCauseFunc) {
			o.Do = func(_ context.Context, task string) ([]byte, error) {
				if task == "500" {
					return nil, reason
				}
				return []byte(task), nil
			}
		},
		"cancelled": func(o *batch.Options, cancel context.CancelCauseFunc) {
			o.Do = func(ctx context.Context, task string) ([]byte, error) {
				if task == "500" {
					cancel(reason)
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return []byte(task), nil
			}
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			given, missing := 0, 0
			opts := batch.Options{Workers: 5, Store: batch.NewMemory(), Next: items(n, n), Write: func(result []byte) error {
				if result == nil {
					missing++
				} else if string(result) != fmt.Sprint(given) {
					t.Errorf("item %d is %s", given, result)
				}
				given++
				return nil
			}}
			change(&opts, cancel)
			if err := batch.Run(ctx, opts); !errors.Is(err, reason) {
				t.Errorf("got %v", err)
			}
			if given != n || missing == 0 || missing > n-400 {
				t.Errorf("%d items were given, %d of them not done", given, missing)
			}
		})
	}
}

// TestAgain checks that selected recorded work is repeated, and that its
// earlier result is kept if the batch stops before that.
func TestAgain(t *testing.T) {
	t.Parallel()
	store := batch.NewMemory()
	for i := range 10 {
		if _, err := store.Append(batch.KeyOf(fmt.Sprint(i)), []byte("earlier")); err != nil {
			t.Fatal(err)
		}
	}
	enough := errors.New("enough")
	for _, stop := range []bool{true, false} {
		var given []string
		err := batch.Run(t.Context(), batch.Options{
			Workers: 1, Store: store, Next: items(10, 10),
			Again: func(ref batch.Ref, result []byte) bool { return ref > 4 && string(result) == "earlier" },
			Do: func(_ context.Context, task string) ([]byte, error) {
				if task == "6" && stop {
					return nil, enough
				}
				return []byte("again"), nil
			},
			Write: func(result []byte) error { given = append(given, string(result)); return nil },
		})
		const e, a = "earlier", "again"
		want := []string{e, e, e, e, a, a, a, a, a, a}
		if stop {
			want = []string{e, e, e, e, a, a, e, e, e, e}
		}
		if stop != errors.Is(err, enough) || !slices.Equal(given, want) {
			t.Errorf("%v: %q", err, given)
		}
	}
}

// TestWriteFails checks that a batch whose results can't be written stops, and
// keeps the recorded results.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	full := errors.New("the disk is full")
	var done atomic.Int64
	err := batch.Run(t.Context(), batch.Options{
		Workers: 3, Store: batch.NewMemory(), Next: items(100_000, 100_000),
		Do:    func(context.Context, string) ([]byte, error) { done.Add(1); return []byte("x"), nil },
		Write: func([]byte) error { return full },
	})
	if !errors.Is(err, full) {
		t.Errorf("got %v after %d pieces of work", err, done.Load())
	}
	broken := errors.New("the input is broken")
	if err := batch.Run(t.Context(), batch.Options{
		Workers: 3, Store: batch.NewMemory(), Next: func() (batch.Item, error) { return batch.Item{}, broken },
		Do: func(context.Context, string) ([]byte, error) { return nil, nil }, Write: func([]byte) error { return nil },
	}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// TestEmptyAndRandom checks small batches of every shape.
func TestEmptyAndRandom(t *testing.T) {
	t.Parallel()
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 300 {
		n := rand.N(40)
		next := 0
		err := batch.Run(deadline, batch.Options{
			Workers: 1 + rand.N(9), Store: batch.NewMemory(), Next: items(n, 1+rand.N(20)),
			Do:    func(_ context.Context, task string) ([]byte, error) { return []byte(task), nil },
			Write: func([]byte) error { next++; return nil },
		})
		if err != nil || next != n {
			t.Fatalf("%v after %d of %d", err, next, n)
		}
	}
}
