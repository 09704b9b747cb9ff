package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/promptchain"
	"github.com/chainwright/chainwright/tools/sequential"
	"github.com/chainwright/chainwright/transport/app"
)

// write is the executor that the entry points reach. It changes something, so
// that read-only servers and requests refuse it.
var write = executors.New(executors.MustParse(`
id: write
title: Write
description: Returns its text.
toolset: own
annotations: {read_only: false, destructive: false, idempotent: true, open_world: false}
timeout: {default: 10, ceiling: 60}
input_schema: {type: object, required: [text], properties: {text: {type: string, description: The text.}}}
output_schema: {type: object, required: [text], properties: {text: {type: string}}}
`), func(_ context.Context, _ *executors.Call, in text) (text, error) { return in, nil })

const (
	writeTask = `{"id": "a", "schemas": {"method": "write"}, "inputs": {"text": "x"}}`
	inTree    = `{"id": "a", "executor": "tree/saved"}`
	indirect  = `{"id": "a", "schemas": {"method": "indirect"}}`
	// ownTree defines a user-made executor. It says that it changes nothing, so that
	// read-only servers publish it.
	ownTree = `
id: indirect
title: Indirect
description: Uses another executor.
toolset: own
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
timeout: {default: 10, ceiling: 60}
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {}}
run: {kind: tree, tree: [` + writeTask + `]}
`
	// throughTree defines one that uses a saved tree.
	throughTree = `
id: through
title: Through
description: Uses a saved tree.
toolset: own
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
timeout: {default: 10, ceiling: 60}
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {}}
run: {kind: tree, tree: [` + inTree + `]}
`
)

// entryPoint is one way to call an executor.
type entryPoint struct {
	call func(context.Context, *site) *executors.Error
	// only is the kind of server that has the entry point; empty: both kinds.
	only string
	// published means that the selection of toolsets applies: it chooses what
	// is published, not what trees may use.
	published bool
}

const onlyTools, onlyDiscovery = "tools", "discovery"

// entryPoints has every way to call an executor. A change that adds an entry
// point adds a row here.
var entryPoints = map[string]entryPoint{
	"registry": {call: func(ctx context.Context, s *site) *executors.Error {
		return s.Registry().Invoke(ctx, "write", &executors.Call{Inputs: map[string]any{"text": "x"}}, 0).Err
	}},
	"direct call":                  {call: direct("write", `{"text": "x"}`)},
	"user-made executor":           {call: direct("indirect", `{}`)},
	"tree of the engine":           {call: ran(`{"tasks": [` + writeTask + `]}`)},
	"nested tree of the engine":    {call: ran(`{"tasks": [` + indirect + `]}`)},
	"elements of a tree":           {call: ran(`{"tasks": [{"id": "a", "for_each": "${{ [1, 2] }}", "schemas": {"method": "write"}, "inputs": {"text": "x"}}]}`)},
	"retry":                        {call: retried(`{"tasks": [` + writeTask + `]}`)},
	"retry of a nested tree":       {call: retried(`{"tasks": [` + indirect + `]}`)},
	"prompt chain":                 {call: direct(promptchain.ID, `{"input": "x", "steps": [{"executor": "write", "inputs": {"text": "x"}}]}`)},
	"nested tree of a chain":       {call: direct(promptchain.ID, `{"input": "x", "steps": [{"executor": "indirect", "inputs": {}}]}`)},
	"prompt chain in a tree":       {call: ran(`{"tasks": [{"id": "a", "schemas": {"method": "prompt_chain"}, "inputs": {"input": "x", "steps": [{"executor": "indirect", "inputs": {}}]}}]}`)},
	"batch":                        {call: batch},
	"tool":                         {call: tool("write", `{"text": "x"}`), only: onlyTools, published: true},
	"user-made executor as a tool": {call: tool("indirect", `{}`), only: onlyTools, published: true},
	"run_executor":                 {call: tool(tools.RunExecutor, `{"executor": "write", "inputs": {"text": "x"}}`), only: onlyDiscovery, published: true},
	"run_executor, user-made":      {call: tool(tools.RunExecutor, `{"executor": "indirect", "inputs": {}}`), only: onlyDiscovery, published: true},
	"tree of a call":               {call: tool(tools.RunTaskTree, `{"tasks": [`+writeTask+`], "wait_seconds": 30}`)},
	"saved tree":                   {call: tool(tools.RunTaskTree, `{"tree": "saved", "wait_seconds": 30}`)},
	"nested tree of a call":        {call: tool(tools.RunTaskTree, `{"tasks": [`+indirect+`], "wait_seconds": 30}`)},
	"retry of a call's tree":       {call: retryRun(`{"tasks": [` + writeTask + `], "wait_seconds": 30}`)},
	"saved tree in a tree":         {call: ran(`{"tasks": [` + inTree + `]}`)},
	"saved tree in a call's tree":  {call: tool(tools.RunTaskTree, `{"tasks": [`+inTree+`], "wait_seconds": 30}`)},
	"saved tree two levels down":   {call: tool(tools.RunTaskTree, `{"tree": "outer", "wait_seconds": 30}`)},
	"saved tree in an executor":    {call: direct("through", `{}`)},
	"saved tree for each element":  {call: ran(`{"tasks": [{"id": "a", "for_each": [1, 2], "executor": "tree/saved"}]}`)},
	"retry of a tree in a tree":    {call: retried(`{"tasks": [` + inTree + `]}`)},
	"retry of a call's inner tree": {call: retryRun(`{"tasks": [` + inTree + `], "wait_seconds": 30}`)},
	"saved tree in a prompt chain": {call: direct(promptchain.ID, `{"input": "x", "steps": [{"executor": "tree/saved", "inputs": {}}]}`)},
	"retry of a saved tree":        {call: retryRun(`{"tree": "saved", "wait_seconds": 30}`)},
}

// site is a server under test.
type site struct {
	*app.App
	model *llmtest.Server
	dir   string
}

func direct(id, arguments string) func(context.Context, *site) *executors.Error {
	return func(ctx context.Context, s *site) *executors.Error {
		return chain.Call(ctx, s.Runner(), id, []byte(arguments), chain.CallOptions{}).Err
	}
}

func ran(tree string) func(context.Context, *site) *executors.Error {
	return func(ctx context.Context, s *site) *executors.Error {
		_, err := s.run(ctx, tree)
		return err
	}
}

// run runs a tree with the engine.
func (s *site) run(ctx context.Context, text string) (id string, failed *executors.Error) {
	tree, report := parse.Parse([]byte(text), s.Registry(), parse.Options{})
	if err := report.Err(); err != nil {
		return "", err
	}
	run, err := chain.Start(ctx, s.Runner(), tree, chain.RunOptions{})
	if err != nil {
		return "", executors.AsError(err)
	}
	return run.ID, s.await(ctx, run.ID)
}

// await returns the error of a run.
func (s *site) await(ctx context.Context, id string) *executors.Error {
	view, err := s.Runner().Wait(ctx, id, "")
	switch {
	case err != nil:
		return executors.AsError(err)
	case view.Status == chain.Completed:
		return nil
	}
	return executors.Errorf(view.Tasks[0].ErrorType, "the run is %s: %s", view.Status, view.Tasks[0].Error)
}

// retried retries a run that was started without the restriction of the context.
func retried(tree string) func(context.Context, *site) *executors.Error {
	return func(ctx context.Context, s *site) *executors.Error {
		id, _ := s.run(context.Background(), tree) // it fails on a server that refuses it
		run, err := chain.Retry(ctx, s.Runner(), id, []string{"a"}, "")
		if err != nil {
			return executors.AsError(err)
		}
		return s.await(ctx, run.ID)
	}
}

// batch completes a table with the generator.
func batch(ctx context.Context, s *site) *executors.Error {
	tables := sequential.NewTable(func(string) {})
	llm.Connect(s.model.Client(llm.Settings{Provider: llm.OpenAI, Model: "test"}), tables)
	if err := s.Registry().Register(tables); err != nil {
		return executors.AsError(err)
	}
	arguments := fmt.Sprintf(`{"input": %q, "output": %q, "input_task_key": "task"}`, filepath.Join(s.dir, "in.jsonl"), filepath.Join(s.dir, "out.jsonl"))
	return chain.Call(ctx, s.Runner(), sequential.ID, []byte(arguments), chain.CallOptions{}).Err
}

// tool calls a published tool. A tool that is not published is refused.
func tool(name, arguments string) func(context.Context, *site) *executors.Error {
	return func(ctx context.Context, s *site) *executors.Error {
		_, err := s.use(ctx, name, arguments)
		return err
	}
}

func (s *site) use(ctx context.Context, name, arguments string) (runID string, failed *executors.Error) {
	pending, ok := s.Parts().Tools.Prepare(ctx, name, &tools.Request{Arguments: json.RawMessage(arguments)})
	if !ok {
		return "", executors.Errorf(executors.PermissionDenied, "%s is not published", name)
	}
	res := pending.Start(ctx)
	if res.Err == nil && res.Status != tools.StatusCompleted {
		kind := executors.ExecutionError
		if bytes.Contains(res.Result, []byte(executors.PermissionDenied)) {
			kind = executors.PermissionDenied
		}
		return res.RunID, executors.Errorf(kind, "it ended as %s: %s", res.Status, res.Result)
	}
	return res.RunID, res.Err
}

// retryRun retries a run of a tool that was started without the restriction of
// the context.
func retryRun(arguments string) func(context.Context, *site) *executors.Error {
	return func(ctx context.Context, s *site) *executors.Error {
		id, failed := s.use(context.Background(), tools.RunTaskTree, arguments)
		if id == "" {
			return failed
		}
		_, failed = s.use(ctx, tools.RetryRun, fmt.Sprintf(`{"run_id": %q, "tasks": ["a"], "wait_seconds": 30}`, id))
		return failed
	}
}

// restrictions has every restriction of calls, in the settings of the server or
// in a request. A change that adds a restriction adds a row here.
var restrictions = map[string]struct {
	selection app.Selection
	readOnly  bool
	narrow    *tools.Selection // the headers of the request
	refuses   func(entryPoint) bool
}{
	"none":                {refuses: nothing},
	"excluded":            {selection: app.Selection{Exclude: excluded}, refuses: everyCall},
	"excluded, header":    {narrow: &tools.Selection{Exclude: excluded}, refuses: everyCall},
	"read-only":           {readOnly: true, refuses: everyCall},
	"read-only, header":   {narrow: &tools.Selection{ReadOnly: true}, refuses: everyCall},
	"toolsets":            {selection: app.Selection{Toolsets: otherToolsets}, refuses: publishedCalls},
	"toolsets, header":    {narrow: &tools.Selection{Toolsets: otherToolsets}, refuses: publishedCalls},
	"toolsets and a tool": {selection: app.Selection{Toolsets: otherToolsets, Tools: []string{"write", "indirect"}}, refuses: nothing},
}

var (
	excluded      = []string{"write", sequential.ID}
	otherToolsets = []string{"runs", "discovery", "generators"}

	nothing        = func(entryPoint) bool { return false }
	everyCall      = func(entryPoint) bool { return true }
	publishedCalls = func(e entryPoint) bool { return e.published }
)

// Each restriction holds at every entry point, and without it every entry point
// works.
func TestExclusionsHoldAtEveryEntryPoint(t *testing.T) {
	t.Parallel()
	for name, r := range restrictions {
		for kind, discovery := range map[string]bool{onlyTools: false, onlyDiscovery: true} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				selection := r.selection
				selection.Discovery = discovery
				s := newSite(t, selection, r.readOnly)
				ctx := t.Context()
				if r.narrow != nil {
					ctx = tools.WithCaller(ctx, &tools.Caller{Narrow: r.narrow})
				}
				for point, e := range entryPoints {
					if e.only != "" && e.only != kind {
						continue
					}
					err := e.call(ctx, s)
					switch refused := r.refuses(e); {
					case refused && err == nil:
						t.Errorf("%s: the executor was called", point)
					case refused && !refusal(err):
						t.Errorf("%s: it failed for another reason: %v (%s)", point, err, err.Type)
					case !refused && err != nil:
						t.Errorf("%s: %v (%s)", point, err, err.Type)
					}
				}
			})
		}
	}
}

// refusal reports whether a call failed because of a restriction. Discovery does
// not find what is restricted, and a task with elements has its own error.
func refusal(err *executors.Error) bool {
	return err.Type == executors.PermissionDenied || err.Type == executors.NotFound ||
		strings.Contains(err.Message, "excluded") || strings.Contains(err.Message, "not allowed here") || strings.Contains(err.Message, "would change something")
}

// newSite returns a server with the executor, a user-made one and a saved tree
// that use it, and a model.
func newSite(t *testing.T, selection app.Selection, readOnly bool) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), model: llmtest.New(t, llmtest.Text("**Subsequent task:** next\n**Composition task:** both"))}
	own, trees := filepath.Join(s.dir, "own"), filepath.Join(s.dir, "trees")
	for path, text := range map[string]string{
		filepath.Join(own, "indirect.yaml"): ownTree,
		filepath.Join(own, "through.yaml"):  throughTree,
		filepath.Join(trees, "outer.yaml"):  "tasks: [" + inTree + "]",
		filepath.Join(trees, "saved.json"):  `{"tasks": [` + writeTask + `]}`,
		filepath.Join(s.dir, "in.jsonl"):    `{"task": "x"}` + "\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.App = open(t, app.WithStore("memory"), app.WithPolicy(policy.Config{ReadOnly: readOnly, Audit: policy.Audit{Off: true}}),
		app.WithoutBuiltin(), app.WithExecutors(write), app.WithExecutorsDir(own), app.WithTrees(trees), app.WithSelection(selection),
		app.WithHTTP(app.HTTP{Stateless: true}))
	for _, problem := range s.Parts().Folder.Problems() {
		t.Error(problem.Err)
	}
	llm.Connect(s.model.Client(llm.Settings{Provider: llm.OpenAI, Model: "test"}), s.Registry().All()...)
	return s
}

// The headers of an HTTP request restrict the trees that it leads to.
func TestHeadersRestrictNestedTrees(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newSite(t, app.Selection{}, false).Handler())
	t.Cleanup(server.Close)
	for name, c := range map[string]struct{ header, value, want string }{
		"none":      {"X-Other", "1", `"status":"completed"`},
		"excluded":  {"X-Chainwright-Exclude-Tools", "write", "permission_denied"},
		"read-only": {"X-Chainwright-Read-Only", "true", "permission_denied"},
	} {
		body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"indirect","arguments":{}}}`
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/mcp", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		req.Header.Set(c.header, c.value)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !strings.Contains(string(reply), c.want) {
			t.Errorf("%s: %s, %v", name, reply, err)
		}
	}
}
