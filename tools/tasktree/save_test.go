package tasktree_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools/tasktree"
)

func TestSave(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "trees")
	reg, _ := with(t, inFolder(folder))
	in := map[string]any{"requirement": machine, "llm_provider": "builtin", "save": true}
	out, err := call(t, reg, in)
	if err != nil {
		t.Fatal(err)
	}
	if out.Saved != "measure-cpu-and-memory-in-parallel-and-write" {
		t.Errorf("saved as %q", out.Saved)
	}
	data, readErr := os.ReadFile(filepath.Join(folder, out.Saved+".json"))
	if readErr != nil {
		t.Fatal(readErr)
	}
	tree, report := parse.Parse(data, reg, parse.Options{})
	if !report.Valid() || len(tree.Tasks) != 3 || tree.Name != out.Saved {
		t.Errorf("%v", report.Problems)
	}
	again, err := call(t, reg, in)
	if err != nil || again.Saved != out.Saved {
		t.Errorf("the same plan again: %q, %v", again.Saved, err)
	}
	in["save"], in["requirement"] = out.Saved, "Measure the disk and write a report"
	refused, err := call(t, reg, in)
	if err == nil || err.Field != "save" || refused.Count != 2 {
		t.Errorf("a name that is taken: %v, %+v", err, refused)
	}
	if now, _ := os.ReadFile(filepath.Join(folder, out.Saved+".json")); string(now) != string(data) {
		t.Error("the saved tree was replaced")
	}
	entries, _ := os.ReadDir(folder)
	if len(entries) != 1 {
		t.Errorf("%d files are there", len(entries))
	}
	reg, _ = with(t)
	if _, err = call(t, reg, map[string]any{"requirement": machine, "llm_provider": "builtin", "save": true}); err == nil || err.Field != "save" {
		t.Errorf("without a folder: %v", err)
	}
}

// A name can't be a path.
func TestSaveNames(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	folder := filepath.Join(base, "trees")
	reg, _ := with(t, inFolder(folder))
	for _, name := range []string{
		"", ".", "..", "../x", "a/b", `a\b`, `..\x`, "/etc/x", `C:\x`, "~/x", ".hidden", "-x", "_x", "a.json", "a b", "a\n", "a\x00", "ä", "${{ inputs.x }}", "$HOME", strings.Repeat("x", 65),
	} {
		out, err := call(t, reg, map[string]any{"requirement": machine, "llm_provider": "builtin", "save": name})
		if err == nil || err.Type != executors.ValidationError || err.Field != "save" || out.Saved != "" {
			t.Errorf("%q was taken: %q, %v", name, out.Saved, err)
		}
	}
	// A name that is made from a requirement is valid.
	out, err := call(t, reg, map[string]any{"requirement": "Measure the CPU and save it to ../../x/etc/passwd.txt", "llm_provider": "builtin", "save": true})
	if err != nil || out.Saved != "measure-the-cpu-and-save-it-to-x-etc-passwd-txt" {
		t.Errorf("saved as %q, %v", out.Saved, err)
	}
	if entries, _ := os.ReadDir(base); len(entries) != 1 {
		t.Errorf("something is beside the folder: %v", entries)
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 1 {
		t.Errorf("%d files are in the folder", len(entries))
	}
}

// If several callers save different trees under one name at the same time, one
// tree is stored completely, and the other callers get an error. Generated
// names are different.
func TestSaveAtOnce(t *testing.T) {
	t.Parallel()
	const writers = 12
	folder := filepath.Join(t.TempDir(), "trees")
	reg, _ := with(t, inFolder(folder))
	for _, save := range []any{"mine", true} {
		outs, refused := make([]tasktree.Output, writers), make([]*executors.Error, writers)
		var saving sync.WaitGroup
		for i := range writers {
			saving.Go(func() {
				outs[i], refused[i] = call(t, reg, map[string]any{"requirement": machine, "llm_provider": "builtin", "save": save, "user_id": fmt.Sprint("user", i)})
			})
		}
		saving.Wait()
		names := map[string]int{}
		for i := range writers {
			if refused[i] != nil {
				if refused[i].Field != "save" || refused[i].Type != executors.ValidationError || outs[i].Saved != "" {
					t.Errorf("%v: %v, saved as %q", save, refused[i], outs[i].Saved)
				}
				continue
			}
			if before, twice := names[outs[i].Saved]; twice {
				t.Errorf("%v: %d and %d both have %s", save, before, i, outs[i].Saved)
			}
			names[outs[i].Saved] = i
		}
		if want := map[any]int{"mine": 1, true: writers}[save]; len(names) != want {
			t.Errorf("%v: %d were saved, want %d", save, len(names), want)
		}
		for name, i := range names {
			data, err := os.ReadFile(filepath.Join(folder, name+".json"))
			if err != nil || !json.Valid(data) || !strings.Contains(string(data), fmt.Sprintf(`"user%d"`, i)) {
				t.Errorf("%s is not the tree of %d: %v\n%s", name, i, err, data)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".saving-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
