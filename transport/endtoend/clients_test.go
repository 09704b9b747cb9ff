package endtoend

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// clientsFolder is the environment variable that names the folder of the real
// clients. `make interop` sets it and installs them.
const clientsFolder = "CHAINWRIGHT_TEST_INTEROP"

// strictTools are tools without free-form objects. Their schemas also pass
// converters that demand OpenAI's strict form.
var strictTools = []string{"cancel_run", "file_reader", "get_run", "list_runs", "system_info_executor"}

// installed returns the folder of a client.
func installed(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv(clientsFolder)
	if folder == "" {
		t.Skipf("%s is not set: `make interop` installs the clients and runs this test", clientsFolder)
	}
	path, err := filepath.EvalSymlinks(filepath.Join(folder, name))
	require.NoError(t, err, "the client is not installed")
	return path
}

// clientCall is one call that a client makes, with a part of its answer.
type clientCall struct {
	Request   string `yaml:"request" json:"-"`
	Search    string `yaml:"search" json:"-"`
	Tool      string `yaml:"tool" json:"tool"`
	Arguments any    `yaml:"arguments" json:"arguments"`
	Want      string `yaml:"want" json:"-"`
	// Except is the client that refuses the call itself.
	Except string `yaml:"except" json:"-"`
}

// description is what the scripts of the clients read.
type description struct {
	Command string            `json:"command"`
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env"`
	Cwd     string            `json:"cwd"`
	Version int               `json:"version,omitempty"`
	Calls   []clientCall      `json:"calls"`
	Strict  []string          `json:"strict"`
	Stop    *clientCall       `json:"stop,omitempty"`
}

// converted is a tool in a framework's form for models.
type converted struct {
	Name       string `json:"name"`
	Parameters any    `json:"parameters"`
	// Of Google's declarations.
	JSONSchema any `json:"parametersJsonSchema"`
}

type clientReport struct {
	Tools, Strict []converted
	Failed        []string
	Answers       []string
}

// clientsPlace is a user with a web server, a folder and two programs.
type clientsPlace struct {
	home

	site string
}

func newClientsPlace(t *testing.T) *clientsPlace {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/page":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html><body><h1>Shop</h1><p>Opening hours: 9 to 5.</p></body></html>")
			return
		case r.URL.Path != "/items":
			w.WriteHeader(http.StatusNotFound)
		}
		w.Header().Set("Content-Type", "application/json")
		if len(body) == 0 {
			body = []byte(`[{"price": 1.5}, {"price": 2.25}, {"price": 10}]`)
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(site.Close)
	work := t.TempDir()
	write(t, filepath.Join(work, "items.csv"), "name,price\noats,1.5\n")
	echo, err := exec.LookPath("echo")
	require.NoError(t, err)
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	settings := policyOf(map[string]any{
		"network": loopback(), "files": folder(work),
		"command": map[string]any{"programs": []any{map[string]any{"path": echo}, map[string]any{"path": sleep}}},
	})
	settings["executors_dir"] = "none"
	settings["llm"] = map[string]any{"provider": "none"}
	return &clientsPlace{newHome(t, settings), site.URL}
}

// calls reads calls from a file in testdata/interop.
func (p *clientsPlace) calls(t *testing.T, file, client string) []clientCall {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "interop", file))
	require.NoError(t, err)
	text := strings.NewReplacer("SITE", p.site, "CLIENT", client).Replace(string(raw))
	var list []clientCall
	require.NoError(t, yaml.Unmarshal([]byte(text), &list))
	return list
}

// describe returns the description of a server over stdio.
func (p *clientsPlace) describe(t *testing.T) *description {
	t.Helper()
	return &description{
		Command: peers.Chainwright(t), Args: []string{"stdio"}, Cwd: p.dir, Strict: strictTools,
		Env: map[string]string{"HOME": p.dir, "PATH": os.Getenv("PATH"), "XDG_DATA_HOME": p.dir, "XDG_CONFIG_HOME": p.dir, "CHAINWRIGHT_CONFIG": p.config},
	}
}

// script runs a script of a client and returns its report.
func (p *clientsPlace) script(t *testing.T, folder, script string, d *description) *clientReport {
	t.Helper()
	file := filepath.Join(t.TempDir(), "place.json")
	write(t, file, encoded(t, d))
	path, err := filepath.Abs(filepath.Join("testdata", "interop", script))
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(folder, "bin", "python"), path, file)
	if strings.HasSuffix(script, ".mjs") {
		cmd = exec.CommandContext(t.Context(), node(t), path, file, folder)
	}
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore")
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s", out, problems.String())
	var report clientReport
	lines := strings.Split(strings.TrimSpace(string(out)), "\n") // some packages print, too
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &report), "%s\n%s", out, problems.String())
	return &report
}

// node is the Node.js of the clients: the newest ones accept no older one.
func node(t *testing.T) string {
	t.Helper()
	return filepath.Join(installed(t, "node"), "node_modules", "node", "bin", "node")
}

// TestClients lists the tools with each client, converts them with its own
// converter, and makes calls in the way that it makes them.
func TestClients(t *testing.T) {
	for _, c := range []struct {
		name, folder, script string
		version              int
		dropsUnions          bool // its converter leaves an untyped property of a union without objects
	}{
		{name: "Python SDK 1", folder: "python1", script: "python.py"},
		{name: "Python SDK 2", folder: "python2", script: "python.py"},
		{name: "TypeScript SDK 1", folder: "typescript", script: "typescript.mjs", version: 1},
		{name: "TypeScript SDK 2", folder: "typescript", script: "typescript.mjs", version: 2},
		{name: "LangChain", folder: "langchain", script: "langchain.py"},
		{name: "LangChain.js", folder: "langchainjs", script: "langchain.mjs", dropsUnions: true},
		{name: "AutoGen", folder: "autogen", script: "autogen.py"},
		{name: "LlamaIndex", folder: "llamaindex", script: "llamaindex.py"},
		{name: "OpenAI Agents", folder: "agents", script: "agents.py"},
		{name: "Google", folder: "google", script: "google.py"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := installed(t, c.folder)
			p := newClientsPlace(t)
			d := p.describe(t)
			d.Version, d.Calls = c.version, p.calls(t, "calls.yaml", c.folder+strconv.Itoa(c.version))
			report := p.script(t, folder, c.script, d)

			require.Empty(t, report.Failed, "the converter refused tools")
			names := published(t, p.stdio(t))
			for _, name := range names {
				require.True(t, slices.ContainsFunc(report.Tools, func(c converted) bool { return c.Name == name }), "%s is not listed", name)
			}
			for _, tool := range report.Tools {
				if c.dropsUnions {
					require.Equal(t, "object", tool.Parameters.(map[string]any)["type"], tool.Name)
					continue
				}
				for _, problem := range untyped(tool.Parameters, "") {
					t.Errorf("%s: %s", tool.Name, problem)
				}
				for _, problem := range untyped(tool.JSONSchema, "") {
					t.Errorf("%s: %s", tool.Name, problem)
				}
			}
			if c.folder == "agents" {
				strict(t, report.Strict)
			}
			require.Len(t, report.Answers, len(d.Calls))
			for i, each := range d.Calls {
				if each.Except == c.name {
					continue
				}
				if !strings.Contains(strings.ReplaceAll(report.Answers[i], `\"`, `"`), each.Want) {
					t.Errorf("%s %s: got %.600s, want %s", each.Tool, encoded(t, each.Arguments), report.Answers[i], each.Want)
				}
			}
		})
	}
}

// strict checks the tools that OpenAI Agents made strict.
func strict(t *testing.T, tools []converted) {
	t.Helper()
	for _, name := range strictTools {
		if !slices.ContainsFunc(tools, func(c converted) bool { return c.Name == name }) {
			t.Errorf("%s has no strict form", name)
		}
	}
	for _, tool := range tools {
		for _, problem := range untyped(tool.Parameters, "") {
			t.Errorf("%s, strict: %s", tool.Name, problem)
		}
	}
}

// untyped returns the properties without a type and the arrays without items,
// which the APIs of models refuse.
func untyped(schema any, path string) (found []string) {
	s, ok := schema.(map[string]any)
	if !ok {
		return nil
	}
	known := false
	for _, keyword := range []string{"type", "anyOf", "any_of", "oneOf", "allOf", "$ref", "enum", "const"} {
		_, has := s[keyword]
		known = known || has
	}
	if !known {
		found = append(found, path+" has no type")
	}
	if kind, _ := s["type"].(string); strings.EqualFold(kind, "array") && s["items"] == nil && s["prefixItems"] == nil {
		found = append(found, path+" is an array without items")
	}
	properties, _ := s["properties"].(map[string]any)
	for name, each := range properties {
		found = append(found, untyped(each, path+"."+name)...)
	}
	for _, keyword := range []string{"anyOf", "any_of", "oneOf", "allOf"} {
		list, _ := s[keyword].([]any)
		for i, each := range list {
			found = append(found, untyped(each, fmt.Sprintf("%s|%d", path, i))...)
		}
	}
	if s["items"] != nil {
		found = append(found, untyped(s["items"], path+"[]")...)
	}
	return found
}

// TestClientsThatClose closes the official SDKs' clients in the middle of a run.
// Nothing is left running, and the run is on record as ended.
func TestClientsThatClose(t *testing.T) {
	for i, c := range []struct {
		folder, script string
		version        int
	}{{"python1", "python.py", 0}, {"python2", "python.py", 0}, {"typescript", "typescript.mjs", 1}, {"typescript", "typescript.mjs", 2}} {
		t.Run(c.folder+strconv.Itoa(c.version), func(t *testing.T) {
			folder := installed(t, c.folder)
			p := newClientsPlace(t)
			d := p.describe(t)
			seconds := strconv.Itoa(100_000 + 10*os.Getpid() + i) // to find the process
			d.Version = c.version
			d.Stop = &clientCall{Tool: "run_task_tree", Arguments: map[string]any{"wait_seconds": 1, "tasks": []any{
				map[string]any{"id": "wait", "executor": "command_executor", "inputs": map[string]any{"command": []any{"sleep", seconds}, "timeout": 3000}},
			}}}
			report := p.script(t, folder, c.script, d)
			require.Len(t, report.Answers, 1)
			var begun answer
			require.NoError(t, json.Unmarshal([]byte(report.Answers[0]), &begun), report.Answers[0])
			require.Equal(t, "in_progress", begun.Status, report.Answers[0])
			require.Eventually(t, func() bool { return !running(t, seconds) }, executortest.Patience, executortest.Patience/1000, "sleep %s is left", seconds)
			said, _ := p.command(t, "runs", begun.RunID, "--json")
			require.NotContains(t, []any{"in_progress", "pending"}, decoded(t, said).(map[string]any)["status"], said)
		})
	}
}

// running reports whether a process has an argument.
func running(t *testing.T, argument string) bool {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	return slices.ContainsFunc(lines, func(path string) bool {
		line, _ := os.ReadFile(path) // it may have ended
		return slices.Contains(strings.Split(string(line), "\x00"), argument)
	})
}

// TestInspectorFindsNothing lists the tools with Inspector's own lint.
func TestInspectorFindsNothing(t *testing.T) {
	folder := installed(t, "inspector")
	p := newClientsPlace(t)
	launcher := filepath.Join(folder, "node_modules", "@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js")
	inspect := func(args ...string) (string, string) {
		t.Helper()
		all := []string{launcher, "--cli"}
		for name, value := range p.describe(t).Env {
			all = append(all, "-e", name+"="+value)
		}
		cmd := exec.CommandContext(t.Context(), node(t), append(append(all, peers.Chainwright(t), "stdio"), args...)...)
		cmd.Env = append(os.Environ(), "MCP_AUTO_OPEN_ENABLED=false")
		var problems strings.Builder
		cmd.Stderr = &problems
		out, err := cmd.Output()
		require.NoError(t, err, "%s\n%s", out, problems.String())
		return string(out), problems.String()
	}
	out, problems := inspect("--method", "tools/list", "--strict")
	require.Contains(t, out, "run_task_tree")
	require.NotContains(t, problems, "warning", "Inspector finds something in the schemas")
	out, _ = inspect("--method", "tools/call", "--tool-name", "data_processor", "--tool-arg", `data=[{"p":1},{"p":4}]`, "operation=sum", "field=p")
	require.Contains(t, out, `"result": 5`)
}
