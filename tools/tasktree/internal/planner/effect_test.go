package planner_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools/tasktree/internal/planner"
	"github.com/chainwright/chainwright/tools/tasktree/internal/world"
)

// wanted is a requirement with its effects, or with the words of it that must
// be named in the refusal.
type wanted struct {
	Requirement  string
	Refused      string
	Inputs       map[string]any // that the run needs, and no others
	world.Wanted `yaml:",inline"`
}

// Every requirement of the tables has exactly the effects that it asks for, or
// is refused with the words that were not understood.
func TestEffects(t *testing.T) {
	t.Parallel()
	data := new(world.Data)
	world.Read(t, "testdata/world.yaml", data)
	for _, name := range []string{"effects", "changed"} {
		var all []wanted
		world.Read(t, "testdata/"+name+".yaml", &all)
		right, refused := 0, 0
		for i, each := range all {
			if each.Refused == "" {
				right++
			} else {
				refused++
			}
			t.Run(fmt.Sprintf("%s %d", name, i+1), func(t *testing.T) {
				t.Parallel()
				hold(t, world.New(t, data), each)
			})
		}
		t.Logf("%s: %d have their effect, %d are refused", name, right, refused)
	}
}

func hold(t *testing.T, w *world.World, each wanted) {
	requirement := w.Text(each.Requirement)
	plan, refused := planner.Make(requirement, planner.Options{Registry: w.Registry})
	if each.Refused != "" {
		if refused == nil {
			t.Fatalf("%q was planned:\n%s", requirement, drawn(plan))
		}
		if refused.Type != executors.ValidationError || refused.Field != "requirement" || !strings.Contains(refused.Hint, "configure a model") {
			t.Errorf("%q: %+v", requirement, refused)
		}
		if want := w.Text(each.Refused); !strings.Contains(refused.Message, want) {
			t.Errorf("%q: the refusal does not name %q: %s", requirement, want, refused.Message)
		}
		return
	}
	if refused != nil {
		t.Fatalf("%q: %v", requirement, refused)
	}
	inputs, missing := given(w, plan, each.Inputs)
	if len(missing) > 0 || len(inputs) != len(each.Inputs) {
		t.Fatalf("%q: the run has the inputs %v, and needs %q:\n%s", requirement, inputs, missing, drawn(plan))
	}
	view := w.Run(plan.Parsed, inputs)
	if verdict := world.Judge(each.Wanted, w.Effects(view)); !verdict.Right() {
		t.Errorf("%q:\n%s\n%s", requirement, verdict, drawn(plan))
		for _, task := range view.Tasks {
			t.Logf("%s is %s: %s", task.ID, task.Status, task.Error)
		}
	}
}

// given returns the values that a plan asks for, and the names of those that
// there are none for.
func given(w *world.World, plan *planner.Plan, values map[string]any) (inputs map[string]any, missing []string) {
	inputs = map[string]any{}
	if plan.Parsed.InputSchema == nil {
		return inputs, nil
	}
	for _, name := range plan.Parsed.InputSchema.Properties() {
		value, ok := values[name]
		if !ok {
			missing = append(missing, name)
			continue
		}
		if text, ok := value.(string); ok {
			value = w.Text(text)
		}
		inputs[name] = value
	}
	return inputs, missing
}

// No plan for a requirement of testdata/world, in any of its wordings, has a
// wrong effect: it has the right one, or the wording is refused, or the run fails
// before it does harm.
func TestNoHarm(t *testing.T) {
	t.Parallel()
	data, all := world.Load(t)
	outcomes := make(chan string, 1000) // more than there are wordings
	t.Run("all", func(t *testing.T) {
		for name, each := range all {
			said := append([]string{each.Requirement}, each.Wordings...)
			if executortest.Slower > 1 {
				said = said[:1]
			}
			for i, wording := range said {
				t.Run(fmt.Sprintf("%s %d", name, i), func(t *testing.T) {
					t.Parallel()
					outcomes <- outcome(t, world.New(t, data), wording, each)
				})
			}
		}
	})
	close(outcomes)
	count, wordings := map[string]int{}, 0
	for each := range outcomes {
		count[each]++
		wordings++
	}
	result := fmt.Sprintf("%d requirements in %d wordings: %d right, %d refused, %d failed without harm, %d wrong",
		len(all), wordings, count["right"], count["refused"], count["failed"], count["wrong"])
	t.Log(result)
	if executortest.Slower > 1 {
		return // the page is about all wordings
	}
	page, err := os.ReadFile("../../../../docs/planning.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), result) {
		t.Errorf("docs/planning.md does not say: %s", result)
	}
}

func outcome(t *testing.T, w *world.World, wording string, each world.Requirement) string {
	plan, refused := planner.Make(w.Text(wording), planner.Options{Registry: w.Registry})
	if refused != nil {
		t.Logf("refused: %s", refused.Message)
		return "refused"
	}
	inputs, missing := given(w, plan, each.Inputs)
	if len(missing) > 0 {
		t.Errorf("%q: there is no value for %q:\n%s", wording, missing, drawn(plan))
		return "not run"
	}
	view := w.Run(plan.Parsed, inputs)
	verdict := world.Judge(each.Wanted, w.Effects(view))
	switch {
	case verdict.Right():
		return "right"
	case len(verdict.Wrong) == 0 && view.Status != chain.Completed:
		t.Logf("the run fails: %s\n%s", verdict, drawn(plan))
		return "failed"
	}
	t.Errorf("%q:\n%s\n%s", wording, verdict, drawn(plan))
	return "wrong"
}
