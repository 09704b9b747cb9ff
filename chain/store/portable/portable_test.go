package portable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/portable"
	"github.com/chainwright/chainwright/chain/store/postgres"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func closing(t *testing.T, s store.Durable) store.Durable {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newSQLite(t *testing.T) store.Durable {
	t.Helper()
	return closing(t, sqlite.Open(filepath.Join(t.TempDir(), "runs.db"), sqlite.Options{}))
}

func newPostgres(t *testing.T, server *peers.Postgres) store.Durable {
	t.Helper()
	s, err := postgres.Open(server.NewDatabase(t), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, s)
}

// at is a time that does not change when it is stored, and is not too old to be
// kept.
var at = time.Now().UTC().Truncate(time.Hour).Add(123456789)

// tree returns a run of a tree that has ended.
func tree(id string) *store.Run {
	return &store.Run{
		ID: id, Kind: store.KindTree, Principal: "ann", Name: "a <tree> \u2028", UserID: "u1", Key: "key " + id, Digest: "d1", Owner: "me", Status: "in_progress",
		Counts: map[string]int{"pending": 2}, Tree: []byte(`[{"id": 1}]`), Inputs: []byte(`{"a":1.50,"a":2}`),
		Tasks:       []store.Task{{ID: "a", Name: "first", Executor: "x", Parent: -1}, {ID: "b", Executor: "y", UserID: "u1"}},
		MaxParallel: 4, OnFailure: "stop", CreatedAt: at,
		Policy: "p1", Config: "c1", Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Labels: map[string]string{"team": "a"}, Parent: "r0", Within: `{"read_only":true}`,
	}
}

// create adds a run whose tasks go through all states. ends: it ends too.
func create(t *testing.T, s store.Store, run *store.Run, ends bool) {
	t.Helper()
	if old, err := s.Create(t.Context(), run); err != nil || old != nil {
		t.Fatalf("%v, %v", old, err)
	}
	b := &store.Batch{RunID: run.ID, Owner: run.Owner, Counts: map[string]int{"in_progress": 1, "skipped": 1}, Transitions: []store.Transition{
		{Seq: 1, Task: 0, State: "in_progress", Attempt: 1, At: at.Add(time.Second)},
		{Seq: 2, Task: 0, Element: 3, State: "completed", Attempt: 1, At: at.Add(2 * time.Second), Started: at, Result: []byte(`{"b": 2}`)}, // not compact
		{Seq: 3, Task: 0, Element: 4, State: "failed", Attempt: 2, At: at.Add(3 * time.Second), Started: at, Result: []byte("\x00\xff\n")},
		{Seq: 4, Task: 0, State: "in_progress", Attempt: 1, At: at.Add(4 * time.Second), Next: at.Add(time.Hour), Generation: 2,
			Problem: &store.Problem{Type: "network_error", Message: "re<fused", Code: "500", Field: "url", Hint: "try", Retryable: true, RetryAfter: time.Second,
				Elements: []store.ElementError{{Index: 4, Error: "e", ErrorType: "x"}}, Warning: "w"}},
		{Seq: 5, Task: 1, State: "skipped", At: at.Add(5 * time.Second), Skip: &store.Skip{Reason: "dependency", By: []int{0}, Roots: []int{0}},
			Approval: &store.Approval{Question: &store.Question{Message: "m", Inputs: []byte(`{"a":1}`), Until: at, Digest: "d"}, Answer: &store.Answer{ID: "a1", Asked: 4, Decision: "approve", Way: "w", At: at}}},
	}}
	append1(t, s, b)
	if ends {
		finish(t, s, run)
	}
}

// finish ends a run of create.
func finish(t *testing.T, s store.Store, run *store.Run) {
	t.Helper()
	append1(t, s, &store.Batch{RunID: run.ID, Owner: run.Owner, Counts: map[string]int{"completed": 1, "skipped": 1}, Status: "completed", CompletedAt: at.Add(time.Minute),
		Transitions: []store.Transition{
			{Seq: 6, Task: 0, State: "completed", Attempt: 2, At: at.Add(6 * time.Second), Started: at.Add(time.Second), Result: []byte(`null`)},
			{Seq: 7, Task: -1, State: "completed", At: at.Add(time.Minute)},
		}})
}

func append1(t *testing.T, s store.Store, b *store.Batch) {
	t.Helper()
	done := make(chan error, 1)
	s.Append(b, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// fill adds runs of every kind.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	create(t, s, tree("r1"), true)
	for i := range 40 { // calls are written in blocks of 32
		s.Record(&store.Run{
			ID: fmt.Sprintf("c%d", i), Kind: store.KindCall, Principal: "ann", Name: "rest", Owner: "me", Status: "failed", Inputs: []byte(`{"url":"x"}`),
			MaxParallel: 1, OnFailure: "continue", Seq: 2, CreatedAt: at, CompletedAt: at.Add(time.Second),
			Outcome: &store.Transition{Seq: 2, State: "failed", Attempt: 3, At: at.Add(time.Second), Started: at, Result: []byte(`{"status_code":500}`),
				Problem: &store.Problem{Type: "network_error", Message: "refused"}},
		})
	}
	bare := &store.Run{ID: "r2", Kind: store.KindTree, Owner: "me", Status: "in_progress", CreatedAt: at, MaxParallel: 1, OnFailure: "continue"}
	if _, err := s.Create(t.Context(), bare); err != nil {
		t.Fatal(err)
	}
	for i, state := range []string{store.ScheduleEnabled, store.SchedulePaused, store.ScheduleDisabled} {
		put := &store.Schedule{Tree: fmt.Sprint("tree", i), State: state, Reason: map[string]string{store.SchedulePaused: "a person paused it"}[state], Principal: "ann", Digest: "d", EnabledAt: at,
			Cron: "0 7 * * *", Zone: "Europe/Berlin", Overlap: "queue", Jitter: time.Minute, Last: at, Queue: []time.Time{at}, CatchUp: 1, Run: "r1", RunFor: at, Note: "n", NoteAt: at,
			Problem: &store.Problem{Type: "timeout_error", Message: "m"}, ProblemAt: at}
		if err := s.PutSchedule(t.Context(), put); err != nil {
			t.Fatal(err)
		}
	}
	append1(t, s, &store.Batch{RunID: "r2", Owner: "me", Status: "failed", CompletedAt: at.Add(time.Second), Problem: &store.Problem{Type: "timeout_error", Message: "m"}})
}

func export(t *testing.T, s store.Durable) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := portable.Export(t.Context(), s, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func imported(t *testing.T, s store.Durable, file []byte) portable.Read {
	t.Helper()
	read, err := portable.Import(t.Context(), bytes.NewReader(file), int64(len(file)), s)
	if err != nil {
		t.Fatal(err)
	}
	return *read
}

// lines returns the lines of a file between the first, which has the time, and
// the last, which has the hash.
func lines(file []byte) []string {
	list := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	return list[1 : len(list)-1]
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// everything reads all of a store through the interface that the engine uses.
func everything(t *testing.T, s store.Store) (all []any) {
	t.Helper()
	list, err := s.List(t.Context(), store.Query{Anyone: true, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range list {
		run, err := s.Run(t.Context(), each.ID)
		if err != nil {
			t.Fatal(err)
		}
		run.Owner, run.OwnerHost, run.OwnerPID, run.OwnerSeen, run.OwnerSince = "", "", 0, time.Time{}, time.Time{}
		steps, err := s.Transitions(t.Context(), each.ID, 0, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *run, steps)
	}
	return all
}

// What is exported from SQLite, imported to PostgreSQL, exported from there and
// imported to SQLite is what it was, whichever reads it.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	first, middle, last := newSQLite(t), newPostgres(t, server), newSQLite(t)
	fill(t, first)
	one := export(t, first)
	same(t, "to PostgreSQL", imported(t, middle, one), portable.Read{Runs: 42, Transitions: 7, Added: 42, Schedules: 3, SchedulesAdded: 3})
	two := export(t, middle)
	same(t, "the export of PostgreSQL", lines(two)[1:], lines(one)[1:])
	if paused := lines(two)[0]; !strings.Contains(paused, `"state":"paused","reason":"it was enabled in the store`) {
		t.Errorf("a schedule that was enabled is %s", paused)
	}
	same(t, "to SQLite", imported(t, last, two), portable.Read{Runs: 42, Transitions: 7, Added: 42, Schedules: 3, SchedulesAdded: 3})
	same(t, "the second export of SQLite", lines(export(t, last)), lines(two))
	was, err := first.Schedules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	is, err := last.Schedules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	was[0].State, was[0].Reason, was[0].Queue, was[0].CatchUp = is[0].State, is[0].Reason, nil, 0
	same(t, "the schedules", is, was)
	want := everything(t, first)
	same(t, "PostgreSQL", everything(t, middle), want)
	same(t, "SQLite", everything(t, last), want)
	for name, s := range map[string]store.Durable{"PostgreSQL": middle, "SQLite": last} {
		same(t, name+" again", imported(t, s, two), portable.Read{Runs: 42, Transitions: 7, Same: 42, Schedules: 3})
		same(t, name+" is unchanged", everything(t, s), want)
	}
}

// Every field of the records is in the runs above, so that none is forgotten in an
// export. A field that belongs to a process is left out: see the list in line.go.
func TestEveryField(t *testing.T) {
	t.Parallel()
	s := newSQLite(t)
	fill(t, s)
	file := string(export(t, s))
	for _, record := range []reflect.Type{reflect.TypeFor[store.Run](), reflect.TypeFor[store.Transition](), reflect.TypeFor[store.Schedule]()} {
		for i := range record.NumField() {
			name := record.Field(i).Name
			if !strings.Contains(file, `"`+portable.Name(name)+`":`) && !strings.Contains(file, `"`+portable.Name(name)+`_base64":`) && !portable.Left(name) && record.Field(i).Tag.Get("json") != "-" {
				t.Errorf("%s.%s is in no run of this test: set it in fill, and add it to the statements that restore runs, or to the fields that are left out", record.Name(), name)
			}
		}
	}
}

// both runs a test with each kind of store.
func both(t *testing.T, test func(t *testing.T, open func(*testing.T) store.Durable)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, newSQLite) })
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		server := peers.StartPostgres(t)
		test(t, func(t *testing.T) store.Durable { t.Helper(); return newPostgres(t, server) })
	})
}

// A run in progress is imported as interrupted, without an owner. A later export
// continues it; what is newer, differs, or is in progress stays.
func TestFates(t *testing.T) {
	both(t, func(t *testing.T, open func(*testing.T) store.Durable) {
		t.Helper()
		from, to := open(t), open(t)
		run := tree("r1")
		create(t, from, run, false)
		early := export(t, from)
		finish(t, from, run)
		late := export(t, from)

		same(t, "in progress", imported(t, to, early), portable.Read{Runs: 1, Transitions: 5, Added: 1, Interrupted: 1})
		got, err := to.Run(t.Context(), "r1")
		if err != nil || got.Status != "failed" || got.Problem.Type != "interrupted" || got.Owner != "" || got.CompletedAt.IsZero() || got.Counts["failed"] != 1 || got.Counts["in_progress"] != 0 {
			t.Errorf("in progress: %+v, %v", got, err)
		}
		if free, err := to.Free(t.Context(), time.Now().Add(time.Hour), 10); err != nil || len(free) > 0 {
			t.Errorf("servers would go on with %v, %v", free, err)
		}
		same(t, "in progress, again", imported(t, to, early), portable.Read{Runs: 1, Transitions: 5, Same: 1, Interrupted: 1})
		same(t, "ended since", imported(t, to, late), portable.Read{Runs: 1, Transitions: 7, Continued: 1})
		same(t, "the run", lines(export(t, to)), lines(late))
		same(t, "an older file", imported(t, to, early), portable.Read{Runs: 1, Transitions: 5, Newer: 1, Interrupted: 1})
		same(t, "the run is unchanged", lines(export(t, to)), lines(late))

		driven := open(t)
		create(t, driven, tree("r1"), false)
		before := everything(t, driven)
		same(t, "in progress here", imported(t, driven, late), portable.Read{Runs: 1, Transitions: 7, Driven: 1})
		same(t, "what is in progress is unchanged", everything(t, driven), before)

		differs := open(t)
		if _, err := differs.Create(t.Context(), tree("r1")); err != nil {
			t.Fatal(err)
		}
		append1(t, differs, &store.Batch{RunID: "r1", Owner: "me", Status: "cancelled", CompletedAt: at, Transitions: []store.Transition{{Seq: 1, Task: 0, State: "cancelled", At: at}}})
		before = everything(t, differs)
		same(t, "another course", imported(t, differs, late), portable.Read{Runs: 1, Transitions: 7, Differs: 1})
		same(t, "the other course is unchanged", everything(t, differs), before)

		used := open(t)
		other := tree("r2")
		other.Key = run.Key
		create(t, used, other, true)
		same(t, "a key in use", imported(t, used, late), portable.Read{Runs: 1, Transitions: 7, Added: 1, KeysLeft: 1})
		if got, err := used.Run(t.Context(), "r1"); err != nil || got.Key != "" {
			t.Errorf("its key: %q, %v", got.Key, err)
		}
		if old, err := used.Create(t.Context(), &store.Run{ID: "r3", Kind: store.KindTree, Principal: "ann", Key: run.Key}); err != nil || old == nil || old.ID != "r2" {
			t.Errorf("the key is that of %+v, %v", old, err)
		}
	})
}

// A file that is not whole, or was changed, is refused before anything is written.
func TestRefused(t *testing.T) {
	t.Parallel()
	from := newSQLite(t)
	fill(t, from)
	whole := export(t, from)
	to := newSQLite(t)
	refused := func(name string, file []byte, part bool, want string) {
		t.Helper()
		_, err := portable.Import(t.Context(), bytes.NewReader(file), int64(len(file)), to)
		if err == nil || errors.Is(err, portable.ErrPart) != part || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := 0; n < len(whole); n += 1 + len(whole)/200 {
		refused(fmt.Sprintf("its first %d bytes", n), whole[:n], true, "again")
	}
	refused("all but the last line end", whole[:len(whole)-1], true, "in the middle of line")
	change := func(old, new string) []byte { return bytes.Replace(whole, []byte(old), []byte(new), 1) }
	refused("a changed letter", change(`"refused"`, `"refusEd"`), true, "a line was changed")
	refused("a changed number", change(`"runs":42`, `"runs":41`), true, "42 runs")
	refused("more after the end", append(bytes.Clone(whole), "{}\n"...), false, "more after")
	refused("another version", change(`"version":2`, `"version":3`), false, "versions 1 to 2: use a newer program")
	refused("another file", []byte("{\"a\":1}\n"), false, "not an export")
	refused("no JSON", []byte("hello\n"), false, "line 1")
	refused("an unknown field", change(`{"run":{`, `{"run":{"new":1,`), false, `unknown field "new"`)
	refused("an unknown line", change(`{"run":{`, `{"bush":{`), false, `"bush" is not expected`)
	refused("an unknown field of a schedule", change(`{"schedule":{`, `{"schedule":{"new":1,`), false, `unknown field "new"`)
	refused("a schedule without a tree", change(`"tree":"tree0"`, `"tree":""`), false, "no tree")
	refused("a run without an id", change(`"id":"r1",`, ``), false, "no id")
	refused("another kind", change(`"kind":"tree"`, `"kind":"bush"`), false, `"tree" or "call"`)
	refused("an order that is wrong", change(`"seq":3`, `"seq":2`), false, "must grow")
	if list, err := to.List(t.Context(), store.Query{Anyone: true, Limit: 10}); err != nil || len(list) > 0 {
		t.Errorf("%d runs were written, %v", len(list), err)
	}
}

// many are runs with results that are made while they are read.
type many struct {
	store.Durable
	runs, size int
}

func (*many) Schedules(context.Context) ([]store.Schedule, error) { return nil, nil }

func (m *many) About(_ context.Context) (*store.Content, error) {
	return &store.Content{Kind: "many"}, nil
}

func (m *many) Snapshot(_ context.Context, each func(*store.Run, iter.Seq2[*store.Transition, error]) error) error {
	result := []byte(`"` + strings.Repeat("x", m.size-2) + `"`)
	for i := range m.runs {
		run := &store.Run{ID: fmt.Sprintf("r%07d", i), Kind: store.KindTree, Status: "completed", CreatedAt: at, CompletedAt: at, Seq: 2, MaxParallel: 1, OnFailure: "continue",
			Tasks: []store.Task{{ID: "a", Executor: "x", Parent: -1}}}
		err := each(run, func(yield func(*store.Transition, error) bool) {
			_ = yield(&store.Transition{Seq: 1, State: "completed", At: at, Result: result, Size: m.size}, nil) &&
				yield(&store.Transition{Seq: 2, Task: -1, State: "completed", At: at}, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// The memory that is needed does not grow with the number of runs.
func TestFlatMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "export.jsonl")
	for _, m := range []*many{{runs: 2000 / executortest.Slower, size: 4000}, {runs: 3, size: 8_000_000 / executortest.Slower}} {
		s := newSQLite(t)
		most := watched(t, func() {
			size := toFile(t, m, path)
			in := opened(t, path)
			defer in.Close()
			if _, err := portable.Import(t.Context(), in, size, s); err != nil {
				t.Fatal(err)
			}
			if toFile(t, s, path) < size {
				t.Error("the second export is shorter")
			}
		})
		t.Logf("%d runs of %d bytes: %d MB at most", m.runs, m.size, most>>20)
		if most > 160<<20 {
			t.Errorf("%d MB were in use", most>>20)
		}
	}
	runtime.GC()
}
