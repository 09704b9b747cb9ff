package external_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/policy"
)

// bench is a folder of definitions and the registry that it fills.
type bench struct {
	t        *testing.T
	dir      string
	policy   *policy.Policy
	registry *executors.Registry
	folder   *external.Folder
}

func newBench(t *testing.T, files map[string]string, change ...func(*external.Options)) *bench {
	t.Helper()
	return newBenchWith(t, policy.Config{}, files, change...)
}

func newBenchWith(t *testing.T, cfg policy.Config, files map[string]string, change ...func(*external.Options)) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), policy: executortest.Policy(t, cfg)}
	for name, text := range files {
		b.write(name, text)
	}
	b.registry = executortest.Registry(t, b.policy)
	b.registry.CheckOutputs(false)
	opts := external.Options{Dir: b.dir, Registry: b.registry, Log: zerolog.New(zerolog.NewTestWriter(t)), Every: 5 * time.Millisecond}
	for _, each := range change {
		each(&opts)
	}
	b.folder = external.Open(opts)
	t.Cleanup(func() {
		if err := b.folder.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, filepath.FromSlash(name)) }

func (b *bench) write(name, text string) {
	b.t.Helper()
	path := b.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) remove(name string) {
	b.t.Helper()
	if err := os.Remove(b.path(name)); err != nil {
		b.t.Fatal(err)
	}
}

// ids returns the registered IDs, separated by spaces.
func (b *bench) ids() string {
	var list []string
	for _, each := range b.registry.All() {
		list = append(list, each.Definition().ID)
	}
	return strings.Join(list, " ")
}

// watch starts the watch. await waits until exactly these ids are registered.
func (b *bench) watch() (await func(want string)) {
	changed := make(chan struct{}, 100)
	b.registry.OnChange(func() { changed <- struct{}{} })
	b.folder.Watch()
	return func(want string) {
		b.t.Helper()
		limit := time.NewTimer(executortest.Patience)
		defer limit.Stop()
		for b.ids() != want {
			select {
			case <-changed:
			case <-limit.C:
				b.t.Fatalf("registered are %q, not %q; problems: %s", b.ids(), want, b.problems())
			}
		}
	}
}

func (b *bench) problems() string {
	var list []string
	for _, each := range b.folder.Problems() {
		list = append(list, each.Err.Error())
	}
	return strings.Join(list, "\n")
}

func (b *bench) call(id, inputs string) executors.Outcome {
	b.t.Helper()
	return executortest.Call(b.t, b.registry, id, inputs)
}

// definition returns a definition with the given run section.
func definition(id, section string) string {
	return fmt.Sprintf(`id: %s
title: A test's executor
description: Does what a test needs.
toolset: tests
annotations: {read_only: false, destructive: false, idempotent: false, open_world: false}
timeout: {default: 30, ceiling: 60}
input_schema:
  type: object
  properties:
    name: {type: string}
    answer: {type: string}
    note: {type: string}
    code: {type: integer}
    n: {type: number}
    flag: {type: boolean}
    list: {type: array, items: {}}
    object: {type: object}
output_schema: {type: object, properties: {}}
run: %s
`, id, section)
}

// runs returns a definition that runs one of the test program's programs.
func runs(t testing.TB, id, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return definition(id, fmt.Sprintf("{kind: command, command: [%s], env: {%s: %s, OWN: own}}", quoted(self), helperVariable, name))
}

func quoted(text string) string {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
