package tools

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// elided is a run as a client reads it.
type elided struct {
	RunID   string
	Counts  map[string]int
	Outputs map[string]json.RawMessage
	Cut     map[string]cut `json:"truncated_outputs"`
	Tasks   []elidedTask
	Omitted int `json:"tasks_omitted"`
	Note    string
}

type elidedTask struct {
	ID, Status, Error string
	Result            json.RawMessage
	Truncated         bool
	Total             int `json:"total_bytes"`
	Preview           string
	Next              *Next
}

func read(t *testing.T, raw json.RawMessage) (e elided) {
	t.Helper()
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatalf("%v in %.300s", err, raw)
	}
	return e
}

// viewOf returns a completed run whose tasks have results of the given lengths.
// Results over MaxResult have only a head, as the engine reads them.
func viewOf(sizes ...int) *chain.RunView {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	v := &chain.RunView{RunID: "01990000-0000-7000-8000-000000000000", Status: chain.Completed, Counts: chain.Counts{chain.Completed: len(sizes)}, CreatedAt: at}
	for i, size := range sizes {
		task := chain.TaskView{ID: fmt.Sprintf("t%d", i), Name: "data_processor", Executor: "data_processor", Status: chain.Completed, Attempts: 1, StartedAt: &at, CompletedAt: &at, Size: size}
		value := `"` + strings.Repeat("x", max(0, min(size, 1<<16)-2)) + `"`
		switch {
		case size == 0:
		case size <= MaxResult:
			task.Result = json.RawMessage(value)
		default:
			task.Head = value[:headSize]
		}
		v.Tasks = append(v.Tasks, task)
	}
	return v
}

func repeat(n, size int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = size
	}
	return list
}

// A long result does not hide the others, and nothing is lost in silence.
func TestElided(t *testing.T) {
	t.Parallel()
	r := &runs{set: &Set{}}
	for name, c := range map[string]struct {
		sizes               []int
		whole, previews, at int // at least; at: calls that read the rest
		omitted             bool
	}{
		"one long, one short":         {[]int{200_000, 20}, 1, 1, 1, false},
		"100 MB":                      {[]int{100 << 20, 20, 30}, 2, 1, 1, false},
		"all long":                    {repeat(8, 1<<20), 0, 8, 8, false},
		"long and many short":         {append(repeat(40, 100), 1<<20, 31_000), 40, 2, 2, false},
		"many of a middle size":       {repeat(50, 3000), 3, 40, 40, false},
		"many of a middle size, more": {repeat(150, 3000), 1, 0, 0, false},
		"1,000 short ones":            {repeat(1000, 20), 30, 0, 0, true},
		"1,000 long ones":             {repeat(1000, 30_000), 0, 0, 0, true},
		"1,000 without results":       {repeat(1000, 0), 0, 0, 0, true},
		"10,000":                      {append(repeat(10_000, 5), 9<<20), 10, 0, 0, true},
	} {
		view := viewOf(c.sizes...)
		const room = MaxResult - 2000
		raw, truncated, err := r.shown(view, &everything, room)
		if err != nil || len(raw) > room || !truncated {
			t.Errorf("%s: %d bytes, truncated %v, %v", name, len(raw), truncated, err)
		}
		got := read(t, raw)
		whole, previews, calls := 0, 0, 0
		for _, task := range got.Tasks {
			if task.Result != nil {
				whole++
			}
			if task.Preview != "" {
				previews++
				if !strings.HasSuffix(task.Preview, "…") {
					t.Errorf("%s: the preview of %s does not say that it is cut", name, task.ID)
				}
			}
			if task.Next != nil {
				calls++
				if task.Next.Arguments["task"] != task.ID || task.Next.Arguments["run_id"] != view.RunID {
					t.Errorf("%s: %s is read with %v", name, task.ID, task.Next)
				}
			}
		}
		if whole < c.whole || previews < c.previews || calls < c.at || (got.Omitted > 0) != c.omitted {
			t.Errorf("%s: %d whole, %d previews, %d calls, %d omitted of %d", name, whole, previews, calls, got.Omitted, len(c.sizes))
		}
		accounted(t, name, view, got)
	}
}

// accounted checks that each task is shown or counted, and each result is whole
// or has its length.
func accounted(t *testing.T, name string, view *chain.RunView, got elided) {
	t.Helper()
	if len(got.Tasks)+got.Omitted != len(view.Tasks) {
		t.Errorf("%s: %d tasks and %d omitted of %d", name, len(got.Tasks), got.Omitted, len(view.Tasks))
	}
	of := map[string]*chain.TaskView{}
	for i := range view.Tasks {
		of[view.Tasks[i].ID] = &view.Tasks[i]
	}
	for _, task := range got.Tasks {
		from := of[task.ID]
		if task.Result != nil && string(task.Result) != string(from.Result) || task.Result == nil && task.Total != from.Size {
			t.Errorf("%s: %s has %d bytes, and %d were said, of %d", name, task.ID, len(task.Result), task.Total, from.Size)
		}
	}
	for output, value := range view.Outputs {
		if whole, ok := got.Outputs[output]; ok != (got.Cut[output].Total == 0) || ok && string(whole) != string(value) || !ok && got.Cut[output].Total != len(value) {
			t.Errorf("%s: the output %s is %.50s, %v", name, output, whole, got.Cut[output])
		}
	}
}

// Tasks that failed are shown before those that completed, and long errors are
// cut where room is short.
func TestElidedFailures(t *testing.T) {
	t.Parallel()
	r := &runs{set: &Set{}}
	view := viewOf(repeat(2000, 50)...)
	for i := 500; i < 540; i++ {
		task := &view.Tasks[i]
		task.Status, task.Error, task.ErrorType, task.Result, task.Size = chain.Failed, strings.Repeat("é", 3000), executors.NetworkError, nil, 0
		for range 100 {
			task.Errors = append(task.Errors, chain.ElementError{Error: strings.Repeat("x", 500), ErrorType: executors.NetworkError})
			task.BlockedBy = append(task.BlockedBy, "t1")
		}
	}
	raw, truncated, err := r.shown(view, &everything, 30_000)
	if err != nil || !truncated || len(raw) > 30_000 {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	got := read(t, raw)
	failed := 0
	for _, task := range got.Tasks {
		if task.Status == "failed" {
			failed++
			if len(task.Error) > briefText || task.Error == "" {
				t.Errorf("an error of %d bytes", len(task.Error))
			}
		}
	}
	if failed < 15 || len(view.Tasks[500].Error) != 6000 || len(view.Tasks[500].Errors) != 100 {
		t.Errorf("%d failed tasks are shown", failed)
	}
	accounted(t, "failures", view, got)
}

// Outputs come first: they are cut only if they don't fit by themselves.
func TestElidedOutputs(t *testing.T) {
	t.Parallel()
	r := &runs{set: &Set{}}
	for name, c := range map[string]struct {
		outputs map[string]int
		tasks   []int
		want    wanted
		whole   int
		results int
	}{
		"short, and long results":       {map[string]int{"a": 10, "b": 5000}, repeat(20, 20_000), everything, 2, 0},
		"short, results not wanted":     {map[string]int{"a": 10}, repeat(3, 200), wanted{limit: -1, outputs: true}, 1, 0},
		"short, one result wanted":      {map[string]int{"a": 10}, repeat(3, 200), wanted{limit: -1, outputs: true, tasks: map[string]bool{"t1": true}}, 1, 1},
		"one long":                      {map[string]int{"a": 10, "b": 1 << 20}, repeat(3, 200), everything, 1, 3},
		"long, and a thousand of tasks": {map[string]int{"a": 9000, "b": 300_000}, repeat(1000, 20), everything, 1, 0},
		"100 MB":                        {map[string]int{"a": 100 << 20}, repeat(1, 20), everything, 0, 1},
	} {
		view := viewOf(c.tasks...)
		view.Outputs = map[string]json.RawMessage{}
		for name, size := range c.outputs {
			view.Outputs[name] = json.RawMessage(`"` + strings.Repeat("o", size-2) + `"`)
			view.OutputsSize += size
		}
		raw, _, err := r.shown(view, &c.want, 30_000)
		if err != nil || len(raw) > 30_000 {
			t.Errorf("%s: %d bytes, %v", name, len(raw), err)
		}
		if strings.Index(string(raw), `"outputs"`) > strings.Index(string(raw), `"tasks"`) {
			t.Errorf("%s: the outputs don't lead", name)
		}
		got := read(t, raw)
		results := 0
		for _, task := range got.Tasks {
			if task.Result != nil {
				results++
			}
		}
		if len(got.Outputs) != c.whole || results < c.results || c.want.outputs && results != c.results {
			t.Errorf("%s: %d outputs and %d results", name, len(got.Outputs), results)
		}
		if (got.Note != "") != (c.want.outputs && c.want.tasks == nil) {
			t.Errorf("%s: the note is %q", name, got.Note)
		}
		accounted(t, name, view, got)
	}
}

// For any run and any room: valid JSON within it, and all is accounted for.
func TestElidedAtRandom(t *testing.T) {
	t.Parallel()
	r := &runs{set: &Set{}}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		sizes := make([]int, random.IntN(300))
		for i := range sizes {
			sizes[i] = 3 + random.IntN(1<<(2+random.IntN(20)))
		}
		view := viewOf(sizes...)
		if random.IntN(2) == 0 {
			view.Outputs = map[string]json.RawMessage{"a": json.RawMessage(`"` + strings.Repeat(`\"`, random.IntN(20_000)) + `"`)}
			view.OutputsSize = len(view.Outputs["a"])
		}
		want := wanted{limit: random.IntN(5000) - 1}
		room := 12_000 + random.IntN(20_000)
		raw, _, err := r.shown(view, &want, room)
		if err != nil || len(raw) > room {
			t.Fatalf("%d: %d bytes in %d, %v", n, len(raw), room, err)
		}
		got := read(t, raw)
		accounted(t, fmt.Sprint(n), view, got)
		for _, task := range got.Tasks {
			if want.limit >= 0 && len(task.Result) > want.limit {
				t.Errorf("%d: a result of %d bytes with the limit %d", n, len(task.Result), want.limit)
			}
		}
	}
}

// The hint of a failed run names what helps; another attempt is named only where
// it can succeed.
func TestWhatHelps(t *testing.T) {
	t.Parallel()
	r := &runs{set: &Set{}}
	const retry, again = "retry_run runs the failed tasks again, and keeps the completed ones", "run_task_tree runs the corrected tree"
	for _, c := range []struct {
		failed []chain.TaskView
		want   string
	}{
		{[]chain.TaskView{{ID: "a", ErrorType: executors.NetworkError, Retryable: true}}, retry},
		{[]chain.TaskView{{ID: "a", ErrorType: executors.TimeoutError, Hint: "set a longer timeout"}}, "a: set a longer timeout; " + retry},
		{[]chain.TaskView{{ID: "a", ErrorType: executors.ExecutionError}}, retry},
		{[]chain.TaskView{{ID: "a", ErrorType: executors.ValidationError, Field: "inputs.data"}}, "the same call fails again: correct inputs.data of task a; " + again},
		{[]chain.TaskView{{ID: "a", ErrorType: executors.ValidationError, Field: "where", Hint: "h"}}, "a: h; the same call fails again: correct where of task a; " + again},
		{[]chain.TaskView{{ID: "a", ErrorType: executors.NotFound}}, "the same call fails again: correct what task a asks for; " + again},
		{[]chain.TaskView{{ID: "a", ErrorType: executors.PermissionDenied, Hint: "the operator opens it with policy.x"}}, "a: the operator opens it with policy.x"},
		{[]chain.TaskView{{ID: "a", ErrorType: executors.PermissionDenied, Field: "url"}}, "the same call is refused again until the operator allows it, or url of task a is changed"},
		{[]chain.TaskView{{ID: "a", ErrorType: executors.NotFound, Retryable: true}}, retry},
		{[]chain.TaskView{{ID: "a", ErrorType: executors.NetworkError}, {ID: "b", ErrorType: executors.ValidationError, Field: "f", Hint: "h"}}, "b: h; the same call fails again: correct f of task b; " + again},
		{nil, ""},
	} {
		view := &chain.RunView{Status: chain.Failed, Tasks: c.failed}
		for i := range view.Tasks {
			view.Tasks[i].Status = chain.Failed
		}
		if got := r.failureOf(view).Hint; got != c.want {
			t.Errorf("%+v\n got %s\nwant %s", c.failed, got, c.want)
		}
	}
}
