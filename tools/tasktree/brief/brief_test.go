package brief_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/tasktree/brief"
)

const requirement = "Fetch the orders from the API, sum them up and save the total to the database"

// guided is a requirement of the planner's tests, with the tasks of a right plan.
type guided struct {
	Requirement string
	Tasks       []string // such as "db_query < 3"
}

// requirements returns all requirements of the planner's tests.
func requirements(t *testing.T) (all []guided) {
	t.Helper()
	for _, name := range []string{"guide", "changed", "effects"} {
		data, err := os.ReadFile("../internal/planner/testdata/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var list []guided
		if err := yaml.Unmarshal(data, &list); err != nil {
			t.Fatal(name, err)
		}
		all = append(all, list...)
	}
	return all
}

// Every brief is within the budget, and aims at 4,000 tokens.
func TestSize(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]policy.Config{
		"closed":  {},
		"open":    {Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: t.TempDir(), Write: true}}}},
		"crowded": crowded(t),
	} {
		reg := executortest.Registry(t, executortest.Policy(t, cfg), builtin.All()...)
		var sizes []int
		for i, each := range requirements(t) {
			if i%executortest.Slower != 0 {
				continue
			}
			b := brief.Make(brief.Options{Registry: reg, Requirement: each.Requirement, MaxTasks: 50})
			sizes = append(sizes, brief.Tokens(b.Text()))
			if size := brief.Tokens(b.Rules); size > brief.Aim && name != "crowded" {
				t.Errorf("%s: the brief for %q has %d tokens", name, each.Requirement, size)
			}
			if strings.Contains(b.Text(), "{{RULES}}") || strings.Contains(b.Text(), "{{EXECUTORS}}") {
				t.Errorf("%s: a place was not filled", name)
			}
		}
		slices.Sort(sizes)
		most := sizes[len(sizes)-1]
		t.Logf("%s: %d briefs of %d to %d tokens, median %d", name, len(sizes), sizes[0], most, sizes[len(sizes)/2])
		if most > brief.Budget {
			t.Errorf("%s: a brief has %d tokens, and %d at most are allowed", name, most, brief.Budget)
		}
	}
}

// A user may have hundreds of executors: the brief keeps to its budget, and what
// is needed is whole.
func TestHundredsOfExecutors(t *testing.T) {
	t.Parallel()
	all := builtin.All()
	for i := range 500 {
		def := *all[i%len(all)].Definition()
		def.ID = fmt.Sprintf("tool_%d", i)
		all = append(all, executors.New(&def, func(context.Context, *executors.Call, map[string]any) (map[string]any, error) { return nil, nil }))
	}
	reg := executortest.Registry(t, nil, all...)
	text := brief.Make(brief.Options{Registry: reg, Requirement: "Use tool_499 on the data"}).Text()
	if size := brief.Tokens(text); size > brief.Budget {
		t.Errorf("%d tokens", size)
	}
	for _, want := range []string{"### tool_499", "### data_processor", " more: see the list"} {
		if !strings.Contains(text, want) {
			t.Errorf("the brief has no %q", want)
		}
	}
}

// What a right plan uses is described whole, whether policy closes it or not.
func TestWhatIsNeededIsWhole(t *testing.T) {
	t.Parallel()
	for name, pol := range map[string]*policy.Policy{"closed": nil, "crowded": executortest.Policy(t, crowded(t))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			neededIsWhole(t, executortest.Registry(t, pol, builtin.All()...))
		})
	}
}

func neededIsWhole(t *testing.T, reg *executors.Registry) {
	t.Helper()
	ids := map[string]string{
		"rest": "rest_executor", "data": "data_processor", "system": "system_info_executor", "aggregate": "aggregate_results_executor",
		"command": "command_executor", "file_writer": "file_writer", "file_reader": "file_reader", "db_query": "db_query", "email": "send_email_executor", "scrape": "scrape_executor",
	}
	for _, each := range requirements(t) {
		text := brief.Make(brief.Options{Registry: reg, Requirement: each.Requirement}).Rules
		for _, task := range each.Tasks {
			short, _, _ := strings.Cut(task, " ")
			id, known := ids[short]
			if !known {
				t.Fatalf("%q is no executor", task)
			}
			if !strings.Contains(text, "### "+id+" (closed; ") && !strings.Contains(text, "### "+id+"\n") {
				t.Errorf("%q: %s is not whole", each.Requirement, id)
			}
		}
	}
}

// The brief has every executor, complete or with its name and purpose. Closed
// executors are marked.
func TestNothingIsCut(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	for _, budget := range []int{0, 2500, 100000} {
		text := brief.Make(brief.Options{Registry: reg, Requirement: requirement, Budget: budget}).Text()
		whole := 0
		for _, e := range reg.All() {
			def := e.Definition()
			_, closed := reg.Closed(def.ID)
			head, line := "### "+def.ID, "- `"+def.ID+"`("
			_, entry, described := strings.Cut(text, head+"\n")
			if closed {
				_, entry, described = strings.Cut(text, head+" (closed; ")
			}
			entry, _, _ = strings.Cut(entry, "\n### ")
			_, listed, isListed := strings.Cut(text, line)
			listed, _, _ = strings.Cut(listed, "\n")
			switch {
			case described == isListed:
				t.Errorf("%d tokens: %s is there twice, or not at all", budget, def.ID)
			case isListed && closed != strings.Contains(listed, "(closed; "):
				t.Errorf("%d tokens: %s is not marked", budget, def.ID)
			case described:
				whole++
				for _, name := range slices.Concat(def.Input.Properties(), def.Output.Properties()) {
					if !strings.Contains(entry, name) {
						t.Errorf("%d tokens: %s has no %s", budget, def.ID, name)
					}
				}
			}
			if budget == 100000 && !described {
				t.Errorf("%s is not whole, and there is room", def.ID)
			}
		}
		t.Logf("%d tokens: %d executors are whole", budget, whole)
	}
}

func TestRanksByRequirement(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	text := brief.Make(brief.Options{Registry: reg, Requirement: "How much memory and CPU are used on this machine?", Budget: 3200}).Text()
	if !strings.Contains(text, "### system_info_executor\n") {
		t.Error("what fits best is not whole")
	}
	if strings.Contains(text, "### rest_executor\n") {
		t.Error("what does not fit is whole")
	}
}

func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	examples := brief.Examples()
	if len(examples) != 2 {
		t.Fatalf("%d examples", len(examples))
	}
	schema, err := schemaOf(brief.ReplySchema())
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range examples {
		_, report := parse.Parse(each.Tree, reg, parse.Options{})
		if !report.Valid() || len(report.Warnings) > 0 {
			t.Errorf("%s: %v %v", each.Requirement, report.Problems, report.Warnings)
		}
		var value any
		if err := json.Unmarshal(each.Tree, &value); err != nil {
			t.Fatal(err)
		}
		if wrong := schema.Validate(value); len(wrong) > 0 {
			t.Errorf("%s does not fit the reply's schema: %v", each.Requirement, wrong)
		}
	}
}

func TestRulesFitOnAPage(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	text := brief.Make(brief.Options{Registry: reg, Requirement: requirement}).Rules
	_, rest, _ := strings.Cut(text, "## How a tree is written")
	rules, _, _ := strings.Cut(rest, "## Executors")
	if n := len(strings.Fields(rules)); n > 500 || n < 100 {
		t.Errorf("the rules have %d words", n)
	}
}
