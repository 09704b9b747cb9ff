package policy_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

// folders creates a writable root "work", a read-only root "docs", and a folder
// outside of them.
func folders(t *testing.T) (p *policy.Policy, work, docs, outside string) {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	work, docs, outside = filepath.Join(base, "work"), filepath.Join(base, "docs"), filepath.Join(base, "outside")
	for _, dir := range []string{work, filepath.Join(work, "sub"), docs, outside} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(work, "a.txt"), "inside")
	put(t, filepath.Join(work, "sub", "b.txt"), "below")
	put(t, filepath.Join(docs, "d.txt"), "document")
	put(t, filepath.Join(outside, "secret.txt"), "outside")
	p = open(t, policy.Config{Files: policy.Files{Roots: map[string]policy.Root{
		"work": {Path: work, Write: true}, "docs": {Path: docs},
	}}})
	return p, work, docs, outside
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func read(p *policy.Policy, path string) (string, error) {
	f, _, err := p.OpenRead(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	return string(data), err
}

func TestPathForms(t *testing.T) {
	t.Parallel()
	p, work, docs, _ := folders(t)
	for path, want := range map[string]string{
		filepath.Join(work, "a.txt"):        "inside",
		filepath.Join(work, "sub", "b.txt"): "below",
		work + "/./sub//b.txt":              "below",
		"work:a.txt":                        "inside",
		"work:sub/b.txt":                    "below",
		"work:/sub/b.txt":                   "below",
		"docs:d.txt":                        "document",
		filepath.Join(docs, "d.txt"):        "document",
	} {
		if got, err := read(p, path); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", path, got, err, want)
		}
	}
	if _, err := read(p, "a.txt"); !strings.Contains(denied(t, err).Hint, "work: (") {
		t.Errorf("a relative path with two roots: %v", err)
	}
	one := open(t, policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: work}}}})
	if got, err := read(one, "sub/b.txt"); err != nil || got != "below" {
		t.Errorf("a relative path with one root: %q, %v", got, err)
	}
	closed := open(t, policy.Config{})
	if _, err := read(closed, filepath.Join(work, "a.txt")); !strings.Contains(denied(t, err).Hint, "policy.files.roots") {
		t.Error("the hint does not name the setting")
	}
}

func TestMissingFileIsNoRefusal(t *testing.T) {
	t.Parallel()
	p, _, _, _ := folders(t)
	_, err := read(p, "work:none.txt")
	var d *policy.Denied
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &d) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(err.Error(), "work:none.txt") {
		t.Errorf("%q does not name the path", err)
	}
}

func TestHostilePathsAreRefused(t *testing.T) {
	t.Parallel()
	p, work, _, outside := folders(t)
	for _, path := range []string{
		"", ".", "..", "/", "/etc/passwd", "/proc/self/environ", "/dev/zero", "/sys/kernel/notes",
		"work:..", "work:../outside/secret.txt", "work:sub/../../outside/secret.txt", "work:sub/../a.txt", "docs:../work/a.txt",
		work + "/../outside/secret.txt", filepath.Join(outside, "secret.txt"), work + "x", work + "/../docs/d.txt",
		"work:a.txt\x00.png", "\x00", "work:" + strings.Repeat("n", 300), "work:" + strings.Repeat("n/", 3000),
		"work:", "work:sub", work, "none:a.txt", "WORK:a.txt", "~/a.txt", "file://" + work + "/a.txt",
	} {
		_, err := read(p, path)
		denied(t, err)
		if path == "work:sub" || path == work || path == "work:" {
			continue // folders: writing them is refused too, below
		}
		_, err = p.WriteFile(path, []byte("x"), policy.Overwrite)
		denied(t, err)
	}
	for _, path := range []string{"work:sub", "work:", work} {
		_, err := p.WriteFile(path, nil, policy.Overwrite)
		denied(t, err)
	}
	if get(t, filepath.Join(outside, "secret.txt")) != "outside" {
		t.Error("a file outside was changed")
	}
}

func TestWriteModes(t *testing.T) {
	t.Parallel()
	p, work, _, _ := folders(t)
	target := filepath.Join(work, "new", "deep", "f.txt")
	path, err := p.WriteFile("work:new/deep/f.txt", []byte("one"), policy.Create)
	if err != nil || path != target || get(t, target) != "one" {
		t.Fatalf("create: %q, %v", path, err)
	}
	if _, err := p.WriteFile(target, []byte("two"), policy.Create); !errors.Is(err, fs.ErrExist) || get(t, target) != "one" {
		t.Errorf("create over a file: %v", err)
	}
	if err := os.Chmod(target, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteFile(target, []byte("three"), policy.Overwrite); err != nil || get(t, target) != "three" {
		t.Errorf("overwrite: %v", err)
	}
	if info, _ := os.Stat(target); info.Mode().Perm() != 0o640 {
		t.Errorf("overwriting changed the permissions to %v", info.Mode())
	}
	if _, err := p.WriteFile(target, []byte("+four"), policy.Append); err != nil || get(t, target) != "three+four" {
		t.Errorf("append: %v", err)
	}
	if _, err := p.WriteFile("work:log.txt", []byte("first"), policy.Append); err != nil || get(t, filepath.Join(work, "log.txt")) != "first" {
		t.Errorf("append to a new file: %v", err)
	}
	noTemporaryFiles(t, work)
}

func noTemporaryFiles(t *testing.T, dir string) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.Contains(filepath.Base(path), ".chainwright-") {
			t.Errorf("%s was left behind", path)
		}
		return err
	})
}

func TestAbortLeavesEverythingAsItWas(t *testing.T) {
	t.Parallel()
	p, work, _, _ := folders(t)
	for _, mode := range []policy.WriteMode{policy.Overwrite, policy.Append} {
		w, err := p.OpenWrite("work:a.txt", mode)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("half of it")); err != nil {
			t.Fatal(err)
		}
		w.Abort()
		if got := get(t, filepath.Join(work, "a.txt")); got != "inside" {
			t.Errorf("%s: %q", mode, got)
		}
	}
	noTemporaryFiles(t, work)
}

func TestReadOnlyRootsAndServers(t *testing.T) {
	t.Parallel()
	p, work, docs, _ := folders(t)
	_, err := p.WriteFile("docs:d.txt", []byte("x"), policy.Overwrite)
	if d := denied(t, err); !strings.Contains(d.Hint, "policy.files.roots.docs.write: true") {
		t.Errorf("hint %q", d.Hint)
	}
	if get(t, filepath.Join(docs, "d.txt")) != "document" {
		t.Error("the file was changed")
	}
	closed := open(t, policy.Config{ReadOnly: true, Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: work, Write: true}}}})
	_, err = closed.WriteFile("work:a.txt", []byte("x"), policy.Overwrite)
	if d := denied(t, err); !strings.Contains(d.Hint, "policy.read_only") {
		t.Errorf("hint %q", d.Hint)
	}
}

func TestInnerRootKeepsItsOwnRule(t *testing.T) {
	t.Parallel()
	_, work, _, _ := folders(t)
	p := open(t, policy.Config{Files: policy.Files{Roots: map[string]policy.Root{
		"all": {Path: work, Write: true}, "frozen": {Path: filepath.Join(work, "sub")},
	}}})
	for _, path := range []string{"all:sub/b.txt", "frozen:b.txt", filepath.Join(work, "sub", "b.txt"), "all:sub/new.txt"} {
		_, err := p.WriteFile(path, []byte("x"), policy.Overwrite)
		denied(t, err)
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	p, work, _, _ := folders(t)
	if dir, err := p.Dir("work:sub"); err != nil || dir != filepath.Join(work, "sub") {
		t.Errorf("%q, %v", dir, err)
	}
	if dir, err := p.Dir(work); err != nil || dir != work {
		t.Errorf("%q, %v", dir, err)
	}
	if _, err := p.Dir("work:a.txt"); err == nil {
		t.Error("a file passed as a folder")
	}
	_, err := p.Dir("/etc")
	denied(t, err)
}

func TestFilePath(t *testing.T) {
	t.Parallel()
	p, work, _, _ := folders(t)
	if path, err := p.FilePath("work:a.txt", false); err != nil || path != filepath.Join(work, "a.txt") {
		t.Errorf("%q, %v", path, err)
	}
	if path, err := p.FilePath("work:new.db", true); err != nil || path != filepath.Join(work, "new.db") {
		t.Errorf("%q, %v", path, err)
	}
	if _, err := p.FilePath("work:new.db", false); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, path := range []string{"docs:new.db", "/etc/passwd", "work:sub"} {
		_, err := p.FilePath(path, true)
		denied(t, err)
	}
}
