package schedule_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/saved"
	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/store/postgres"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is one store with processes that fire schedules, and the server that
// their trees call.
type world struct {
	t      *testing.T
	now    time.Time
	store  store.Store
	server *httptest.Server
	hold   chan struct{} // requests to /slow wait until it is closed
	files  fstest.MapFS
	all    []*process
}

// process is one process that fires schedules.
type process struct {
	*schedule.Scheduler
	book   *schedule.Book
	engine *engine.Engine
}

func start(t *testing.T, now string) *world { return startOn(t, now, memory.Open(memory.Options{})) }

func startOn(t *testing.T, now string, s store.Store) *world {
	t.Helper()
	w := &world{t: t, store: s, hold: make(chan struct{}), files: fstest.MapFS{}}
	w.at(now)
	w.server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			select {
			case <-w.hold:
			case <-r.Context().Done():
			}
		}
	}))
	t.Cleanup(func() {
		for _, p := range w.all {
			if err := p.engine.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		w.server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.join(nil)
	return w
}

// join adds a process.
func (w *world) join(permit func(string, *chain.Tree) error) *process {
	w.t.Helper()
	pol := executortest.Policy(w.t, policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}})
	registry := executortest.Registry(w.t, pol, rest.New())
	registry.SetTrees(saved.Folder{FS: w.files, Log: zerolog.Nop()})
	p := &process{book: schedule.NewBook(w.store, registry), engine: engine.New(engine.Options{Registry: registry, Store: w.store})}
	p.Scheduler = schedule.NewScheduler(schedule.Options{Book: p.book, Engine: p.engine, Permit: permit})
	w.all = append(w.all, p)
	return p
}

func (w *world) at(now string) {
	w.t.Helper()
	at, err := time.Parse(time.RFC3339, now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.now = at
}

// save writes a tree with a schedule. Its task calls a path of the server.
func (w *world) save(name, path, settings string) {
	w.files[name+".yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "name: %s\nschedule: {%s}\ntasks: [{id: a, executor: rest, inputs: {url: \"%s%s\"}}]\n", name, settings, w.server.URL, path)}
}

func (w *world) apply(action, tree string) {
	w.t.Helper()
	if err := w.try(action, tree); err != nil {
		w.t.Fatalf("%s: %v", action, err)
	}
}

func (w *world) try(action, tree string) *executors.Error {
	return w.all[0].book.Apply(w.t.Context(), schedule.Change{Tree: tree, Action: action, Local: true, Principal: "ann"}, w.now)
}

// runTo lets the time pass to a moment, as a process that is awake sees it.
func (w *world) runTo(to string) {
	w.t.Helper()
	end, err := time.Parse(time.RFC3339, to)
	if err != nil {
		w.t.Fatal(err)
	}
	for w.now.Before(end) {
		next := w.all[0].Step(w.t.Context(), w.now)
		w.settle()
		// Without anything due the process looks again every few seconds; the
		// test jumps to the next minute.
		if minute := w.now.Truncate(time.Minute).Add(time.Minute); next.After(w.now.Add(time.Second)) && next.Before(minute) && next.Equal(w.now.Add(5*time.Second)) {
			next = minute
		}
		w.now = next
	}
	w.now = end
	w.all[0].Step(w.t.Context(), w.now)
	w.settle()
}

// settle waits until no run is in progress that does not wait for the server.
func (w *world) settle() {
	w.t.Helper()
	executortest.Await(w.t, "the runs end", func() bool {
		for _, run := range w.runs() {
			if run.Status == string(chain.InProgress) && !strings.Contains(string(run.Tree), "/slow") {
				return false
			}
		}
		return true
	})
}

// runs returns all runs, the oldest first.
func (w *world) runs() []store.Run {
	w.t.Helper()
	list, err := w.store.List(w.t.Context(), store.Query{Anyone: true, Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Reverse(list)
	for i := range list {
		whole, err := w.store.Run(w.t.Context(), list[i].ID)
		if err != nil {
			w.t.Fatal(err)
		}
		list[i] = *whole
	}
	return list
}

// fired returns the nominal times of all runs.
func (w *world) fired() []string {
	w.t.Helper()
	var list []string
	for _, run := range w.runs() {
		list = append(list, run.Labels["scheduled_for"][5:16])
	}
	return list
}

func (w *world) wantFired(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.fired()); diff != "" {
		w.t.Errorf("the runs (-want +got):\n%s", diff)
	}
}

func (w *world) show(tree string) *schedule.Entry {
	w.t.Helper()
	entry, err := w.all[0].book.Show(w.t.Context(), tree, w.now, 2)
	if err != nil {
		w.t.Fatal(err)
	}
	return entry
}

// stores are the kinds of store that processes share.
func stores(t *testing.T) map[string]func(t *testing.T) store.Store {
	server := peers.StartPostgres(t)
	return map[string]func(t *testing.T) store.Store{
		"memory": func(*testing.T) store.Store { return memory.Open(memory.Options{}) },
		"sqlite": func(t *testing.T) store.Store {
			return sqlite.Open(filepath.Join(t.TempDir(), "runs.db"), sqlite.Options{OnError: func(err error) { t.Error(err) }})
		},
		"postgres": func(t *testing.T) store.Store {
			s, err := postgres.Open(server.NewDatabase(t), postgres.Options{OnError: func(err error) { t.Error(err) }})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	}
}

// Processes that look at the same store at the same moment start each run once.
func TestOneOfManyFires(t *testing.T) {
	t.Parallel()
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startOn(t, "2026-12-01T02:58:30Z", open(t))
			for _, tree := range []string{"a", "b"} {
				w.save(tree, "/", `cron: "*/1 * * * *"`)
				w.apply(schedule.Enable, tree)
			}
			w.join(nil)
			w.join(nil)
			for range 5 {
				w.now = w.now.Add(time.Minute)
				for range 3 { // one that lost looks again at once
					var stepping sync.WaitGroup
					for _, p := range w.all {
						stepping.Go(func() { p.Step(t.Context(), w.now) })
					}
					stepping.Wait()
					w.settle()
				}
			}
			keys := map[string]int{}
			for _, run := range w.runs() {
				keys[run.Key]++
			}
			if len(keys) != 10 || len(w.runs()) != 10 {
				t.Errorf("the runs are %v", keys)
			}
			for _, tree := range []string{"a", "b"} {
				if e := w.show(tree); e.Last == nil || e.Last.For.Format("15:04") != "03:03" || e.Last.Status != "completed" || e.LeftOut != nil {
					t.Errorf("%s: %+v %+v", tree, e.Last, e.LeftOut)
				}
			}
		})
	}
}

// Both changes of the clock, with the scheduler as a process runs it.
func TestDaylightSaving(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, cron, zone, from, to string
		want                       []string
	}{
		{"Berlin, forward", "30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-30T06:00:00Z", []string{"03-28T01:30", "03-29T01:00", "03-30T00:30"}},
		{"Berlin, back", "30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", "2026-10-26T06:00:00Z", []string{"10-24T00:30", "10-25T00:30", "10-26T01:30"}},
		{"Berlin, every half hour, back", "*/30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", "2026-10-25T02:10:00Z", []string{"10-25T00:00", "10-25T00:30", "10-25T01:00", "10-25T01:30", "10-25T02:00"}},
		{"New York, forward", "30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z", []string{"03-08T07:00", "03-09T06:30"}},
		{"New York, back", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z", []string{"11-01T05:30", "11-02T06:30"}},
		{"New York, every half hour, forward", "*/30 * * * *", "America/New_York", "2026-03-08T06:15:00Z", "2026-03-08T07:40:00Z", []string{"03-08T06:30", "03-08T07:00", "03-08T07:30"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := start(t, c.from)
			w.save("tree", "/", fmt.Sprintf("cron: %q, timezone: %q", c.cron, c.zone))
			w.apply(schedule.Enable, "tree")
			w.runTo(c.to)
			w.wantFired(c.want...)
		})
	}
}

// What happens to the times at which no process was there.
func TestMisfire(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, settings, to string
		want               []string
		note               string
	}{
		{"skip", `cron: "0 * * * *"`, "2026-12-01T06:10:00Z", nil, "6 times were missed and left out"},
		{"skip one", `cron: "0 * * * *", misfire: skip`, "2026-12-01T01:10:00Z", nil, "1 time was missed and left out"},
		{"skip, but the last is on time", `cron: "0 * * * *"`, "2026-12-01T03:00:59Z", []string{"12-01T03:00"}, "2 times were missed and left out"},
		{"once", `cron: "0 * * * *", misfire: once`, "2026-12-01T06:10:00Z", []string{"12-01T06:00"}, "6 times were missed; one run is started for all of them"},
		{"once of one", `cron: "0 * * * *", misfire: once`, "2026-12-01T01:10:00Z", []string{"12-01T01:00"}, ""},
		{"once, and the last is on time", `cron: "0 * * * *", misfire: once`, "2026-12-01T03:00:10Z", []string{"12-01T03:00"}, "2 times were missed; one run is started for all of them"},
		{"once in a year", `cron: "0 0 1 1 *", misfire: once`, "2027-06-01T00:00:00Z", []string{"01-01T00:00"}, ""},
		{"all", `cron: "0 * * * *", misfire: all`, "2026-12-01T03:00:10Z", []string{"12-01T01:00", "12-01T02:00", "12-01T03:00"}, "skipped, because runs of missed times had not been started yet"},
		{"all, side by side", `cron: "0 * * * *", misfire: all, overlap: allow`, "2026-12-01T03:00:10Z", []string{"12-01T01:00", "12-01T02:00", "12-01T03:00"}, ""},
		{"nothing is missed", `cron: "0 * * * *", misfire: all`, "2026-12-01T00:59:59Z", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := start(t, "2026-12-01T00:00:30Z")
			w.save("tree", "/", c.settings)
			w.apply(schedule.Enable, "tree")
			w.at(c.to)
			for range 5 {
				w.all[0].Step(t.Context(), w.now)
				w.settle()
			}
			want := c.want
			if c.name == "all" { // the one on time is skipped, because the others come first
				want = want[:2]
			}
			w.wantFired(want...)
			if e := w.show("tree"); (e.LeftOut == nil) != (c.note == "") || e.LeftOut != nil && e.LeftOut.Note != c.note {
				t.Errorf("left out: %+v, want %q", e.LeftOut, c.note)
			}
		})
	}
}

// After a long time the number of runs is bounded, and what is left out is told.
func TestMisfireIsBounded(t *testing.T) {
	t.Parallel()
	w := start(t, "2025-01-01T00:00:30Z")
	w.save("every_minute", "/", `cron: "* * * * *", misfire: all, overlap: allow`)
	w.save("hourly", "/", `cron: "0 * * * *", misfire: all, overlap: queue`)
	w.apply(schedule.Enable, "every_minute")
	w.apply(schedule.Enable, "hourly")
	w.at("2026-03-01T00:00:10Z")
	w.all[0].Step(t.Context(), w.now)
	w.settle()
	if row, err := w.store.Schedule(t.Context(), "hourly"); err != nil || len(row.Queue) != 99 {
		t.Errorf("the queue: %+v, %v", row, err)
	}
	started := map[string]int{}
	for _, run := range w.runs() {
		started[run.Labels["schedule"]]++
	}
	if diff := cmp.Diff(map[string]int{"every_minute": 100, "hourly": 1}, started); diff != "" {
		t.Errorf("started (-want +got):\n%s", diff)
	}
	for tree, want := range map[string]string{
		"every_minute": "more than 94639 times were missed; runs of the last 99 are started, the others are left out",
		"hourly":       "10175 times were missed; runs of the last 99 are started, the others are left out",
	} {
		if e := w.show(tree); e.LeftOut == nil || !strings.Contains(e.LeftOut.Note, want) {
			t.Errorf("%s: %+v", tree, e.LeftOut)
		}
	}
}

// What happens at a time when the last run has not ended.
func TestOverlap(t *testing.T) {
	t.Parallel()
	for overlap, c := range map[string]struct {
		during, after []string
		note          string
	}{
		"skip":  {[]string{"12-01T01:00"}, []string{"12-01T01:00", "12-01T04:00"}, "had not ended"},
		"queue": {[]string{"12-01T01:00"}, []string{"12-01T01:00", "12-01T02:00", "12-01T03:00", "12-01T04:00"}, ""},
		"allow": {[]string{"12-01T01:00", "12-01T02:00", "12-01T03:00"}, []string{"12-01T01:00", "12-01T02:00", "12-01T03:00", "12-01T04:00"}, ""},
	} {
		t.Run(overlap, func(t *testing.T) {
			t.Parallel()
			w := start(t, "2026-12-01T00:30:00Z")
			w.save("tree", "/slow", `cron: "0 * * * *", overlap: `+overlap)
			w.apply(schedule.Enable, "tree")
			for _, now := range []string{"2026-12-01T01:00:01Z", "2026-12-01T02:00:01Z", "2026-12-01T03:00:01Z"} {
				w.at(now)
				w.all[0].Step(t.Context(), w.now)
			}
			w.wantFired(c.during...)
			if e := w.show("tree"); (e.LeftOut == nil) != (c.note == "") || e.LeftOut != nil && !strings.Contains(e.LeftOut.Note, c.note) {
				t.Errorf("left out: %+v", e.LeftOut)
			}
			close(w.hold)
			w.at("2026-12-01T03:30:00Z")
			ended := func() {
				executortest.Await(t, "the runs end", func() bool {
					return !slices.ContainsFunc(w.runs(), func(r store.Run) bool { return r.Status == string(chain.InProgress) })
				})
			}
			for range 4 {
				ended()
				w.all[0].Step(t.Context(), w.now)
			}
			ended()
			w.at("2026-12-01T04:00:02Z")
			w.all[0].Step(t.Context(), w.now)
			w.wantFired(c.after...)
			ended()
		})
	}
}
