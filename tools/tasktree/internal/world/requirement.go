package world

import (
	"path/filepath"
	"strings"
	"testing"
)

// Requirement is what a person wants of the world, with the effects that it asks
// for. The tree that has them is in the folder trees, under the same name.
type Requirement struct {
	Requirement string `yaml:"requirement"`
	// Wordings ask for the same in other words, such as a planner by rules reads.
	Wordings []string `yaml:"wordings"`
	// Dirty says what is odd about the data. Empty: nothing.
	Dirty  string `yaml:"dirty"`
	Wanted Wanted `yaml:"wanted"`
	// Inputs are the values that a plan may ask for.
	Inputs map[string]any `yaml:"inputs"`
	// Wrong are trees with a plausible mistake, by name: changes of the tree that
	// has the right effects.
	Wrong map[string][]Change `yaml:"wrong"`
}

// Change replaces a text of a tree, which is there once.
type Change struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// Folder is testdata/world of the repository, from a package beside this one.
const Folder = "../../../../testdata/world"

// Load reads the world of Folder and its requirements by name.
func Load(tb testing.TB) (*Data, map[string]Requirement) {
	tb.Helper()
	data, all := new(Data), map[string]Requirement{}
	Read(tb, filepath.Join(Folder, "world.yaml"), data)
	names, err := filepath.Glob(filepath.Join(Folder, "requirements", "*.yaml"))
	if err != nil || len(names) == 0 {
		tb.Fatalf("there are no requirements in %s: %v", Folder, err)
	}
	for _, name := range names {
		var each Requirement
		Read(tb, name, &each)
		all[strings.TrimSuffix(filepath.Base(name), ".yaml")] = each
	}
	return data, all
}
