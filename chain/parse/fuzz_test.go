package parse_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
)

// FuzzParse checks that nothing panics, that a refusal has problems, and that
// an accepted tree is valid: its source parses to the same tree, and its tasks
// can be run in some order.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/validate/*.golden")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if input, _, _ := bytes.Cut(content, []byte("\n---\n")); len(input) < 4096 {
			f.Add(input)
		}
	}
	reg := executortest.Registry(f, nil, builtin.All()...)
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, report := parse.Parse(data, reg, parse.Options{})
		for _, p := range append(report.Problems, report.Warnings...) {
			if p.Code == "" || p.Message == "" {
				t.Errorf("an empty problem: %+v", p)
			}
		}
		if tree == nil {
			if report.Valid() {
				t.Error("neither a tree nor a problem")
			}
			return
		}
		again(t, reg, tree)
		waits := make([]int, len(tree.Tasks))
		next := make([][]int, len(tree.Tasks))
		var ready []int
		for i, task := range tree.Tasks {
			if waits[i] = len(task.Dependencies); waits[i] == 0 {
				ready = append(ready, i)
			}
			for _, d := range task.Dependencies {
				next[d.Task] = append(next[d.Task], i)
			}
			if at, ok := tree.Index(task.ID); !ok || at != i {
				t.Errorf("%q is not found", task.ID)
			}
			if task.Definition == nil || task.Priority < chain.Urgent || task.Priority > chain.Low {
				t.Errorf("%+v", task)
			}
		}
		done := 0
		for ; done < len(ready); done++ {
			for _, i := range next[ready[done]] {
				if waits[i]--; waits[i] == 0 {
					ready = append(ready, i)
				}
			}
		}
		if done != len(tree.Tasks) {
			t.Errorf("%d of %d tasks can be run", done, len(tree.Tasks))
		}
	})
}
