package nested_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/policy"
)

const examples = "../../docs/examples/executors"

// needsPython skips the test if Python is not installed.
func needsPython(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skipf("the examples are scripts for python3: %v", err)
	}
}

// api is a server that replaces api.example.com.
func api(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id": %q, "name": "Ada", "asked": %q, "language": %q, "changes": %q}`,
			strings.TrimPrefix(r.URL.Path, "/users/"), r.Method+" "+r.URL.RawQuery, r.Header.Get("Accept-Language"), body)
	}))
	t.Cleanup(server.Close)
	return server
}

// copied returns a copy of the folder of examples, with another host.
func copied(t *testing.T, host string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(examples)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "api_call_executor", "definition.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), "https://api.example.com", host))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Every example of every executor in docs/examples returns its documented
// result, and its definition is one that assistants accept.
func TestExamplesOfTheGuide(t *testing.T) {
	t.Parallel()
	needsPython(t)
	b := newBench(t, copied(t, api(t).URL), policy.Config{})
	if b.problems() != "" {
		t.Fatal(b.problems())
	}
	made := 0
	for _, each := range b.registry.All() {
		def := each.Definition()
		if _, own := b.folder.Origin(def.ID); !own {
			continue
		}
		made++
		t.Run(def.ID, func(t *testing.T) {
			executortest.Check(t, each)
			for _, example := range def.Examples {
				out := b.call(def.ID, string(example.Inputs))
				if out.Err != nil {
					t.Fatalf("%s: %v (%s)", example.Title, out.Err, out.Err.Hint)
				}
				if example.Result != nil && !holds(t, out.Result, example.Result) {
					t.Errorf("%s gave %s, not %s", example.Title, out.Result, example.Result)
				}
			}
		})
	}
	if made != 8 {
		t.Errorf("there are %d examples", made)
	}
}

// holds reports whether a result contains the expected values.
func holds(t *testing.T, got, want json.RawMessage) bool {
	t.Helper()
	var have, wanted map[string]any
	if err := json.Unmarshal(got, &have); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(want, &wanted); err != nil {
		t.Fatal(err)
	}
	for key, value := range wanted {
		if fmt.Sprint(have[key]) != fmt.Sprint(value) {
			return false
		}
	}
	return true
}

// If the guide's patterns fail, the output has their documented fields.
func TestExamplesThatFail(t *testing.T) {
	t.Parallel()
	needsPython(t)
	b := newBench(t, copied(t, api(t).URL), policy.Config{})
	for _, c := range []struct {
		id, inputs, message, code string
		kind                      executors.ErrorType
	}{
		{"my_file_reader", `{"file_path": "none.txt"}`, "File not found: none.txt", "file_not_found", executors.ExecutionError},
		{"my_file_reader", `{"file_path": "../my_file_reader.py"}`, "Not a note: ../my_file_reader.py", "", executors.PermissionDenied},
		{"my_file_reader", `{"file_path": "/etc/passwd"}`, "Not a note: /etc/passwd", "", executors.PermissionDenied},
		{"my_db_query", `{"query": "drop table orders"}`, "not authorized", "database_error", executors.ExecutionError},
		{"my_db_query", `{"query": "attach 'x.db' as x"}`, "not authorized", "database_error", executors.ExecutionError},
		{"my_db_query", `{"query": "select 1; select 2"}`, "You can only execute one statement at a time.", "", executors.ExecutionError},
		{"greeting_executor", `{"name": "Charlie", "language": "invalid"}`, `language must be one of`, "", executors.ValidationError},
		{"my_data_processor", `{"data": "x"}`, `data must be`, "", executors.ValidationError},
	} {
		out := b.call(c.id, c.inputs)
		if out.Err == nil || out.Err.Type != c.kind || !strings.Contains(out.Err.Message, c.message) || c.code != "" && out.Err.Code != c.code {
			t.Errorf("%s %s: %+v", c.id, c.inputs, out.Err)
		}
	}
	out := b.call("api_call_executor", `{"user": "4/2", "method": "POST", "changes": {"name": "Ada"}, "fields": ["id", "a&b"], "language": "fr"}`)
	var asked struct{ Asked, Changes string }
	if err := json.Unmarshal(out.Result, &asked); err != nil || out.Err != nil || asked.Asked != "POST field=id&field=a%26b" || asked.Changes != `{"name":"Ada"}` {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
}

// The guide's task can be cancelled, and reports its progress.
func TestCancellableTask(t *testing.T) {
	t.Parallel()
	needsPython(t)
	if runtime.GOOS == "windows" {
		t.Skip("programs can't be asked to stop on Windows")
	}
	b := newBench(t, copied(t, api(t).URL), policy.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := chain.Call(ctx, b.runner, "cancellable_task", json.RawMessage(`{"steps": 1000, "seconds": 0.01}`), chain.CallOptions{OnProgress: func(p executors.Progress) {
		if p.Done >= 3 { // reports may be left out
			cancel()
		}
	}})
	var said struct {
		Message  string
		Progress int
	}
	if err := json.Unmarshal(out.Result, &said); err != nil || out.Err == nil || out.Err.Type != executors.Cancelled || said.Message != "Task was cancelled" || said.Progress < 3 {
		t.Errorf("%s, %v, %v", out.Result, out.Err, err)
	}
}

// The files that `executors new` writes work unchanged.
func TestStarters(t *testing.T) {
	t.Parallel()
	needsPython(t)
	dir := t.TempDir()
	for _, kind := range external.Kinds() {
		if _, err := external.Start(dir, "my_"+kind, kind); err != nil {
			t.Fatal(err)
		}
		if _, err := external.Start(dir, "my_"+kind, kind); err == nil || !strings.Contains(err.Error(), "already exists") {
			t.Errorf("it was written over: %v", err)
		}
	}
	b := newBench(t, dir, policy.Config{})
	// The kind mcp needs a program that is downloaded, and an MCP client.
	if len(b.folder.Problems()) != 1 || !strings.HasPrefix(b.problems(), "my_mcp/definition.yaml:5: MCP servers are not available here") {
		t.Fatal(b.problems())
	}
	for _, kind := range []string{"command", "tree"} {
		found, ok := b.registry.Lookup("my_" + kind)
		if !ok {
			t.Fatalf("there is no my_%s", kind)
		}
		executortest.Check(t, found)
		for _, example := range found.Definition().Examples {
			if out := b.call("my_"+kind, string(example.Inputs)); out.Err != nil || !holds(t, out.Result, example.Result) {
				t.Errorf("my_%s: %s, %v", kind, out.Result, out.Err)
			}
		}
	}
	for _, id := range []string{"", "..", "a/b", "A", "a-b", strings.Repeat("a", 41), "a\x00", "CON"} {
		if _, err := external.Start(dir, id, "command"); err == nil {
			t.Errorf("%q is accepted", id)
		}
	}
}
