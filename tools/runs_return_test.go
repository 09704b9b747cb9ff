package tools_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/tools"
)

// return and result_limit choose the results in an answer. A wrong name is an
// error before anything starts.
func TestReturnAndLimit(t *testing.T) {
	t.Parallel()
	s := stack(t)
	const tasks = `[{"id":"a","schemas":{"method":"test_echo"},"inputs":{"text":"one"}},{"id":"b","schemas":{"method":"test_echo"},"inputs":{"text":"two"}},
		{"id":"big","name":"large","schemas":{"method":"test_big"},"inputs":{"bytes":90000}}]`
	const outputs = `{"outputs":{"answer":"${{ tasks.a.result.text }}"},"tasks":` + tasks + `}`
	type shown struct {
		Outputs map[string]string
		Tasks   []struct {
			ID        string
			Result    json.RawMessage
			Truncated bool
			Total     int `json:"total_bytes"`
			Preview   string
			Next      *tools.Next
		}
	}
	for _, c := range []struct{ tree, more, results, cut string }{
		{tasks, ``, "a b", "big"},
		{tasks, `,"return":["b"]`, "b", ""},
		{tasks, `,"return":["b","task_1"]`, "a b", ""},
		{tasks, `,"return":["large"]`, "", "big"},
		{tasks, `,"return":[]`, "", ""},
		{tasks, `,"return":null,"result_limit":null`, "a b", "big"},
		{tasks, `,"result_limit":0`, "", "a b big"},
		{tasks, `,"result_limit":14`, "a b", "big"},
		{tasks, `,"result_limit":13,"return":["a"]`, "", "a"},
		{outputs, ``, "", ""},
		{outputs, `,"return":["a"]`, "a", ""},
		{outputs, `,"return":[]`, "", ""},
	} {
		e := call(t, s.Set, "run_task_tree", `{"tasks":`+c.tree+c.more+`}`)
		var got shown
		e.get(t, &got)
		var results, cut []string
		for _, task := range got.Tasks {
			if task.Result != nil {
				results = append(results, task.ID)
			} else if task.Total == 0 {
				t.Errorf("%s: %s has no length", c.more, task.ID)
			}
			if task.Truncated {
				cut = append(cut, task.ID)
				if whole := follow(t, s.Set, task.Next, 0); len(whole) != task.Total {
					t.Errorf("%s: %s has %d bytes, and its call reads %d", c.more, task.ID, task.Total, len(whole))
				}
			}
		}
		if strings.Join(results, " ") != c.results || strings.Join(cut, " ") != c.cut || e.Truncated != (c.cut != "") || len(got.Tasks) != 3 {
			t.Errorf("%s: results of %v, cut are %v: %+v", c.more, results, cut, e)
		}
		if c.tree == outputs && got.Outputs["answer"] != "one" {
			t.Errorf("%s: the outputs are %v", c.more, got.Outputs)
		}
		// get_run and retry_run show what there is.
		var again shown
		call(t, s.Set, "get_run", `{"run_id":"`+e.RunID+`"}`).get(t, &again)
		if len(again.Tasks) != 3 || again.Tasks[0].Result == nil || again.Tasks[2].Preview == "" {
			t.Errorf("%s: get_run: %+v", c.more, again)
		}
	}
	before, _, err := s.Runner.List(t.Context(), chain.ListOptions{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ more, want, hint string }{
		{`"return":["other"]`, `return[0]: the tree has no task "other"; nothing was started`, "its tasks are a, b, big"},
		{`"return":["a","bigg"]`, `return[1]: the tree has no task "bigg"; nothing was started`, `did you mean "big"?`},
		{`"return":[""]`, `return[0] must not be empty`, ""},
		{`"result_limit":-1`, `result_limit must be at least 0; got -1`, ""},
	} {
		e := call(t, s.Set, "run_task_tree", `{"tasks":`+tasks+`,`+c.more+`}`)
		if !e.isError || e.Error != c.want || c.hint != "" && e.Hint != c.hint {
			t.Errorf("%s: %+v", c.more, e)
		}
	}
	after, _, err := s.Runner.List(t.Context(), chain.ListOptions{Limit: 100})
	if err != nil || len(after) != len(before) {
		t.Errorf("%d runs became %d, %v", len(before), len(after), err)
	}
}
