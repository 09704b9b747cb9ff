package brief_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/tasktree/brief"
)

const requirement = "Fetch the orders from the API, sum them up and save the total to the database"

func TestSize(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]policy.Config{
		"closed": {},
		"open":   {Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: t.TempDir(), Write: true}}}},
	} {
		reg := executortest.Registry(t, executortest.Policy(t, cfg), builtin.All()...)
		b := brief.Make(brief.Options{Registry: reg, Requirement: requirement, MaxTasks: 50})
		size := brief.Tokens(b.Text())
		t.Logf("%s: %d tokens", name, size)
		if size > brief.Budget {
			t.Errorf("%s: the brief has %d tokens, and %d at most are allowed", name, size, brief.Budget)
		}
		if strings.Contains(b.Text(), "{{RULES}}") || strings.Contains(b.Text(), "{{EXECUTORS}}") {
			t.Errorf("%s: a place was not filled", name)
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
			described := strings.Contains(text, "### "+def.ID+"\n")
			switch {
			case !described && !strings.Contains(text, "- `"+def.ID+"`"):
				t.Errorf("%d tokens: %s is not there", budget, def.ID)
			case closed && (described || !strings.Contains(text, "- `"+def.ID+"` (closed; ")):
				t.Errorf("%d tokens: %s is not marked closed", budget, def.ID)
			case described && !strings.Contains(text, string(def.Input.JSON())):
				t.Errorf("%d tokens: the schema of %s is not whole", budget, def.ID)
			case described:
				whole++
			}
			if budget == 100000 && !closed && !described {
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
		t.Error("there was room for everything, so nothing was ranked")
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
