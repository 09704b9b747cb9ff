package parse_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// expressible are the codes of the problems that a schema can find.
var expressible = []string{
	chain.CodeEmpty, chain.CodeNotAnObject, chain.CodeUnknownField, chain.CodeMissingField, chain.CodeWrongType, chain.CodeTooLong,
	chain.CodeNoExecutor, chain.CodeUnknownExecutor,
}

var treeBlock = regexp.MustCompile("(?s)```yaml tree\n(.*?)```")

// The schema accepts every valid tree that this repository has, and refuses those
// with a problem that a schema can find.
func TestTheSchemaAgreesWithValidation(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	raw, err := parse.JSONSchema(reg)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("tree.json", bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("tree.json")
	if err != nil {
		t.Fatal(err)
	}
	valid, wrong := 0, 0
	for name, text := range corpus(t) {
		value, err := strictjson.FromYAML([]byte(text)) // JSON is YAML
		if err != nil {
			continue
		}
		_, report := parse.Parse([]byte(text), reg, parse.Options{})
		refused := schema.Validate(value)
		switch {
		case report.Valid():
			valid++
			if refused != nil {
				t.Errorf("%s: the tree is valid, and the schema refuses it: %#v\n%s", name, refused, text)
			}
		case slices.ContainsFunc(report.Problems, func(p chain.Problem) bool { return slices.Contains(expressible, p.Code) }):
			wrong++
			if refused == nil {
				t.Errorf("%s: the schema accepts it: %v\n%s", name, report.Problems, text)
			}
		}
	}
	if valid < 30 || wrong < 20 {
		t.Errorf("only %d valid trees and %d wrong ones", valid, wrong)
	}
}

// corpus returns the trees of testdata and of the documents.
func corpus(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{
		"inputs of the wrong type": `[{"executor": "rest", "inputs": {"url": 5}, "nme": 1}]`,
	}
	for _, inputs := range []string{
		`{"url": "${{ inputs.url }}", "method": "${{ inputs.method }}", "timeout": "${{ inputs.s }}", "headers": "${{ inputs.h }}"}`,
		`{"url": "https://example.com", "headers": {"a": "${{ inputs.h }}"}, "paginate": {"type": "${{ inputs.x }}"}, "expect_status": ["${{ inputs.y }}"]}`,
	} {
		for _, executor := range []string{`"executor": "rest"`, `"executor": "rest_executor"`, `"name": "rest_executor"`, `"schemas": {"method": "rest_executor"}`, `"params": {"executor_id": "rest_executor"}`} {
			all[executor+inputs] = `[{` + executor + `, "inputs": ` + inputs + `}]`
		}
	}
	read := func(pattern string, split func(string) []string) {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range split(string(content)) {
				all[file+" "+text[:min(len(text), 40)]] = text
			}
		}
	}
	whole := func(text string) []string { return []string{text} }
	read("../../testdata/trees/*", whole)
	read("testdata/validate/*.golden", func(text string) []string { text, _, _ = strings.Cut(text, "\n---\n"); return []string{text} })
	read("../../docs/*.md", func(text string) []string {
		var list []string
		for _, found := range treeBlock.FindAllStringSubmatch(text, -1) {
			list = append(list, found[1])
		}
		return list
	})
	return all
}

// The schema finds wrong inputs of each way to name an executor.
func TestTheSchemaRefusesWrongInputs(t *testing.T) {
	t.Parallel()
	raw, err := parse.JSONSchema(executortest.Registry(t, nil, builtin.All()...))
	if err != nil {
		t.Fatal(err)
	}
	schema := jsonschema.MustCompileString("tree.json", string(raw))
	for _, inputs := range []string{`{"url": 5}`, `{"urll": "x"}`, `{"url": "x", "method": "FETCH"}`, `{"url": "x", "timeout": "soon"}`, `{"url": "x", "headers": {"a": []}}`, `{}`} {
		for _, executor := range []string{`"executor": "rest"`, `"executor": "rest_executor"`, `"name": "rest_executor"`, `"schemas": {"method": "rest_executor"}`, `"params": {"executor_id": "rest_executor"}`} {
			text := `{"tasks": [{` + executor + `, "inputs": ` + inputs + `}]}`
			value, err := strictjson.Decode([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if schema.Validate(value) == nil {
				t.Errorf("the schema accepts %s", text)
			}
		}
	}
}
