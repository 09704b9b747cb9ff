package enginetest

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// expectation is the second part of a file in testdata/runs.
type expectation struct {
	Run struct {
		Inputs      map[string]any `json:"inputs"`
		MaxParallel int            `json:"max_parallel"`
		OnFailure   string         `json:"on_failure"`
		UserID      string         `json:"user_id"`
	} `json:"run"`
	// Status and Counts are those of the run. Only the listed tasks are
	// checked.
	Status string                    `json:"status"`
	Counts map[string]int            `json:"counts"`
	Tasks  map[string]map[string]any `json:"tasks"`
	// Outputs, OutputErrors and Error are those of the run.
	Outputs      map[string]any      `json:"outputs"`
	OutputErrors []chain.OutputError `json:"output_errors"`
	Error        string              `json:"error"`
	Warnings     []string            `json:"warnings"` // of a run with handlers
	// Order are the marks of the calls, in the order in which they began.
	Order *[]string `json:"order"`
	// Refused is the type of the error with which the run is refused, and About
	// is a text in that error.
	Refused string `json:"refused"`
	About   string `json:"about"`
}

// runs checks the files in testdata/runs. Each is a tree, a line with ---, and
// the expected end of its run. Add a file for a new rule.
func runs(t *testing.T, open New, part part) {
	files, err := fs.Glob(testdata, "testdata/runs/*.golden")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(path.Base(file), ".golden"), func(t *testing.T) {
			t.Parallel()
			golden(t, part.bench(t, open), file)
		})
	}
}

func golden(t *testing.T, b *Bench, file string) {
	content, err := testdata.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tree, expected, _ := bytes.Cut(content, []byte("\n---\n"))
	var want expectation
	reread(t, fromYAML(t, expected), &want)
	inputs, _ := fromYAML(t, expected).(map[string]any)["run"].(map[string]any)
	given, _ := inputs["inputs"].(map[string]any)

	run, err := b.Start(t.Context(), b.Tree(t, string(tree)), chain.RunOptions{
		Inputs: given, MaxParallel: want.Run.MaxParallel, OnFailure: want.Run.OnFailure, UserID: want.Run.UserID})
	if want.Refused != "" {
		refusal := executors.AsError(err)
		if refusal == nil || string(refusal.Type) != want.Refused || !strings.Contains(refusal.Message+refusal.Hint, want.About) {
			t.Errorf("the run is started, or refused otherwise: %v", err)
		}
	} else if err != nil {
		t.Fatal(err)
	} else {
		compare(t, b.End(t, run.ID), &want)
		b.Consistent(t, run.ID)
	}
	if want.Order != nil {
		if diff := cmp.Diff(*want.Order, b.Probes.Seen()); diff != "" && len(*want.Order)+len(b.Probes.Seen()) > 0 {
			t.Errorf("the order of the calls (-want +got):\n%s", diff)
		}
	}
}

func compare(t *testing.T, v *chain.RunView, want *expectation) {
	t.Helper()
	if string(v.Status) != want.Status {
		t.Errorf("the run is %s, expected %s", v.Status, want.Status)
	}
	if want.Counts != nil {
		got := map[string]int{}
		for s, n := range v.Counts {
			got[string(s)] = n
		}
		if diff := cmp.Diff(want.Counts, got); diff != "" {
			t.Errorf("the counts (-want +got):\n%s", diff)
		}
	}
	var outputs map[string]any
	reread(t, v.Outputs, &outputs)
	if diff := cmp.Diff(want.Outputs, outputs); diff != "" && len(want.Outputs)+len(outputs) > 0 {
		t.Errorf("the outputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.OutputErrors, v.OutputErrors); diff != "" {
		t.Errorf("the errors of the outputs (-want +got):\n%s", diff)
	}
	if want.Error != v.Error {
		t.Errorf("the error of the run is %q, expected %q", v.Error, want.Error)
	}
	if diff := cmp.Diff(want.Warnings, v.Warnings); diff != "" && len(v.Handlers) > 0 && len(want.Warnings)+len(v.Warnings) > 0 {
		t.Errorf("the warnings (-want +got):\n%s", diff)
	}
	if v.Outcome != "" {
		t.Errorf("a run that has ended has the outcome %s", v.Outcome)
	}
	seen := map[string]map[string]any{}
	for _, each := range v.All() {
		var task map[string]any
		reread(t, each, &task)
		seen[each.ID] = task
	}
	for id, fields := range want.Tasks {
		got := map[string]any{}
		for name := range fields {
			if value, there := seen[id][name]; there {
				got[name] = value
			}
		}
		var expected map[string]any
		reread(t, fields, &expected)
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("task %s (-want +got):\n%s\nall of it: %v", id, diff, seen[id])
		}
	}
}

// Consistent checks what holds for every run: its events are numbered without
// gaps, have only valid transitions, and lead to the states in the view.
func (b *Bench) Consistent(t *testing.T, id string) {
	t.Helper()
	if b.part == onlyCore {
		return
	}
	events, err := b.Events(t.Context(), id, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	state := map[string]chain.State{}
	for i, e := range events {
		if e.Seq != int64(i+1) {
			t.Errorf("event %d has the number %d", i+1, e.Seq)
		}
		if e.Task == "" || e.Element != nil || e.State == chain.InProgress && e.Error != "" {
			continue
		}
		from, known := state[e.Task]
		if !known {
			from = chain.Pending
		}
		if state[e.Task], err = from.To(e.State); err != nil {
			t.Errorf("event %d, %s: %v", e.Seq, e.Task, err)
		}
	}
	v, err := b.Get(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range v.All() {
		if got := state[task.ID]; got != task.Status || !got.Ended() {
			t.Errorf("task %s is %s, its events say %s", task.ID, task.Status, got)
		}
	}
	if last := events[len(events)-1]; last.Task != "" || last.State != v.Status {
		t.Errorf("the last event is %+v", last)
	}
	rows, _, err := b.List(t.Context(), chain.ListOptions{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(rows, func(s chain.RunSummary) bool { return s.RunID == id })
	if at < 0 || rows[at].Status != v.Status || !cmp.Equal(rows[at].Counts, v.Counts) {
		t.Errorf("the list has %+v for %s %v", rows, v.Status, v.Counts)
	}
}

func fromYAML(t *testing.T, data []byte) any {
	t.Helper()
	v, err := strictjson.FromYAML(data)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// reread copies a value through JSON.
func reread(t *testing.T, from, to any) {
	t.Helper()
	raw, err := plainjson.Marshal(from)
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}
