package world

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// World is what trees act on. The policy opens its API, its folder (work), its
// database (shop) and its mail server (mail), and nothing else.
type World struct {
	// Registry has the built-in executors.
	Registry *executors.Registry
	// URL is the address of the API.
	URL string

	tb       testing.TB
	runner   chain.Engine
	data     *Data
	folder   string
	database string
	files    map[string]string // as they were in the beginning
	rows     map[string][]string
	model    *llmtest.Server

	mu       sync.Mutex
	answered []int // replies that each route has given
	requests []Request
	mails    []Mail
}

// New starts a world, which ends with the test.
func New(tb testing.TB, data *Data) *World {
	tb.Helper()
	w := &World{tb: tb, data: data, folder: tb.TempDir(), database: filepath.Join(tb.TempDir(), "shop.db"), answered: make([]int, len(data.API))}
	w.URL = w.serve()
	for name, text := range data.Files {
		if err := os.WriteFile(filepath.Join(w.folder, name), text.bytes(tb, w.URL), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	w.exec(data.SQL)
	w.files, w.rows = w.readFiles(), w.readRows()
	all := builtin.All()
	stack, err := toolstest.New(toolstest.Bare(), toolstest.WithExecutors(all...), toolstest.WithPolicy(policy.Config{
		// Nothing listens at port 1.
		Network: policy.Network{Allow: []string{strings.TrimPrefix(w.URL, "http://"), "127.0.0.1:1"}},
		Files:   policy.Files{Roots: map[string]policy.Root{"work": {Path: w.folder, Write: true}}},
		Connections: map[string]policy.Connection{
			"shop": {Kind: "sqlite", DSN: w.database, Write: true},
			"mail": w.listenMail(),
		},
	}))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := stack.Close(); err != nil {
			tb.Error(err)
		}
	})
	stack.Registry.CheckOutputs(true)
	w.Registry, w.runner = stack.Registry, stack.Runner
	if len(data.Model) > 0 {
		w.model = llmtest.New(tb, llmtest.Script{Steps: data.Model})
		llm.Connect(w.model.Client(llm.Settings{Model: "scripted"}), all...)
	}
	return w
}

// Text fills in the address of the API.
func (w *World) Text(text string) string { return strings.ReplaceAll(text, "URL", w.URL) }

// Run runs a tree to its end.
func (w *World) Run(tree *chain.Tree, inputs map[string]any) *chain.RunView {
	w.tb.Helper()
	started, err := chain.Start(w.tb.Context(), w.runner, tree, chain.RunOptions{Inputs: inputs})
	if err != nil {
		w.tb.Fatalf("%v\n%s", err, tree.Source())
	}
	view, err := w.runner.Wait(w.tb.Context(), started.ID, "")
	if err != nil {
		w.tb.Fatal(err)
	}
	return view
}
