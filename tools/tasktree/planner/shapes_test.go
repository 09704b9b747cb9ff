package planner_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools/tasktree/planner"
)

// want is a requirement and the shape of a right plan: see testdata.
type want struct {
	Requirement string
	Tasks       []string
	Has         []string
	Inputs      []string
	Warns       []string
}

func registry(t testing.TB) *executors.Registry {
	return executortest.Registry(t, nil, builtin.All()...)
}

func TestShapes(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	for _, name := range []string{"shapes", "remote", "people"} {
		for i, each := range wanted(t, name) {
			t.Run(fmt.Sprintf("%s %d", name, i+1), func(t *testing.T) { hold(t, reg, each) })
		}
	}
}

// wanted reads requirements and their shapes from testdata.
func wanted(t *testing.T, name string) (all []want) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &all); err != nil {
		t.Fatal(name, err)
	}
	return all
}

// The guide's own words, where they are at hand.
func TestGuide(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../../../shared/data/requirements.jsonl")
	if err != nil {
		t.Skipf("the guide's requirements are not here: %v", err)
	}
	defer file.Close()
	shapes := map[string][]string{
		"parallel_merge":           {"rest", "rest", "data < 1 2", "db_query < 3"},
		"etl":                      {"rest", "data < 1", "db_query < 2"},
		"system_info":              {"system", "system", "data < 1 2", "aggregate < 3"},
		"api_script_validate_file": {"rest", "command < 1", "data < 2", "file_writer < 3"},
		"fan_out_fan_in":           {"rest", "data < 1", "data < 1", "data < 2 3", "db_query < 4"},
		"monitoring":               {"system", "system", "system", "data < 1 2 3", "aggregate < 4", "rest when < 5"},
		"multi_source":             {"rest", "rest", "data < 1", "data < 2", "file_writer < 3 4"},
		"categories":               {"rest", "data < 1", "data each < 2", "aggregate < 3"},
		"orders":                   {"rest", "data < 1", "data each < 2", "aggregate < 3", "data < 4", "aggregate < 5"},
		"simple":                   {"rest", "data < 1", "db_query < 2"},
		"vague":                    nil,
	}
	reg := registry(t)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var line struct{ ID, Requirement string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		shape, ok := shapes[line.ID]
		if !ok {
			t.Errorf("no shape is known for %s", line.ID)
		}
		t.Run(line.ID, func(t *testing.T) { hold(t, reg, want{Requirement: line.Requirement, Tasks: shape}) })
	}
}

func hold(t *testing.T, reg *executors.Registry, each want) {
	t.Helper()
	plan, refused := planner.Make(each.Requirement, planner.Options{Registry: reg})
	if len(each.Tasks) == 0 {
		if refused == nil {
			t.Fatalf("%q was planned:\n%s", each.Requirement, drawn(plan))
		}
		if refused.Type != executors.ValidationError || refused.Field != "requirement" || refused.Hint == "" {
			t.Errorf("%q: %+v", each.Requirement, refused)
		}
		return
	}
	if refused != nil {
		t.Fatalf("%q: %v", each.Requirement, refused)
	}
	got := shapeOf(plan.Parsed)
	same := len(got) == len(each.Tasks)
	for i := 0; same && i < len(got); i++ {
		id, rest, _ := strings.Cut(each.Tasks[i], " ")
		gotID, gotRest, _ := strings.Cut(got[i], " ")
		same = rest == gotRest && slices.ContainsFunc(strings.Split(id, "/"), func(one string) bool { return strings.HasPrefix(gotID, one) })
	}
	if !same {
		t.Errorf("%q:\n  got  %q\n  want %q\n%s", each.Requirement, got, each.Tasks, drawn(plan))
	}
	raw := string(plan.Parsed.Source())
	for _, text := range each.Has {
		if !strings.Contains(raw, text) {
			t.Errorf("%q: the tree has no %s:\n%s", each.Requirement, text, drawn(plan))
		}
	}
	for _, text := range each.Warns {
		if !slices.ContainsFunc(plan.Warnings, func(w string) bool { return strings.Contains(w, text) }) {
			t.Errorf("%q: no warning has %q: %q", each.Requirement, text, plan.Warnings)
		}
	}
	for _, name := range each.Inputs {
		if plan.Parsed.InputSchema == nil || !plan.Parsed.InputSchema.HasProperty(name) {
			t.Errorf("%q: the run is not asked for %s:\n%s", each.Requirement, name, drawn(plan))
		}
	}
}

// shapeOf writes each task as "executor each when | < 1 2".
func shapeOf(tree *chain.Tree) []string {
	var list []string
	reach := make([]map[int]bool, len(tree.Tasks)) // all that a task waits for
	var before func(i int) map[int]bool
	before = func(i int) map[int]bool {
		if reach[i] == nil {
			reach[i] = map[int]bool{}
			for _, dep := range tree.Tasks[i].Dependencies {
				reach[i][dep.Task] = true
				for far := range before(dep.Task) {
					reach[i][far] = true
				}
			}
		}
		return reach[i]
	}
	for i := range tree.Tasks {
		task := &tree.Tasks[i]
		text := task.Executor
		if task.ForEach != nil {
			text += " each"
		}
		if task.When != nil {
			text += " when"
		}
		soft := false
		var direct []int
		for _, dep := range task.Dependencies {
			soft = soft || !dep.Required
			if !slices.ContainsFunc(task.Dependencies, func(other chain.Dependency) bool { return before(other.Task)[dep.Task] }) {
				direct = append(direct, dep.Task+1)
			}
		}
		if soft {
			text += " |"
		}
		slices.Sort(direct)
		if len(direct) > 0 {
			text += " < " + strings.Trim(fmt.Sprint(direct), "[]")
		}
		list = append(list, text)
	}
	return list
}

func drawn(plan *planner.Plan) string {
	raw, err := json.MarshalIndent(plan.Tree, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(raw) + "\n" + strings.Join(plan.Warnings, "\n")
}
