package tasktree_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/tasktree"
)

// Models and calling assistants get the names that this caller can use, unless
// the operator keeps them.
func TestBriefSharesNames(t *testing.T) {
	t.Parallel()
	cfg := policy.Config{
		Files:       policy.Files{Roots: map[string]policy.Root{"atelier": {Path: t.TempDir(), Write: true}}},
		Connections: map[string]policy.Connection{"ledger": {Kind: "postgres", DSN: "postgres://db.internal/ledger", Write: true}},
	}
	const folder, changed, read = "`atelier` (read, write)", "`ledger` (postgres, write)", "`ledger` (postgres)\n"
	for name, c := range map[string]struct {
		hidden bool
		caller *tools.Caller
		want   []string
	}{
		"shared":    {caller: &tools.Caller{}, want: []string{folder, changed}},
		"kept":      {caller: &tools.Caller{}, hidden: true},
		"read-only": {caller: &tools.Caller{Narrow: &tools.Selection{ReadOnly: true}}, want: []string{read}},
		"excluded":  {caller: &tools.Caller{Narrow: &tools.Selection{Exclude: []string{"db_query"}}}, want: []string{folder}},
		"scoped":    {caller: &tools.Caller{Narrow: &tools.Selection{Strict: true, Tools: []string{tasktree.ID, "db_query"}}}, want: []string{changed}},
		"nothing":   {caller: &tools.Caller{Narrow: &tools.Selection{Strict: true, Tools: []string{tasktree.ID, "data_processor"}}}},
	} {
		for _, provider := range []string{tasktree.Caller, llm.Auto} {
			t.Run(name+" "+provider, func(t *testing.T) {
				t.Parallel()
				server := llmtest.New(t, llmtest.Text(small))
				reg := executortest.Registry(t, executortest.Policy(t, cfg), builtin.All()...)
				g := tasktree.New(tasktree.Options{Registry: reg, HideNames: c.hidden})
				if err := reg.Register(g); err != nil {
					t.Fatal(err)
				}
				client := server.Client(llm.Settings{Model: "scripted"})
				t.Cleanup(func() { _ = client.Close() })
				llm.Connect(client, g)
				inputs, wrong := reg.ResolveInputs(tasktree.ID, plainjson.Must(map[string]any{
					"requirement": "Query the paid orders in the database and save them to a file", "llm_provider": provider, "save": false,
				}))
				if wrong != nil {
					t.Fatal(wrong)
				}
				out := reg.Invoke(tools.WithCaller(t.Context(), c.caller), tasktree.ID, &executors.Call{Inputs: inputs, Attempt: 1}, 0)
				var handed tasktree.Output
				_ = json.Unmarshal(out.Result, &handed) // a plan that the caller may not make is an error
				told := handed.Brief
				for _, request := range server.Requests() {
					for _, message := range request.Messages {
						told += message.Content + "\n"
					}
				}
				for _, each := range []string{folder, changed, read} {
					wanted := strings.Contains(strings.Join(c.want, ""), each)
					if strings.Contains(told, each) != wanted {
						t.Errorf("%q in the brief must be %v", each, wanted)
					}
				}
				if len(c.want) == 0 && (strings.Contains(told, "ledger") || strings.Contains(told, "atelier")) {
					t.Error("the brief has a name")
				}
				if !strings.Contains(told, "## How a tree is written") {
					t.Errorf("that is no brief: %s (%v)", told, out.Err)
				}
			})
		}
	}
}
