package world_test

import (
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools/tasktree/internal/world"
)

// Every solution has exactly the effects that its requirement asks for, and the
// judge refuses the effects of every wrong tree.
func TestTrees(t *testing.T) {
	t.Parallel()
	data, all := world.Load(t)
	dirty := 0
	for name, each := range all {
		if each.Dirty != "" {
			dirty++
		}
		if len(each.Wrong) < 2 {
			t.Errorf("%s has %d wrong trees; want two or more", name, len(each.Wrong))
		}
		solution, err := os.ReadFile(filepath.Join(world.Folder, "trees", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			view, effects := act(t, data, string(solution))
			if verdict := world.Judge(each.Wanted, effects); !verdict.Right() {
				t.Errorf("%s\nthe run is %s\n%s%s", each.Requirement, view.Status, verdict, failures(view))
			}
			for what, spoiled := range spoil(effects) {
				if world.Judge(each.Wanted, spoiled).Right() {
					t.Errorf("the judge does not see that %s: %+v", what, spoiled)
				}
			}
		})
		for i, mistake := range slices.Sorted(maps.Keys(each.Wrong)) {
			if i > 0 && executortest.Slower > 1 {
				break
			}
			t.Run(name+" but "+mistake, func(t *testing.T) {
				t.Parallel()
				tree := string(solution)
				for _, change := range each.Wrong[mistake] {
					if strings.Count(tree, change.From) != 1 {
						t.Fatalf("%q is in the tree %d times; want once", change.From, strings.Count(tree, change.From))
					}
					tree = strings.Replace(tree, change.From, change.To, 1)
				}
				view, effects := act(t, data, tree)
				verdict := world.Judge(each.Wanted, effects)
				if verdict.Right() {
					t.Errorf("%s\nthe judge accepts the wrong tree; the run is %s%s", each.Requirement, view.Status, failures(view))
				}
				t.Logf("%s\n%s%s", view.Status, verdict, failures(view))
			})
		}
	}
	if len(all) < 20 || dirty < 8 {
		t.Errorf("there are %d requirements, %d of them with dirty data", len(all), dirty)
	}
}

var given = flag.String("trees", "", "judge the trees of this folder: NAME.yaml for the requirement NAME of testdata/world")

// TestGiven judges trees that somebody else planned, such as a model:
//
//	go test ./tools/tasktree/internal/world -run TestGiven -v -args -trees /folder
//
// It fails if a tree does harm, and counts those that are right.
func TestGiven(t *testing.T) {
	if *given == "" {
		t.Skip("-trees names no folder")
	}
	data, all := world.Load(t)
	count := map[string]int{}
	for name, each := range all {
		text, err := os.ReadFile(filepath.Join(*given, name+".yaml"))
		if errors.Is(err, os.ErrNotExist) {
			count["not there"]++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		w := world.New(t, data)
		tree, report := parse.Parse([]byte(w.Text(string(text))), w.Registry, parse.Options{})
		if tree == nil {
			count["not valid"]++
			t.Logf("%s is not valid: %v", name, report.Problems)
			continue
		}
		view := w.Run(tree, nil)
		verdict := world.Judge(each.Wanted, w.Effects(view))
		outcome := "right"
		switch {
		case verdict.Right():
		case len(verdict.Wrong) > 0:
			outcome = "harmful"
			t.Errorf("%s does harm; the run is %s\n%s%s", name, view.Status, verdict, failures(view))
		default:
			outcome = "incomplete"
			t.Logf("%s is incomplete; the run is %s\n%s%s", name, view.Status, verdict, failures(view))
		}
		count[outcome]++
	}
	t.Logf("of %d requirements: %v", len(all), count)
}

// act runs a tree in a world of its own.
func act(t *testing.T, data *world.Data, text string) (*chain.RunView, world.Effects) {
	t.Helper()
	w := world.New(t, data)
	tree, report := parse.Parse([]byte(w.Text(text)), w.Registry, parse.Options{})
	if tree == nil {
		t.Fatalf("the tree is not valid: %v\n%s", report.Problems, text)
	}
	view := w.Run(tree, nil)
	return view, w.Effects(view)
}

func failures(view *chain.RunView) string {
	var list strings.Builder
	for _, task := range view.Tasks {
		if task.Error != "" || task.Status == chain.Skipped {
			list.WriteString("\n" + task.ID + " is " + string(task.Status) + ": " + task.Error)
		}
	}
	return list.String()
}
