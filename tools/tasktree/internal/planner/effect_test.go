package planner_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools/tasktree/internal/planner"
)

// wanted is a requirement with its effects, or with the words of it that must
// be named in the refusal.
type wanted struct {
	Requirement string
	Refused     string
	Inputs      map[string]any // that the run needs, and no others
	Fails       bool           // the run must fail
	effects     `yaml:",inline"`
}

func table(t *testing.T, name string) (all []wanted) {
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

// Every requirement of the tables has exactly the effects that it asks for, or
// is refused with the words that were not understood.
func TestEffects(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"effects", "changed"} {
		right, refused := 0, 0
		for i, each := range table(t, name) {
			if each.Refused == "" {
				right++
			} else {
				refused++
			}
			t.Run(fmt.Sprintf("%s %d", name, i+1), func(t *testing.T) {
				t.Parallel()
				hold(t, each)
			})
		}
		t.Logf("%s: %d have their effect, %d are refused", name, right, refused)
	}
}

func hold(t *testing.T, each wanted) {
	w := newWorld(t)
	requirement := strings.ReplaceAll(each.Requirement, "URL", w.url)
	plan, refused := planner.Make(requirement, planner.Options{Registry: w.registry})
	if each.Refused != "" {
		if refused == nil {
			t.Fatalf("%q was planned:\n%s", requirement, drawn(plan))
		}
		if refused.Type != executors.ValidationError || refused.Field != "requirement" || !strings.Contains(refused.Hint, "configure a model") {
			t.Errorf("%q: %+v", requirement, refused)
		}
		if want := strings.ReplaceAll(each.Refused, "URL", w.url); !strings.Contains(refused.Message, want) {
			t.Errorf("%q: the refusal does not name %q: %s", requirement, want, refused.Message)
		}
		return
	}
	if refused != nil {
		t.Fatalf("%q: %v", requirement, refused)
	}
	missing := map[string]bool{}
	if plan.Parsed.InputSchema != nil {
		for _, name := range plan.Parsed.InputSchema.Properties() {
			missing[name] = true
		}
	}
	inputs := map[string]any{}
	for name, value := range each.Inputs {
		if !missing[name] {
			t.Errorf("%q: the run does not need %s:\n%s", requirement, name, drawn(plan))
		}
		delete(missing, name)
		if text, ok := value.(string); ok {
			value = strings.ReplaceAll(text, "URL", w.url)
		}
		inputs[name] = value
	}
	if len(missing) > 0 {
		t.Fatalf("%q: the run needs %v:\n%s", requirement, missing, drawn(plan))
	}
	view := w.run(t, plan.Parsed, inputs)
	if failed := view.Status != chain.Completed; failed != each.Fails {
		t.Errorf("%q: the run is %s", requirement, view.Status)
		for _, task := range view.Tasks {
			t.Logf("%s is %s: %s", task.ID, task.Status, task.Error)
		}
	}
	for _, list := range [][]string{each.Files, each.Posts, each.Mails} {
		for i := range list {
			list[i] = strings.ReplaceAll(list[i], "URL", w.url)
		}
	}
	if got, want := w.effects(t).sorted(), each.effects.sorted(); !reflect.DeepEqual(got, want) {
		t.Errorf("%q:\n  got  %s\n  want %s\n%s", requirement, compact(got), compact(want), drawn(plan))
	}
}
