package schedule_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// A schedule does nothing until it is enabled, and nothing after it was paused
// or disabled. The times of a pause are not missed ones.
func TestStates(t *testing.T) {
	t.Parallel()
	w := start(t, "2026-12-01T00:30:00Z")
	w.save("tree", "/", `cron: "0 * * * *", misfire: all`)
	w.runTo("2026-12-01T02:30:00Z")
	w.wantFired()
	if e := w.show("tree"); e.State != schedule.StateInert || len(e.Next) != 2 || !strings.Contains(e.Why, "schedules enable tree") {
		t.Errorf("before it is enabled: %+v", e)
	}
	w.apply(schedule.Enable, "tree")
	w.runTo("2026-12-01T03:30:00Z")
	w.wantFired("12-01T03:00")
	w.apply(schedule.Pause, "tree")
	w.runTo("2026-12-01T05:30:00Z")
	if e := w.show("tree"); e.State != store.SchedulePaused || e.Why != "a person paused it" || e.Principal != "ann" {
		t.Errorf("paused: %+v", e)
	}
	w.apply(schedule.Resume, "tree")
	w.runTo("2026-12-01T06:30:00Z")
	w.wantFired("12-01T03:00", "12-01T06:00")
	w.apply(schedule.Disable, "tree")
	w.runTo("2026-12-01T08:30:00Z")
	w.wantFired("12-01T03:00", "12-01T06:00")
	for _, action := range []string{schedule.Resume, schedule.Pause} {
		if err := w.try(action, "tree"); err == nil || !strings.Contains(err.Message, "is disabled") {
			t.Errorf("%s what is disabled: %v", action, err)
		}
	}
}

// A tree that changes pauses its schedule, which says so. It goes on when it is
// enabled again.
func TestChangedTree(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w *world){
		"its task":     func(w *world) { w.save("tree", "/other", `cron: "0 * * * *"`) },
		"its schedule": func(w *world) { w.save("tree", "/", `cron: "30 * * * *"`) },
		"it is gone":   func(w *world) { delete(w.files, "tree.yaml") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, "2026-12-01T00:30:00Z")
			w.save("tree", "/", `cron: "0 * * * *"`)
			w.apply(schedule.Enable, "tree")
			w.runTo("2026-12-01T01:20:00Z")
			change(w)
			if e := w.show("tree"); e.State != store.SchedulePaused || e.Why == "" {
				t.Errorf("right after the change: %+v", e)
			}
			w.runTo("2026-12-01T03:20:00Z")
			w.wantFired("12-01T01:00")
			row, err := w.store.Schedule(t.Context(), "tree")
			if err != nil || row.State != store.SchedulePaused {
				t.Fatalf("the row: %+v, %v", row, err)
			}
			if err := w.try(schedule.Resume, "tree"); err == nil {
				t.Error("what has changed was resumed")
			}
			w.save("tree", "/", `cron: "0 * * * *"`)
			w.apply(schedule.Enable, "tree")
			w.runTo("2026-12-01T04:20:00Z")
			w.wantFired("12-01T01:00", "12-01T04:00")
		})
	}
}

// A run that is refused is recorded with its schedule, which goes on. The next
// run that starts removes the error.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := start(t, "2026-12-01T00:30:00Z")
	refuse := true
	w.all = nil
	w.join(func(principal string, tree *chain.Tree) error {
		if refuse {
			return executors.Errorf(executors.PermissionDenied, "%s may not run %s", principal, tree.Name).WithHint("ask the operator")
		}
		return nil
	})
	w.save("tree", "/", `cron: "0 * * * *"`)
	w.apply(schedule.Enable, "tree")
	w.runTo("2026-12-01T01:30:00Z")
	w.wantFired()
	e := w.show("tree")
	if e.State != store.ScheduleEnabled || e.Refused == nil || e.Refused.Message != "ann may not run tree" || e.Refused.Hint != "ask the operator" || e.Refused.For.Hour() != 1 {
		t.Errorf("refused: %+v, %+v", e, e.Refused)
	}
	refuse = false
	w.runTo("2026-12-01T02:30:00Z")
	w.wantFired("12-01T02:00")
	if e := w.show("tree"); e.Refused != nil || e.Last == nil || e.Last.Status != "completed" {
		t.Errorf("after it was allowed: %+v", e)
	}
	w.files["tree.yaml"].Data = []byte("schedule: {cron: \"0 * * * *\"}\ntasks: [{id: a, executor: no_such_thing}]")
	w.runTo("2026-12-01T03:30:00Z")
	if e := w.show("tree"); e.Refused == nil || e.Refused.Type != string(executors.ValidationError) || e.State != store.ScheduleEnabled {
		t.Errorf("a tree that is not valid: %+v, %+v", e, e.Refused)
	}
}

// A clock that goes back shows times again. Their runs are not started again.
func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	w := start(t, "2026-12-01T00:30:00Z")
	w.save("tree", "/", `cron: "0 * * * *"`)
	w.apply(schedule.Enable, "tree")
	w.runTo("2026-12-01T02:10:00Z")
	w.now = w.now.Add(-20 * time.Minute)
	w.runTo("2026-12-01T03:10:00Z")
	w.wantFired("12-01T01:00", "12-01T02:00", "12-01T03:00")
	w.now = w.now.Add(-2 * time.Hour) // further than what goes unnoticed
	w.runTo("2026-12-01T04:10:00Z")
	w.wantFired("12-01T01:00", "12-01T02:00", "12-01T03:00", "12-01T04:00")
}

// A process that ends between its decision and the start of the run leaves a
// row from which another one starts it.
func TestKilledBeforeTheStart(t *testing.T) {
	t.Parallel()
	w := start(t, "2026-12-01T00:30:00Z")
	w.save("tree", "/", `cron: "0 * * * *"`)
	w.apply(schedule.Enable, "tree")
	row, err := w.store.Schedule(t.Context(), "tree")
	if err != nil {
		t.Fatal(err)
	}
	w.at("2026-12-01T01:00:00Z")
	row.Last, row.Queue = w.now, []time.Time{w.now}
	if err := w.store.PutSchedule(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	w.at("2026-12-01T01:20:00Z")
	w.all[0].Step(t.Context(), w.now)
	w.settle()
	w.wantFired("12-01T01:00")
}

// The jitter is the same in every process, and less than it says.
func TestJitter(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	seen := map[time.Duration]bool{}
	for i := range 100 {
		nominal := at.AddDate(0, 0, i)
		d := chain.Delay("tree", nominal, time.Minute)
		if d < 0 || d >= time.Minute || d != chain.Delay("tree", nominal.In(time.FixedZone("x", 3600)), time.Minute) {
			t.Errorf("%v: %v", nominal, d)
		}
		seen[d] = true
	}
	if len(seen) < 20 {
		t.Errorf("only %d different delays", len(seen))
	}
	w := start(t, "2026-12-01T02:59:00Z")
	w.save("tree", "/", `cron: "0 3 * * *", jitter: 50m`)
	w.apply(schedule.Enable, "tree")
	delay := chain.Delay("tree", at, 50*time.Minute)
	w.now = at.Add(delay - time.Second)
	w.all[0].Step(t.Context(), w.now)
	w.wantFired()
	w.now = at.Add(delay)
	w.all[0].Step(t.Context(), w.now)
	w.settle()
	w.wantFired("12-01T03:00")
}

// Another principal can't change a schedule, and the person at the command line
// can.
func TestPrincipals(t *testing.T) {
	t.Parallel()
	w := start(t, "2026-12-01T00:30:00Z")
	w.save("tree", "/", `cron: "0 * * * *", paused: true`)
	book := w.all[0].book
	apply := func(action, principal string, local bool) *executors.Error {
		return book.Apply(t.Context(), schedule.Change{Tree: "tree", Action: action, Principal: principal, Local: local}, w.now)
	}
	if err := apply(schedule.Enable, "ann", false); err != nil {
		t.Fatal(err)
	}
	if e := w.show("tree"); e.State != store.SchedulePaused || !strings.Contains(e.Why, "paused: true") {
		t.Errorf("it is paused in its file: %+v", e)
	}
	for _, action := range []string{schedule.Enable, schedule.Pause, schedule.Resume, schedule.Disable} {
		if err := apply(action, "bob", false); err == nil || err.Type != executors.PermissionDenied {
			t.Errorf("%s by another: %v", action, err)
		}
	}
	if err := apply(schedule.Resume, "", true); err != nil {
		t.Error(err)
	}
	w.runTo("2026-12-01T01:10:00Z")
	if runs := w.runs(); len(runs) != 1 || runs[0].Principal != "ann" {
		t.Errorf("the runs: %+v", runs)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	w := start(t, "2026-12-01T00:30:00Z")
	w.save("nightly", "/", `cron: "0 * * * *"`)
	w.files["plain.yaml"] = w.files["nightly.yaml"]
	w.save("plain", "/", "")
	w.files["plain.yaml"].Data = []byte("tasks: [{id: a, executor: rest, inputs: {url: \"http://127.0.0.1\"}}]")
	for _, c := range []struct{ action, tree, message, hint string }{
		{schedule.Enable, "nightli", "no saved tree", "nightly"},
		{schedule.Enable, "plain", "has no schedule", "cron"},
		{schedule.Pause, "nightly", "never enabled", "schedules enable nightly"},
		{schedule.Disable, "nothing", "no saved tree", ""},
		{"stop", "nightly", "never enabled", ""},
		{schedule.Enable, strings.Repeat("x", 201), "at most 200", ""},
	} {
		if err := w.try(c.action, c.tree); err == nil || !strings.Contains(err.Message, c.message) || !strings.Contains(err.Hint, c.hint) {
			t.Errorf("%s %s: %v, %+v", c.action, c.tree, err, err)
		}
	}
	list, err := w.all[0].book.List(t.Context(), w.now, 1)
	if err != nil || len(list.Schedules) != 1 || list.Schedules[0].Tree != "nightly" || list.Fired {
		t.Errorf("the list: %+v, %v", list, err)
	}
}

// A process says that it fires, and that it no longer does.
func TestRun(t *testing.T) {
	t.Parallel()
	w := start(t, time.Now().UTC().Format(time.RFC3339))
	w.save("tree", "/", `cron: "* * * * *", misfire: once`)
	w.now = time.Now().Add(-2 * time.Minute)
	w.apply(schedule.Enable, "tree")
	fired := func() bool {
		list, err := w.all[0].book.List(t.Context(), time.Now(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return list.Fired
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.all[0].Run(ctx)
	}()
	executortest.Await(t, "it fires", func() bool { return fired() && len(w.runs()) > 0 })
	stop()
	<-ended
	if fired() {
		t.Error("it still says that it fires")
	}
	w.settle()
}
