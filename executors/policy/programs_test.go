//go:build unix

package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

// toolbox makes a folder with a few programs and links to them.
func toolbox(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"git", "bash", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"git-link": "git", "sneaky": "bash", "sh": "bash"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "plain"), "no program")
	return dir
}

func programs(list ...policy.Program) policy.Config {
	return policy.Config{Command: policy.Command{Programs: list}}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	dir := toolbox(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	p := open(t, programs(
		policy.Program{Path: in("git"), Args: []string{"^(status|log)$", `^--max-count=\d+$`}},
		policy.Program{Path: in("git"), Args: []string{"^version$"}},
		policy.Program{Path: in("bash"), Name: "python"},
		policy.Program{Path: in("sh")},
	))
	for _, c := range []struct {
		name string
		args string
		want string // empty: refused
		says string
	}{
		{"git", "status", in("git"), ""},
		{"git", "", in("git"), ""},
		{"git", "log --max-count=3", in("git"), ""},
		{"git", "version", in("git"), ""},
		{in("git"), "status", in("git"), ""},
		{in("git-link"), "status", in("git"), ""},
		{dir + "/./git", "status", in("git"), ""},
		{"python", "-c anything", in("bash"), ""},
		{"sh", "-c x", in("sh"), ""},
		{"git", "push", "", "policy.command.programs[0].args"},
		{"git", "status push", "", `"push"`},
		{"git", "log version", "", "is not allowed for"},
		{"git", "--max-count=3;id", "", "--max-count=3;id"},
		{"bash", "", "", "policy.command.programs"},
		{"other", "", "", "policy.command.programs: [{path: /path/to/other}]"},
		{in("other"), "", "", in("other")},
		{"/bin/cat", "/etc/passwd", "", "policy.command.programs: [{path: /bin/cat}]"},
		{"./git", "status", "", "is not allowed"},
		{"../git", "status", "", "is not allowed"},
		{"", "", "", "is not allowed"},
		{".", "", "", "is not allowed"},
		{"git\x00", "status", "", "NUL"},
		{"git", "status\x00", "", "NUL"},
		{"GIT", "status", "", "allowed are git, python, sh"},
	} {
		got, err := p.Program(c.name, strings.Fields(c.args))
		if c.want != "" {
			if err != nil || got != c.want {
				t.Errorf("%q %q: %q, %v", c.name, c.args, got, err)
			}
			continue
		}
		if d := denied(t, err); got != "" || !strings.Contains(d.Message+" "+d.Hint, c.says) || d.Field != "command" {
			t.Errorf("%q %q: %q; %q, %q", c.name, c.args, got, d.Message, d.Hint)
		}
	}
}

func TestProgramsThatAreRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	dir := toolbox(t)
	for name, says := range map[string]string{
		"sneaky": "is " + filepath.Join(dir, "bash") + " under another name",
		"plain":  "is no program",
		"":       "is no program",
	} {
		_, err := policy.New(programs(policy.Program{Path: filepath.Join(dir, name)}))
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "policy.command.programs[0].path") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestATurnedLinkIsNoticed(t *testing.T) {
	t.Parallel()
	dir := toolbox(t)
	link := filepath.Join(dir, "git-link")
	p := open(t, programs(policy.Program{Path: link}))
	if _, err := p.Program("git-link", nil); err != nil {
		t.Fatal(err)
	}
	updated := filepath.Join(dir, "updated")
	if err := os.WriteFile(updated, []byte("#!/bin/sh\n# newer\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(updated, filepath.Join(dir, "git")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Program("git-link", nil); err != nil {
		t.Errorf("after an update in its place: %v", err)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("bash", link); err != nil {
		t.Fatal(err)
	}
	_, err := p.Program("git-link", nil)
	denied(t, err)
}

func TestShellIsOffUnlessOpened(t *testing.T) {
	t.Parallel()
	if _, _, ok := open(t, policy.Config{}).Shell(); ok {
		t.Error("the shell is open by default")
	}
	p := open(t, policy.Config{Command: policy.Command{Shell: true}})
	if path, option, ok := p.Shell(); !ok || path != "/bin/sh" || option != "-c" {
		t.Errorf("%q, %q, %v", path, option, ok)
	}
}

func TestHomeIsExpanded(t *testing.T) {
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	put(t, filepath.Join(home, "a.txt"), "at home")
	p := open(t, policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"home": {Path: "~"}}}})
	if got, err := read(p, "home:a.txt"); err != nil || got != "at home" {
		t.Errorf("%q, %v", got, err)
	}
}

func BenchmarkProgram(b *testing.B) {
	p, err := policy.New(programs(policy.Program{Path: "/usr/bin/env"}))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for b.Loop() {
		if _, err := p.Program("env", []string{"a"}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestVariablesThatSteerAreRefused(t *testing.T) {
	t.Parallel()
	dir := toolbox(t)
	git, other := filepath.Join(dir, "git"), filepath.Join(dir, "other")
	p := open(t, programs(policy.Program{Path: git, Env: []string{"GIT_DIR"}}, policy.Program{Path: other}))
	for _, c := range []struct {
		path, name string
		ok         bool
	}{
		{git, "GIT_DIR", true},
		{git, "CITY", true},
		{other, "token", true},
		{other, "GIT_DIR", false},
		{git, "GIT_EXTERNAL_DIFF", false},
		{git, "LD_PRELOAD", false},
		{git, "DYLD_INSERT_LIBRARIES", false},
		{git, "PATH", false},
		{git, "path", false},
		{git, "BASH_ENV", false},
		{git, "PYTHONPATH", false},
		{git, "NODE_OPTIONS", false},
		{git, "HTTPS_PROXY", false},
		{git, "", false},
		{git, "A=B", false},
		{git, "A\x00", false},
		{git, "1A", false},
	} {
		err := p.Environment(c.path, []string{"FINE", c.name})
		if c.ok && err != nil {
			t.Errorf("%s for %s: %v", c.name, c.path, err)
		}
		if !c.ok && denied(t, err).Field != "env" {
			t.Errorf("%s for %s: %v", c.name, c.path, err)
		}
	}
	shell := open(t, policy.Config{Command: policy.Command{Shell: true}})
	if err := shell.Environment("/bin/sh", []string{"PATH"}); err != nil {
		t.Errorf("with the shell open: %v", err)
	}
}
