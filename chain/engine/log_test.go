package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors/command"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// After kill -9, what was stored of a log can be read, and the next attempt
// follows it.
func TestLogAfterAKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	id, kill := startChild(t, path, `[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"says":"first words\n","mark":"a","sleep":29}}]`)
	b := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{Lease: shortLease}, policy.Config{})
	b.AwaitLog(t, id, "a", "first words\n") // in the store, by another process
	kill()
	if list := b.Pages(t, id, "a", chain.AnyElement, 0); len(list) != 1 || list[0].Text != "first words\n" || list[0].Ended {
		t.Errorf("after the kill: %+v", list)
	}
	b.engine.Adopt(anything)
	b.AwaitLog(t, id, "a", "first words\nfirst words\n")
	list := b.Pages(t, id, "a", chain.AnyElement, 0)
	if len(list) != 2 || list[0].Next != 12 || list[1].Offset != 12 {
		t.Errorf("after it was taken over: %+v", list)
	}
	if _, err := b.Cancel(t.Context(), id, "", ""); err != nil {
		t.Fatal(err)
	}
}

// A log that comes as fast as it can be written keeps its end, and takes little
// memory.
func TestLogOf100MB(t *testing.T) { // not parallel: it measures memory
	const line, times = "a line of the log of exactly one hundred bytes, which a program writes again and again, for ever....\n", 1_000_000
	b := newBench(t, stores["sqlite"](t), engine.Options{}, policy.Config{})
	var id string
	peak := executortest.Peak(func() {
		id = b.RunTree(t, fmt.Sprintf(`[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"says":%q,"says_times":%d}}]`, line, times), chain.RunOptions{}).RunID
	})
	if peak > 32<<20 {
		t.Errorf("it took %d MiB", peak>>20)
	}
	var kept, dropped int64
	for _, p := range b.Pages(t, id, "a", chain.AnyElement, 0) {
		kept, dropped = kept+int64(len(p.Text)), dropped+p.Dropped
	}
	if kept+dropped != int64(len(line)*times) || kept < 1<<20 || kept > 1<<20+64<<10 {
		t.Errorf("%d kept, %d dropped of %d", kept, dropped, len(line)*times)
	}
}

// A shell command that prints slowly is read while it runs, without the secret that
// it prints in two parts: in the view, in the store's files and after its end.
func TestLogOfACommand(t *testing.T) {
	t.Parallel()
	shell, err := os.Stat("/bin/sh")
	if err != nil || shell.IsDir() {
		t.Skip("there is no /bin/sh here")
	}
	dir := t.TempDir()
	gate := filepath.Join(dir, "gate")
	cfg := policy.Config{Command: policy.Command{Programs: []policy.Program{{Name: "sh", Path: realPath(t, "/bin/sh"), Env: []string{"KEY", "GATE"}}}}}
	vault := executortest.NewVault(t, cfg, policy.Secret{Executors: []string{"command_executor"}}, command.New())
	kept := sqlite.Open(filepath.Join(dir, "runs.db"), sqlite.Options{})
	runner := engine.New(engine.Options{Registry: vault.Registry, Store: kept, Log: zerolog.New(vault)})
	const script = `rest=${KEY#??????????}; start=${KEY%"$rest"}
		echo begins; printf 'it is %s' "$start"; while ! [ -e "$GATE" ]; do sleep 0.05; done
		printf '%s.\n' "$rest"; echo ends >&2`
	tree, report := parse.Parse([]byte(fmt.Sprintf(`[{"id": "a", "schemas": {"method": "command_executor"}, "inputs": {"command": ["sh", "-c", %q], "env": {"KEY": %q, "GATE": %q}}}]`,
		script, executortest.Hole, gate)), vault.Registry, parse.Options{})
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	vault.Uses()
	run, err := chain.Start(t.Context(), runner, tree, chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	read := func() (text string, ended bool) {
		page, err := runner.Log(t.Context(), run.ID, "a", "", chain.AnyElement, 0)
		if err != nil {
			t.Fatal(err)
		}
		executortest.CheckHidden(t, "the log", page.Text)
		return page.Text, page.Ended
	}
	executortest.Await(t, "the first part", func() bool { text, _ := read(); return text == "begins\nit is " })
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	executortest.Await(t, "the end", func() bool { _, ended := read(); return ended })
	if text, _ := read(); text != "begins\nit is [secret].\nends\n" && text != "begins\nit is ends\n[secret].\n" {
		t.Errorf("the log: %q", text)
	}
	for _, closing := range []func() error{func() error { return runner.Close(t.Context()) }, kept.Close} {
		if err := closing(); err != nil {
			t.Error(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "runs.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		executortest.CheckHidden(t, file, string(raw))
	}
}

func realPath(t *testing.T, path string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

// A process that shares the store reads the log of a run of another one.
func TestLogOfAnotherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	b := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{}, policy.Config{})
	id := b.RunTree(t, `[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"says":"a text that is easy to find"}}]`, chain.RunOptions{}).RunID
	if err := b.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	shared := sqlite.Open(path, sqlite.Options{})
	closeStore(t, shared)
	reader := engine.New(engine.Options{Registry: b.Registry, Store: shared})
	page, err := reader.Log(t.Context(), id, "a", "", chain.AnyElement, 0)
	if err != nil || !page.Ended || page.Text != "a text that is easy to find" {
		t.Errorf("by another process: %+v, %v", page, err)
	}
	if err := reader.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Logs of a run that has many keep their ends only.
func TestManyLogs(t *testing.T) {
	t.Parallel()
	b := newBench(t, stores["memory"](t), engine.Options{}, policy.Config{})
	text := strings.Repeat("0123456789abcdef", 4096*17) // 1 MiB and more
	id := b.RunTree(t, fmt.Sprintf(`[{"id":"a","name":"a","schemas":{"method":"probe"},"for_each":"${{ [range(80)] }}","max_parallel":1,"inputs":{"says":%q}}]`, text), chain.RunOptions{}).RunID
	var bytesOf [80]int
	for _, p := range b.Pages(t, id, "a", chain.AnyElement, 0) {
		bytesOf[*p.Element] += len(p.Text)
	}
	if first, last := bytesOf[0], bytesOf[79]; first < 1<<20 || last > 64<<10 || last < 16<<10 {
		t.Errorf("the first element keeps %d bytes, the last %d", first, last)
	}
}
