package chain_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// registry holds the built-in executors. Validation never calls them.
func registry(t testing.TB, cfg policy.Config) *executors.Registry {
	t.Helper()
	pol, err := policy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := executors.NewRegistry(pol, zerolog.Nop(), builtin.All()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
		if err := pol.Close(); err != nil {
			t.Error(err)
		}
	})
	return reg
}

// Each file in testdata/validate is a tree, a line with ---, and what
// validation says about it. A new rule is a new file.
func TestValidate(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/validate/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	reg := registry(t, policy.Config{})
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".golden"), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := bytes.Cut(content, []byte("\n---\n"))
			tree, report := chain.Parse(input, reg, chain.ParseOptions{})
			got := describe(tree, report)
			if *update {
				if err := os.WriteFile(file, []byte(string(input)+"\n---\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("validation says otherwise (-want +got, -update writes it):\n%s", diff)
			}
			if tree != nil {
				again(t, reg, tree)
			}
		})
	}
}

// again checks that a tree's source is the tree.
func again(t *testing.T, reg *executors.Registry, tree *chain.Tree) {
	t.Helper()
	second, report := chain.Parse(tree.Source(), reg, chain.ParseOptions{})
	if !report.Valid() {
		t.Fatalf("the tree's own source is refused: %v", report.Problems)
	}
	if tree.Hash() != second.Hash() {
		t.Error("the source of a tree has another hash")
	}
	if diff := cmp.Diff(describe(tree, chain.Report{}), describe(second, chain.Report{})); diff != "" {
		t.Error(diff)
	}
}

// describe writes a report, and the tree where there is one.
func describe(tree *chain.Tree, report chain.Report) string {
	var b strings.Builder
	list := func(kind string, problems []chain.Problem) {
		for _, p := range problems {
			fmt.Fprintf(&b, "%s %s at %q\n    %s\n", kind, p.Code, p.Path, p.Message)
			if p.Hint != "" {
				fmt.Fprintf(&b, "    hint: %s\n", p.Hint)
			}
		}
	}
	list("problem", report.Problems)
	list("warning", report.Warnings)
	if tree == nil {
		return b.String()
	}
	b.WriteString("valid\n")
	for i := range tree.Tasks {
		describeTask(&b, tree, &tree.Tasks[i])
	}
	return b.String()
}

func describeTask(b *strings.Builder, tree *chain.Tree, t *chain.Task) {
	fmt.Fprintf(b, "%s: %s", t.ID, t.Executor)
	if t.Name != t.Executor {
		fmt.Fprintf(b, " %q", t.Name)
	}
	if t.Parent >= 0 {
		fmt.Fprintf(b, " under %s", tree.Tasks[t.Parent].ID)
	}
	for _, d := range t.Dependencies {
		fmt.Fprintf(b, " after %s", tree.Tasks[d.Task].ID)
		if !d.Required {
			b.WriteString("?")
		}
	}
	if t.Priority != chain.Normal {
		fmt.Fprintf(b, " priority %d", t.Priority)
	}
	if t.UserID != "" {
		fmt.Fprintf(b, " for %s", t.UserID)
	}
	if t.When != nil {
		b.WriteString(" when")
	}
	if t.ForEach != nil {
		fmt.Fprintf(b, " for each (%d at once)", t.MaxParallel)
	}
	if t.Timeout > 0 {
		fmt.Fprintf(b, " within %v", t.Timeout)
	}
	if t.Retry != nil {
		fmt.Fprintf(b, " up to %d times, %s %v to %v", t.Retry.MaxAttempts, t.Retry.Backoff, t.Retry.Initial, t.Retry.Max)
	}
	if t.AllowFailure {
		b.WriteString(" may fail")
	}
	b.WriteString("\n")
}

// The example trees of the repository are valid, and say so without warnings
// but for what policy closes.
func TestExampleTrees(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/trees/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no trees: %v", err)
	}
	reg := registry(t, policy.Config{})
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tree, report := chain.Parse(content, reg, chain.ParseOptions{})
		if len(report.Problems) > 0 || len(report.Warnings) > len(report.NotAllowed()) {
			t.Errorf("%s:\n%s", filepath.Base(file), describe(nil, report))
			continue
		}
		again(t, reg, tree)
	}
}
