package external_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestWatch adds, changes and removes files in a watched folder.
func TestWatch(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	await := b.watch()
	b.write("a/definition.yaml", runs(t, "a", "echo"))
	await("a")
	b.write("b.yaml", runs(t, "b", "echo"))
	await("a b")
	b.write("b.yaml", runs(t, "c", "echo"))
	await("a c")
	b.remove("b.yaml")
	await("a")
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	await("")
	b.write("again.yaml", runs(t, "again", "echo"))
	await("again")
}

// TestBrokenFileKeepsItsLastGoodVersion checks that a broken file is reported
// with its line, and that its last valid version and other files stay
// registered.
func TestBrokenFileKeepsItsLastGoodVersion(t *testing.T) {
	t.Parallel()
	good := runs(t, "a", "say")
	b := newBench(t, map[string]string{"a.yaml": good, "b.yaml": runs(t, "b", "echo"), "c.yaml": "id: [", "d.txt": "x", ".e.yaml": "id: [", "_f.yaml": "id: ["})
	if b.ids() != "a b" || !strings.HasPrefix(b.problems(), "c.yaml:1: ") || strings.Contains(b.problems(), "\n") {
		t.Fatalf("%s; %s", b.ids(), b.problems())
	}
	b.write("a.yaml", strings.Replace(good, "toolset: tests", "toolset: tests\ntimout: 3", 1))
	b.folder.Reload()
	if b.ids() != "a b" || !strings.Contains(b.problems(), `a.yaml:5: a definition has no key "timout"; did you mean "timeout"?`) {
		t.Fatalf("%s; %s", b.ids(), b.problems())
	}
	if out := b.call("a", `{"answer": "{}"}`); out.Err != nil {
		t.Errorf("the last good version: %v", out.Err)
	}
	b.write("a.yaml", good+"\n")
	b.remove("c.yaml")
	b.folder.Reload()
	if b.ids() != "a b" || b.problems() != "" {
		t.Errorf("%s; %s", b.ids(), b.problems())
	}
}

// TestProblems checks that each problem names the file and the line.
func TestProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "x.yaml:1: "},
		{"no section", strings.Split(definition("x", "{}"), "run:")[0], `x.yaml:1: the section "run" is missing`},
		{"a section that is not a mapping", definition("x", "[]"), "x.yaml:19: run must be a mapping"},
		{"an unknown kind", definition("x", "{kind: comand}"), `x.yaml:19: run.kind is "comand"; did you mean "command"?`},
		{"no kind", definition("x", "{}"), `x.yaml:19: run.kind is ""; the kinds are `},
		{"an unknown key", definition("x", "{kind: command, command: [python3], enviroment: {}}"), `x.yaml:19: run.enviroment `},
		{"a missing key", definition("x", "{kind: command}"), `x.yaml:19: run.command is required`},
		{"a list that is a text", definition("x", "{kind: command, command: python3 a.py}"), `x.yaml:19: run.command `},
		{"an unknown anchor", definition("x", "*a"), `x.yaml:`},
		{"a missing program", definition("x", "\n  kind: command\n  command:\n    - no-such-program"), `x.yaml:22: the program no-such-program: `},
		{"a missing file", definition("x", "{kind: command, command: [./no.py]}"), `x.yaml:19: the program ./no.py: `},
		{"an id that climbs", definition("../x", "{kind: command, command: [ls]}"), `x.yaml:1: "../x" must be `},
		{"an id that is a path", definition("x/y", "{kind: command, command: [ls]}"), `x.yaml:1: "x/y" must be `},
		{"an id with a line break", definition(`"x\ny"`, "{kind: command, command: [ls]}"), `x.yaml:1: "x\ny" must be `},
		{"an id of the server's tools", definition("get_run", "{kind: command, command: [ls]}"), `x.yaml:1: the id get_run is reserved`},
		{"a tree without a runner", definition("x", "{kind: tree, tree: []}"), `x.yaml:19: `},
		{"an address without a host", definition("x", "{kind: http, url: /a}"), `x.yaml:19: run.url must begin with http`},
		{"an address that callers choose", definition("x", `{kind: http, url: "http://${{ inputs.name }}/"}`), `x.yaml:19: run.url has a placeholder before its path`},
		{"a port that callers choose", definition("x", `{kind: http, url: "http://example.com:${{ inputs.n }}/"}`), `x.yaml:19: run.url has a placeholder before its path`},
		{"credentials in the address", definition("x", `{kind: http, url: "http://a:b@example.com/"}`), `x.yaml:19: run.url contains a user name`},
		{"an unknown input", definition("x", `{kind: http, url: "http://example.com/${{ inputs.nam }}"}`), `x.yaml:19: run.url the placeholder ${{ inputs.nam }} is not an input in input_schema; did you mean "name"?`},
		{"an invalid placeholder", definition("x", `{kind: http, url: "http://example.com/${{ name }}"}`), `x.yaml:19: run.url the placeholder ${{ name }} is neither`},
		{"an unclosed placeholder", definition("x", `{kind: http, url: "http://example.com/${{ inputs.name"}`), `x.yaml:19: run.url a placeholder is not closed`},
		{"an unknown method", definition("x", `{kind: http, url: "http://example.com/", method: FETCH}`), `x.yaml:19: run.method must be one of`},
		{"an invalid status", definition("x", `{kind: http, url: "http://example.com/", expect_status: [9000]}`), `x.yaml:19: run.expect_status[0]`},
		{"JSON as text", definition("x", `{kind: http, url: "http://example.com/", headers: {content-type: application/json}, body: '{"a": "${{ inputs.name }}"}'}`), `x.yaml:19: run.body is not plain text`},
	} {
		b := newBench(t, map[string]string{"x.yaml": c.text}, func(o *external.Options) { o.Reserved = []string{"get_run"} })
		if b.ids() != "" || !strings.Contains(b.problems(), c.want) {
			t.Errorf("%s: registered %q, problems %q", c.name, b.ids(), b.problems())
		}
	}
}

// TestDuplicateIDs checks that the first file owns an ID, that the next file
// gets it when the first is removed, and that built-in IDs can't be replaced.
func TestDuplicateIDs(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"a.yaml": runs(t, "same", "echo"), "b.yaml": runs(t, "same", "echo"), "c.yaml": runs(t, "c", "echo")})
	if want := "b.yaml:1: the id same is already used by a.yaml"; b.ids() != "c same" || b.problems() != want {
		t.Fatalf("%s; %s", b.ids(), b.problems())
	}
	b.remove("a.yaml")
	b.folder.Reload()
	if file, ok := b.folder.Origin("same"); b.ids() != "c same" || b.problems() != "" || !ok || file != "b.yaml" {
		t.Errorf("%s; %s; %s", b.ids(), b.problems(), file)
	}
	other := external.Open(external.Options{Dir: b.dir, Registry: b.registry})
	if len(other.Problems()) != 2 || !strings.Contains(other.Problems()[0].Err.Error(), "already used by a built-in executor") {
		t.Errorf("%v", other.Problems())
	}
}

// TestWritableFilesAreRefused checks that no definition or program is used that
// callers could change.
func TestWritableFilesAreRefused(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("making links takes a privilege there")
	}
	work := t.TempDir()
	cfg := policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: work, Write: true}}}}
	b := newBenchWith(t, cfg, nil)
	for name, text := range map[string]string{"linked.yaml": runs(t, "linked", "echo"), "script.py": "", "tree.yaml": "- {name: x}"} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(work, "linked.yaml"), b.path("a.yaml")); err != nil {
		t.Fatal(err)
	}
	b.write("b.yaml", definition("b", "{kind: command, command: [sh, "+quoted(filepath.Join(work, "script.py"))+"]}"))
	b.write("c.yaml", definition("c", "{kind: command, command: ["+quoted(filepath.Join(work, "script.py"))+"]}"))
	b.folder.Reload()
	if b.ids() != "" || strings.Count(b.problems(), "policy.files.roots.work (") != 3 {
		t.Errorf("%s; %s", b.ids(), b.problems())
	}
	inside := external.Open(external.Options{Dir: work, Registry: executortest.Registry(t, b.policy)})
	for _, problem := range inside.Problems() {
		if !strings.Contains(problem.Err.Error(), "lets callers write the executor's definition") {
			t.Error(problem.Err)
		}
	}
	if len(inside.Problems()) != 2 {
		t.Errorf("%v", inside.Problems())
	}
}

// TestFilesAreCheckedAtEachCall checks that a program, its script and an MCP
// server are not started once callers could have changed them.
func TestFilesAreCheckedAtEachCall(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("making links takes a privilege there")
	}
	work := t.TempDir()
	cfg := policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: work, Write: true}}}}
	fake := &fakePeers{tools: []external.PeerTool{{Name: "tool"}}}
	b := newBenchWith(t, cfg, nil, fake.in)
	own := t.TempDir()
	script := filepath.Join(own, "bin", "script")
	if err := os.Mkdir(filepath.Dir(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho {}\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.write("program.yaml", definition("program", "{kind: command, command: ["+quoted(script)+"]}"))
	b.write("script.yaml", definition("script", "{kind: command, command: [sh, "+quoted(script)+"]}"))
	b.write("server.yaml", "run: {kind: mcp, command: ["+quoted(script)+"]}")
	b.write("argument.yaml", "run: {kind: mcp, command: [sh, "+quoted(script)+"]}")
	b.folder.Reload()
	ids := []string{"program", "script", "server_tool", "argument_tool"}
	for _, id := range ids {
		if out := b.call(id, `{}`); out.Err != nil {
			t.Errorf("%s, before: %v; %s", id, out.Err, b.problems())
		}
	}
	if err := os.Rename(filepath.Dir(script), filepath.Join(work, "bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(work, "bin"), filepath.Dir(script)); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if out := b.call(id, `{}`); out.Err == nil || out.Err.Type != executors.PermissionDenied || !strings.Contains(out.Err.Message, "policy.files.roots.work (") {
			t.Errorf("%s: %+v", id, out.Err)
		}
	}
}

func TestUnreadableFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"big.yaml": strings.Repeat("#", 9<<20), "b.yaml": runs(t, "b", "echo")})
	if err := os.Mkdir(b.path("folder.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(b.path("deep/definition.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.folder.Reload()
	if b.ids() != "b" || !strings.Contains(b.problems(), "big.yaml:1: larger than 8 MiB") || !strings.Contains(b.problems(), "is a folder; it must be a regular file") {
		t.Errorf("%s; %s", b.ids(), b.problems())
	}
}
