package tools_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// A whole tree is a document, or tasks that are an object or a text. Only one way
// is allowed in one call.
func TestWaysToGiveATree(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	const whole = `{"name":"t","inputs":{"type":"object","properties":{"city":{"type":"string","default":"Oslo"}}},"tasks":[{"id":"a","schemas":{"method":"test_echo"},"inputs":{"text":"${{ inputs.city }}"}}]}`
	for arguments, want := range map[string]string{
		`{"document":` + whole + `}`:                          "Oslo",
		`{"document":` + whole + `,"inputs":{"city":"Rome"}}`: "Rome",
		`{"tasks":` + whole + `}`:                             "Oslo",
		`{"tasks":` + strconv.Quote(whole) + `}`:              "Oslo",
		`{"document":` + whole + `,"tasks":[]}`:               "tasks and document are both given",
		`{"document":` + whole + `,"tree":"a"}`:               "document and tree are both given",
		`{"tasks":` + whole + `,"tree":"a"}`:                  "tasks and tree are both given",
		`{"document":[]}`:                                     "document must be an object",
		`{"document":{}}`:                                     "tasks",
	} {
		e := call(t, set, "run_task_tree", arguments)
		if got := string(e.Result) + e.Error; !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", arguments, got, want)
		}
	}
	var report struct{ Valid bool }
	if call(t, set, "validate_task_tree", `{"document":`+whole+`}`).get(t, &report); !report.Valid {
		t.Error("a valid document is not valid")
	}
}

// Rare arguments are described, and accepted.
func TestRareArguments(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	tool, _ := set.Lookup("run_task_tree")
	described := call(t, set, "describe_executor", `{"executor":"run_task_tree"}`)
	if strings.Contains(string(tool.Input), "max_parallel") || !strings.Contains(string(described.Result), "max_parallel") {
		t.Errorf("published %s\ndescribed %s", tool.Input, described.Result)
	}
	if e := call(t, set, "run_task_tree", `{"tasks":`+twoTasks+`,"max_parallel":1}`); e.Status != "completed" {
		t.Errorf("got %+v", e)
	}
	excluded := stack(t, toolstest.WithTools(func(o *tools.Options) { o.Exclude = []string{"run_task_tree"} })).Set
	if e := call(t, excluded, "describe_executor", `{"executor":"run_task_tree"}`); e.ErrorType != "not_found" {
		t.Errorf("an excluded tool is described: %+v", e)
	}
}
