package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// schedule returns a schedule with every field set.
func schedule(tree string) *store.Schedule {
	return &store.Schedule{
		Tree: tree, State: store.ScheduleEnabled, Reason: "a person paused it", Principal: "ann", Digest: "d1", EnabledAt: at,
		Cron: "0 3 * * *", Zone: "Europe/Berlin", Overlap: "queue", Jitter: 30 * time.Second, Last: at.Add(time.Hour), Queue: []time.Time{at, at.Add(time.Minute)}, CatchUp: 1,
		Run: "r1", RunFor: at, Note: "3 were missed", NoteAt: at,
		Problem: &store.Problem{Type: "permission_denied", Message: "no", Hint: "open it"}, ProblemAt: at,
	}
}

func put(t *testing.T, s store.Store, row *store.Schedule) {
	t.Helper()
	if err := s.PutSchedule(t.Context(), row); err != nil {
		t.Fatalf("writing the schedule of %s: %v", row.Tree, err)
	}
}

func schedules(t *testing.T, s store.Store) {
	ctx := t.Context()
	if list, err := s.Schedules(ctx); err != nil || len(list) != 0 {
		t.Errorf("no schedules: %v, %v", list, err)
	}
	if _, err := s.Schedule(ctx, "nightly"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a schedule that is not there: %v", err)
	}
	full, bare := schedule("nightly"), &store.Schedule{Tree: "a_tree", State: store.ScheduleDisabled}
	put(t, s, full)
	put(t, s, bare)
	if full.Version != 1 {
		t.Errorf("the version of a new schedule is %d", full.Version)
	}
	got, err := s.Schedule(ctx, "nightly")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the schedule", got, full)
	list, err := s.Schedules(ctx)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "all schedules", list, []store.Schedule{*bare, *full})

	got.State, got.Queue, got.Problem, got.ProblemAt = store.SchedulePaused, nil, nil, time.Time{}
	put(t, s, got)
	again, err := s.Schedule(ctx, "nightly")
	if err != nil || again.Version != 2 {
		t.Fatalf("the second version: %+v, %v", again, err)
	}
	same(t, "the schedule, written again", again, got)
	for what, stale := range map[string]*store.Schedule{"an older version": full, "a new one": schedule("nightly"), "a later version": {Tree: "nightly", Version: 3}, "one that is not there": {Tree: "gone", Version: 1}} {
		if err := s.PutSchedule(ctx, stale); !errors.Is(err, store.ErrChanged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if again, err = s.Schedule(ctx, "nightly"); err != nil {
		t.Fatal(err)
	}
	same(t, "the schedule after stale writes", again, got)
}

// Of many that write the same version, one succeeds.
func schedulesAtOnce(t *testing.T, s store.Store) {
	put(t, s, schedule("nightly"))
	for version := range int64(5) {
		var wrote sync.WaitGroup
		won := make(chan error, 8)
		for range cap(won) {
			wrote.Go(func() {
				row := schedule("nightly")
				row.Version = version + 1
				won <- s.PutSchedule(t.Context(), row)
			})
		}
		wrote.Wait()
		close(won)
		winners := 0
		for err := range won {
			switch {
			case err == nil:
				winners++
			case !errors.Is(err, store.ErrChanged):
				t.Error(err)
			}
		}
		if winners != 1 {
			t.Fatalf("%d wrote version %d", winners, version+2)
		}
	}
}

func schedulers(t *testing.T, s store.Store) {
	ctx := t.Context()
	seen := func() bool {
		t.Helper()
		last, err := s.SchedulerSeen(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !last.IsZero() && time.Since(last).Abs() > time.Minute {
			t.Errorf("seen at %v", last)
		}
		return !last.IsZero()
	}
	beat := func(process string, stops bool) {
		t.Helper()
		if err := s.BeatScheduler(ctx, process, stops); err != nil {
			t.Fatal(err)
		}
	}
	if seen() {
		t.Error("a process is seen before there is one")
	}
	beat("p1", false)
	beat("p1", false)
	beat("p2", false)
	beat("p1", true)
	if !seen() {
		t.Error("the second process is not seen")
	}
	beat("p2", true)
	beat("p3", true)
	if seen() {
		t.Error("a process is seen after the last one")
	}
}
