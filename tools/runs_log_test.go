package tools_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
)

// The log of a task, as get_run shows it.
func TestGetLog(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	type logged struct {
		Task   struct{ ID string }
		Status string
		Log    []struct {
			Attempt int
			Element *int
			Offset  int64
			Text    string
		}
		Next  int64 `json:"next_offset"`
		Ended bool
	}
	get := func(arguments string) (l logged, next bool) {
		t.Helper()
		e := call(t, set, "get_run", arguments)
		if e.isError {
			t.Fatalf("get_run %s: %+v", arguments, e)
		}
		e.get(t, &l)
		return l, e.Next != nil
	}
	e := call(t, set, "run_task_tree", `{"tasks":[{"id":"a","schemas":{"method":"test_steps"},"inputs":{"steps":2,"label":"ä"}},
		{"id":"b","for_each":[0,1],"max_parallel":1,"schemas":{"method":"test_steps"},"inputs":{"steps":1,"label":"${{ item | tostring }}"}}]}`)
	if e.isError {
		t.Fatalf("%+v", e)
	}
	of := func(task, more string) string {
		return `{"run_id":"` + e.RunID + `","task":"` + task + `","log":true` + more + `}`
	}
	const whole = "step 1 ä\nstep 2 ä\n"
	for more, want := range map[string]struct {
		text  string
		ended bool
	}{
		``: {whole, true}, `,"wait_seconds":1`: {whole, true}, `,"offset":0`: {whole, true}, `,"offset":10`: {whole[10:], true}, `,"offset":99`: {"", true},
		`,"limit":10`: {whole[10:], true}, `,"limit":10,"offset":0`: {whole[:10], false},
	} {
		l, next := get(of("a", more))
		var text strings.Builder
		for _, part := range l.Log {
			text.WriteString(part.Text)
		}
		if text.String() != want.text || l.Ended != want.ended || next == want.ended || l.Task.ID != "a" || l.Status != "completed" {
			t.Errorf("%s: %+v, %v", more, l, next)
		}
	}
	if l, _ := get(of("b", "")); len(l.Log) != 2 || *l.Log[1].Element != 1 || l.Log[1].Text != "step 1 1\n" || l.Log[1].Offset != 9 || l.Next != 18 {
		t.Errorf("of elements: %+v", l)
	}
	if e := call(t, set, "get_run", `{"run_id":"`+e.RunID+`","log":true}`); !e.isError || !strings.Contains(e.Error, "2 tasks") {
		t.Errorf("of no task: %+v", e)
	}
	held := call(t, set, "run_task_tree", `{"tasks":[{"id":"a","schemas":{"method":"test_steps"},"inputs":{"steps":1,"label":"x","hold":true}}],"wait_seconds":0}`)
	executortest.Await(t, "the log of a task that goes on", func() bool {
		l, next := get(`{"run_id":"` + held.RunID + `","log":true}`)
		return len(l.Log) == 1 && l.Log[0].Text == "step 1 x\n" && !l.Ended && next
	})
	call(t, set, "cancel_run", `{"run_id":"`+held.RunID+`"}`)
}
