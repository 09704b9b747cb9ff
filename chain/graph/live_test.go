package graph_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
)

// story returns events of a run of four tasks: one runs for each of three elements.
func story() ([]chain.Outline, []chain.Event) {
	tasks := tasksOf("a; b for < a; c < a; d < b c; on_exit: tidy")
	index := func(i int) *int { return &i }
	events := []chain.Event{
		{State: chain.InProgress},
		{Task: "a", State: chain.InProgress, Attempt: 1},
		{Task: "a", State: chain.InProgress, Attempt: 1, Error: "busy"},
		{Task: "a", State: chain.Completed, Attempt: 2},
		{Task: "b", State: chain.InProgress, Attempt: 1, Of: 3},
		{Task: "c", State: chain.InProgress, Attempt: 1},
		{Task: "b", Element: index(0), State: chain.Completed, Attempt: 1},
		{Task: "b", Element: index(2), State: chain.Failed, Attempt: 1, Error: "no"},
		{Task: "c", State: chain.Completed, Attempt: 1},
		{Task: "b", State: chain.Failed, Attempt: 1, Error: "1 element failed"},
		{Task: "d", State: chain.Skipped, Reason: chain.ReasonDependency},
		{State: chain.Failed},
		{State: chain.InProgress},
		{Task: "b", State: chain.Pending},
		{Task: "d", State: chain.Pending},
		{Task: "b", State: chain.InProgress, Attempt: 2, Of: 3},
		{Task: "b", Element: index(1), State: chain.Completed, Attempt: 1},
		{Task: "b", Element: index(2), State: chain.Completed, Attempt: 2},
		{Task: "b", State: chain.Completed, Attempt: 2},
		{Task: "d", State: chain.InProgress, Attempt: 1},
	}
	for i := range events {
		events[i].Seq, events[i].At = int64(i+1), *at(float64(i))
	}
	return tasks, events
}

// TestLive follows a run: its states, counts, elements and critical path.
func TestLive(t *testing.T) {
	t.Parallel()
	tasks, events := story()
	for _, step := range []struct {
		upTo     int
		counts   chain.Counts
		b        *chain.ElementCounts
		critical string
	}{
		{1, chain.Counts{chain.Pending: 4}, nil, ""},
		{4, chain.Counts{chain.Pending: 3, chain.Completed: 1}, nil, "a"},
		{5, chain.Counts{chain.Pending: 2, chain.InProgress: 1, chain.Completed: 1}, &chain.ElementCounts{Of: 3}, "ab"},
		{8, chain.Counts{chain.Pending: 1, chain.InProgress: 2, chain.Completed: 1}, &chain.ElementCounts{Done: 2, Failed: 1, Of: 3}, "ab"},
		{12, chain.Counts{chain.Completed: 2, chain.Failed: 1, chain.Skipped: 1}, &chain.ElementCounts{Done: 2, Failed: 1, Of: 3}, "ab"},
		{16, chain.Counts{chain.Completed: 2, chain.InProgress: 1, chain.Pending: 1}, &chain.ElementCounts{Done: 1, Of: 3}, "ab"},
		{20, chain.Counts{chain.Completed: 3, chain.InProgress: 1}, &chain.ElementCounts{Done: 3, Of: 3}, "abd"},
	} {
		live := graph.NewLive(tasks)
		live.Apply(events[:step.upTo])
		critical := ""
		for _, task := range live.States() {
			if task.Critical {
				critical += task.ID
			}
		}
		if got := live.Counts(); !maps.Equal(got, step.counts) {
			t.Errorf("after %d: %v, want %v", step.upTo, got, step.counts)
		}
		if got := live.States()[1].Elements; !reflect.DeepEqual(got, step.b) {
			t.Errorf("after %d: elements %+v, want %+v", step.upTo, got, step.b)
		}
		if critical != step.critical {
			t.Errorf("after %d: critical path %q, want %q", step.upTo, critical, step.critical)
		}
	}
}

// TestChangesAreWhole checks that whoever was told at any times knows the same in
// the end as whoever was told everything at once.
func TestChangesAreWhole(t *testing.T) {
	t.Parallel()
	tasks, events := story()
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // any numbers will do
	for round := range 200 {
		live := graph.NewLive(tasks)
		known, seq, status := map[string]string{}, int64(0), chain.Pending
		told := func() {
			c := live.Since(seq, round%4)
			for _, task := range c.Tasks {
				text, err := json.Marshal(task)
				if err != nil {
					t.Fatal(err)
				}
				known[task.ID] = string(text)
			}
			if c.Status != "" {
				status = c.Status
			}
			if c.Seq < seq || c.More != (c.Seq < live.Seq()) {
				t.Fatalf("round %d: at %d of %d, more: %v", round, c.Seq, live.Seq(), c.More)
			}
			seq = c.Seq
		}
		for from := 0; from < len(events); {
			to := min(len(events), from+1+r.IntN(6))
			live.Apply(events[max(0, from-r.IntN(3)):to]) // some are read twice
			from = to
			if r.IntN(2) == 0 {
				told()
			}
		}
		for seq < live.Seq() {
			told()
		}
		for _, task := range live.States() {
			text, _ := json.Marshal(task)
			if got := known[task.ID]; got != string(text) && (got != "" || task.Status != chain.Pending) {
				t.Fatalf("round %d: %s is known as %s", round, text, got)
			}
		}
		if status != chain.InProgress || seq != int64(len(events)) {
			t.Fatalf("round %d: the run is %s at %d", round, status, seq)
		}
	}
}

// TestLooks holds what the looks must have: one for each state, marks that differ,
// and colours that can be read.
func TestLooks(t *testing.T) {
	t.Parallel()
	looks, marks := graph.Looks(), map[string]chain.State{}
	if len(looks) != len(chain.States) {
		t.Errorf("%d looks for %d states", len(looks), len(chain.States))
	}
	for _, look := range looks {
		for _, mark := range []string{look.Mark, "ascii " + look.ASCII} {
			if other, twice := marks[mark]; twice {
				t.Errorf("%s and %s have the mark %s", other, look.State, mark)
			}
			marks[mark] = look.State
		}
		for _, c := range []struct {
			name   string
			of     graph.Colours
			ground []string // of the page: see transport/web/page/page.css
		}{{"light", look.Light, []string{"#f5f6f8", "#ffffff", look.Light.Fill}}, {"dark", look.Dark, []string{"#12161d", "#1a2029", look.Dark.Fill}}} {
			for _, ground := range c.ground {
				if n := contrast(t, c.of.Line, ground); n < 4.5 {
					t.Errorf("%s, %s: the line has a contrast of %.2f with %s", look.State, c.name, n, ground)
				}
			}
			if n := contrast(t, c.of.Text, c.of.Fill); n < 7 {
				t.Errorf("%s, %s: the text has a contrast of %.2f", look.State, c.name, n)
			}
		}
	}
}

// contrast returns the contrast of two colours, as WCAG computes it.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	light := func(colour string) float64 {
		var rgb [3]int
		if n, err := fmt.Sscanf(colour, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); n != 3 || err != nil {
			t.Fatalf("the colour %s", colour)
		}
		var sum float64
		for i, weight := range [3]float64{0.2126, 0.7152, 0.0722} {
			v := float64(rgb[i]) / 255
			if v <= 0.04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+0.055)/1.055, 2.4)
			}
			sum += weight * v
		}
		return sum
	}
	x, y := light(a)+0.05, light(b)+0.05
	return max(x, y) / min(x, y)
}
