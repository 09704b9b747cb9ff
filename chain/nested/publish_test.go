package nested_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/nested"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// hostile is a text that YAML and the starter files could misread.
const hostile = "Sum: \"a\" # 'b' [[.ID]] [[.Tree]] ${{ x }}\n- c: {d}\t\u2028\\ é"

func published(t *testing.T, b *bench, text string) *chain.Tree {
	t.Helper()
	tree, report := parse.Parse([]byte(text), b.registry, parse.Options{})
	if !report.Valid() {
		t.Fatal(report.Problems)
	}
	return tree
}

// A tree becomes an executor with its inputs and the effects of its tasks.
func TestPublish(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir(), policy.Config{})
	sum := published(t, b, `{"name": `+quote(hostile)+`, "description": `+quote(hostile)+`,
		"inputs": {"type": "object", "required": ["n"], "additionalProperties": false, "properties": {"n": {"type": "array", "items": {"type": "number"}, "description": `+quote(hostile)+`}}},
		"tasks": [{"id": "sum", "name": "data_processor", "inputs": {"data": "${{ inputs.n }}"}}]}`)
	files, err := nested.Publish(b.dir, "own_sum", sum, b.registry)
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	b.folder.Reload()
	if b.problems() != "" {
		t.Fatal(b.problems())
	}
	made, ok := b.registry.Lookup("own_sum")
	if !ok {
		t.Fatal("it is not there")
	}
	def := made.Definition()
	if def.Title != hostile || def.Description != strings.TrimSpace(hostile) || !def.Annotations.ReadOnly || def.Annotations.OpenWorld || !strings.Contains(string(def.Input.JSON()), `"n"`) {
		t.Errorf("%q, %q, %+v, %s", def.Title, def.Description, def.Annotations, def.Input.JSON())
	}
	if got := b.call("own_sum", `{"n": [1, 2, 4]}`); got.Err != nil || !strings.Contains(string(got.Result), `"result":7`) {
		t.Errorf("%s, %v", got.Result, got.Err)
	}
	if got := b.call("own_sum", `{}`); got.Err == nil || got.Err.Type != executors.ValidationError {
		t.Errorf("without its input: %v", got.Err)
	}
	before, err := os.ReadFile(filepath.Join(b.dir, "own_sum", "definition.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nested.Publish(b.dir, "own_sum", sum, b.registry); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an executor that is there: %v", err)
	}
	if after, _ := os.ReadFile(filepath.Join(b.dir, "own_sum", "definition.yaml")); string(after) != string(before) {
		t.Error("it was written over")
	}
	for _, id := range []string{"", "../x", "A", "a/b", "a.b", "1a", strings.Repeat("a", 41)} {
		if _, err := nested.Publish(b.dir, id, sum, b.registry); err == nil {
			t.Errorf("%q was taken", id)
		}
	}
}

// A published tree with outputs has them in its output schema.
func TestPublishOutputs(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir(), policy.Config{})
	tree := published(t, b, `{"outputs": {"cores": "${{ tasks.a.result.cpu.logical_cores // 1 }}"}, "tasks": [{"id": "a", "executor": "system_info", "inputs": {"resource": "cpu"}}]}`)
	if _, err := nested.Publish(b.dir, "cores", tree, b.registry); err != nil {
		t.Fatal(err)
	}
	b.folder.Reload()
	made, ok := b.registry.Lookup("cores")
	if !ok || !made.Definition().Output.HasProperty("cores") || made.Definition().Output.HasProperty("run_id") {
		t.Fatal(b.problems())
	}
	if out := b.call("cores", `{}`); out.Err != nil || !strings.HasPrefix(string(out.Result), `{"cores":`) {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
}

// The annotations of a tree are those of its worst task. A tree without inputs,
// name and description still becomes a complete executor.
func TestPublishWithoutWords(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir(), policy.Config{})
	tree := published(t, b, `[{"id": "a", "name": "Look", "schemas": {"method": "system_info_executor"}}, {"id": "b", "name": "Ask", "schemas": {"method": "rest_executor"}, "inputs": {"url": "https://example.com"}}]`)
	if _, err := nested.Publish(b.dir, "look_and_ask", tree, b.registry); err != nil {
		t.Fatal(err)
	}
	b.folder.Reload()
	made, ok := b.registry.Lookup("look_and_ask")
	if !ok {
		t.Fatal(b.problems())
	}
	def := made.Definition()
	if def.Title != "Look and ask" || def.Description != "Runs a saved task tree: Look; Ask." || def.Annotations != (executors.Annotations{Destructive: true, OpenWorld: true}) {
		t.Errorf("%q, %q, %+v", def.Title, def.Description, def.Annotations)
	}
	tree = published(t, b, `{"inputs": {"type": "object", "required": ["a"]}, "tasks": [{"id": "a", "name": "system_info_executor"}]}`)
	if _, err := nested.Publish(b.dir, "loose", tree, b.registry); err == nil || !strings.Contains(err.Error(), "properties") {
		t.Errorf("inputs without properties: %v", err)
	}
	tree = published(t, b, `[{"id": "ask", "approval": {"message": "go on?"}}]`)
	if _, err := nested.Publish(b.dir, "asks", tree, b.registry); err == nil || !strings.Contains(err.Error(), "task ask asks a person") {
		t.Errorf("a tree that asks a person: %v", err)
	}
}

func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(text) + `"`
}
