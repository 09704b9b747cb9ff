package parse_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
)

// Each file in testdata/validate is a tree, a line with ---, and the report of
// its validation. Add a file for a new rule.
func TestGoldenValidation(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/validate/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	reg := executortest.Registry(t, nil, builtin.All()...)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".golden"), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, _, _ := bytes.Cut(content, []byte("\n---\n"))
			tree, report := parse.Parse(input, reg, parse.Options{})
			executortest.Golden(t, file, []byte(string(input)+"\n---\n"+describe(tree, report)))
			if tree != nil {
				again(t, reg, tree)
			}
		})
	}
}

// again checks that a tree's source parses to the same tree.
func again(t *testing.T, reg *executors.Registry, tree *chain.Tree) {
	t.Helper()
	second, report := parse.Parse(tree.Source(), reg, parse.Options{})
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

// describe writes a report, and the tree if it is valid.
func describe(tree *chain.Tree, report chain.Report) string {
	var b strings.Builder
	list := func(kind string, problems []chain.Problem) {
		for _, p := range problems {
			fmt.Fprintf(&b, "%s %s at %q\n    %s\n", kind, p.Code, p.Path, p.Message)
			if p.Line > 0 {
				fmt.Fprintln(&b, p.Excerpt())
			}
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
	for _, out := range tree.Outputs {
		fmt.Fprintf(&b, "output %s\n", out.Name)
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
		if len(t.RetryOn) > 0 {
			fmt.Fprintf(b, " on %s", strings.Join(t.RetryOn, ", "))
		}
	}
	if t.AllowFailure {
		b.WriteString(" may fail")
	}
	b.WriteString("\n")
}

// The example trees of the repository are valid. Their only warnings are about
// executors that policy closes.
func TestExampleTrees(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/trees/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no trees: %v", err)
	}
	reg := executortest.Registry(t, nil, builtin.All()...)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tree, report := parse.Parse(content, reg, parse.Options{})
		if len(report.Problems) > 0 || len(report.Warnings) > len(report.NotAllowed()) {
			t.Errorf("%s:\n%s", filepath.Base(file), describe(nil, report))
			continue
		}
		again(t, reg, tree)
	}
}
