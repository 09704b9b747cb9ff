package policy_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

func TestExposed(t *testing.T) {
	t.Parallel()
	work, fixed, own := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{"work/kept", "own"} {
		base := map[string]string{"work": work, "own": own}[filepath.Dir(dir)]
		if err := os.MkdirAll(filepath.Join(base, filepath.Base(dir)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	pol, err := policy.New(policy.Config{Files: policy.Files{Roots: map[string]policy.Root{
		"work":  {Path: work, Write: true},
		"kept":  {Path: filepath.Join(work, "kept")},
		"fixed": {Path: fixed},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pol.Close() })
	cases := map[string]bool{
		filepath.Join(work, "a.py"):         true,
		filepath.Join(work, "none", "a.py"): true,
		work:                                true,
		filepath.Join(work, "kept", "a.py"): false,
		filepath.Join(fixed, "a.py"):        false,
		filepath.Join(own, "a.py"):          false,
	}
	if runtime.GOOS != "windows" { // making links takes a privilege there
		link := filepath.Join(own, "link")
		if err := os.Symlink(work, link); err != nil {
			t.Fatal(err)
		}
		cases[filepath.Join(link, "a.py")] = true
		outward := filepath.Join(work, "outward")
		if err := os.Symlink(own, outward); err != nil {
			t.Fatal(err)
		}
		cases[filepath.Join(outward, "a.py")] = true // the link can be changed
	}
	for path, want := range cases {
		if root, got := pol.Exposed(path); got != want || got && root != "work" {
			t.Errorf("%s: %v by %q", path, got, root)
		}
	}
}
