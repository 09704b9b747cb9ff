package policy_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

// grounds are a writable root, a read-only root inside it, a readable root, and
// a folder outside.
type grounds struct{ base, work, kept, fixed, own string }

func newGrounds(t *testing.T) grounds {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g := grounds{base, filepath.Join(base, "work"), filepath.Join(base, "work", "kept"), filepath.Join(base, "fixed"), filepath.Join(base, "own")}
	for _, dir := range []string{g.work, g.kept, g.fixed, g.own} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func (g grounds) roots() map[string]policy.Root {
	return map[string]policy.Root{"work": {Path: g.work, Write: true}, "kept": {Path: g.kept}, "fixed": {Path: g.fixed}}
}

func link(t *testing.T, target, name string) string {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCheckTrusted(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("making links takes a privilege on Windows")
	}
	g := newGrounds(t)
	p := open(t, policy.Config{Files: policy.Files{Roots: g.roots()}})
	put(t, filepath.Join(g.own, "plain"), "x")
	put(t, filepath.Join(g.own, "twin"), "x")
	put(t, filepath.Join(g.own, "pair"), "x")
	for from, to := range map[string]string{filepath.Join(g.own, "twin"): filepath.Join(g.work, "twin"), filepath.Join(g.own, "pair"): filepath.Join(g.own, "pair2")} {
		if err := os.Link(from, to); err != nil {
			t.Fatal(err)
		}
	}
	inward := link(t, g.work, filepath.Join(g.own, "inward"))
	outward := link(t, g.own, filepath.Join(g.work, "outward"))
	chained := link(t, filepath.Join(outward, "plain"), filepath.Join(g.own, "chained"))
	dangling := link(t, filepath.Join(g.work, "later"), filepath.Join(g.own, "dangling"))
	aside := link(t, filepath.Join("..", "fixed"), filepath.Join(g.own, "aside"))
	for name, c := range map[string]struct {
		t    policy.Trusted
		root string
	}{
		"directly":                   {policy.Trusted{Path: filepath.Join(g.work, "a")}, "work"},
		"before it exists":           {policy.Trusted{Path: filepath.Join(g.work, "none", "a")}, "work"},
		"the root itself":            {policy.Trusted{Path: g.work}, "work"},
		"by a link":                  {policy.Trusted{Path: filepath.Join(inward, "a")}, "work"},
		"by a link in the root":      {policy.Trusted{Path: filepath.Join(outward, "plain")}, "work"},
		"by a link to such a link":   {policy.Trusted{Path: chained}, "work"},
		"by a link to what is new":   {policy.Trusted{Path: dangling}, "work"},
		"by a hard link":             {policy.Trusted{Path: filepath.Join(g.own, "twin")}, "work"},
		"a program by a hard link":   {policy.Trusted{Path: filepath.Join(g.own, "twin"), Program: true}, "work"},
		"hard links elsewhere":       {policy.Trusted{Path: filepath.Join(g.own, "pair")}, ""},
		"a folder around the root":   {policy.Trusted{Path: g.base, Folder: true}, "work"},
		"a file's folder around it":  {policy.Trusted{Path: g.base}, ""},
		"in an inner read-only root": {policy.Trusted{Path: filepath.Join(g.kept, "a")}, ""},
		"private there":              {policy.Trusted{Path: filepath.Join(g.kept, "a"), Private: true}, "kept"},
		"in a readable root":         {policy.Trusted{Path: filepath.Join(g.fixed, "a")}, ""},
		"private in a readable root": {policy.Trusted{Path: filepath.Join(g.fixed, "a"), Private: true}, "fixed"},
		"private by a link":          {policy.Trusted{Path: filepath.Join(aside, "a"), Private: true}, "fixed"},
		"outside":                    {policy.Trusted{Path: filepath.Join(g.own, "plain"), Private: true}, ""},
		"outside, and new":           {policy.Trusted{Path: filepath.Join(g.own, "new", "a"), Private: true, Folder: true}, ""},
		"beside, with a like name":   {policy.Trusted{Path: g.work + "shop"}, ""},
	} {
		c.t.Setting = "some.setting"
		err := p.CheckTrusted(c.t)
		switch {
		case c.root == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.root != "":
			message := denied(t, err).Message
			if !strings.Contains(message, "policy.files.roots."+c.root+" ") || !strings.Contains(message, "some.setting") {
				t.Errorf("%s: %q does not name both settings", name, message)
			}
		}
	}
	if _, err := p.OpenTrusted(policy.Trusted{Setting: "s", Path: chained}); err == nil {
		t.Error("a file was opened through a link that callers can change")
	}
	file, err := p.OpenTrusted(policy.Trusted{Setting: "s", Path: filepath.Join(g.own, "plain")})
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(file); string(data) != "x" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	_ = file.Close()
}

// Every path that the policy names is checked at the start.
func TestThePolicysOwnPathsAreTrusted(t *testing.T) {
	t.Parallel()
	g := newGrounds(t)
	at := filepath.Join(g.work, "planted")
	if err := os.WriteFile(at, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ssh := policy.Connection{Kind: "ssh", Host: "h", User: "u"}
	with := func(change func(*policy.Connection)) policy.Config {
		c := ssh
		change(&c)
		return policy.Config{Connections: map[string]policy.Connection{"c": c}}
	}
	for setting, cfg := range map[string]policy.Config{
		"command.programs[0].path":    {Command: policy.Command{Programs: []policy.Program{{Path: at}}}},
		"audit.path":                  {Audit: policy.Audit{Path: filepath.Join(g.work, "audit.jsonl")}},
		"secrets.token.file":          {Secrets: map[string]policy.Secret{"token": {File: at, Hosts: []string{"a.example"}}}},
		"connections.c.key_file":      with(func(c *policy.Connection) { c.KeyFile = at }),
		"connections.c.known_hosts":   with(func(c *policy.Connection) { c.KnownHosts = at }),
		"connections.c.password_file": with(func(c *policy.Connection) { c.PasswordFile = at }),
		"connections.c.ca_file": with(func(c *policy.Connection) {
			c.Kind, c.Host, c.User, c.URL, c.CAFile = "mcp", "", "", "https://a.example", at
		}),
		"connections.c.token_file": with(func(c *policy.Connection) {
			c.Kind, c.Host, c.User, c.URL, c.TokenFile = "mcp", "", "", "https://a.example", at
		}),
	} {
		cfg.Files.Roots = g.roots()
		_, err := policy.New(cfg)
		if err == nil || !strings.Contains(err.Error(), "policy.files.roots.work (") || !strings.Contains(err.Error(), "policy."+setting+" (") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// The file that is opened decides, not the text of its path.
func TestAReadOnlyRootIsNotWrittenThroughALink(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("making links takes a privilege on Windows")
	}
	g := newGrounds(t)
	put(t, filepath.Join(g.kept, "a.txt"), "kept")
	if err := os.MkdirAll(filepath.Join(g.kept, "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	link(t, "kept", filepath.Join(g.work, "to-kept"))
	link(t, "to-kept", filepath.Join(g.work, "twice"))
	link(t, filepath.Join("kept", "deep"), filepath.Join(g.work, "to-deep"))
	link(t, filepath.Join("kept", "a.txt"), filepath.Join(g.work, "file"))
	if err := os.Link(filepath.Join(g.kept, "a.txt"), filepath.Join(g.work, "hard")); err != nil {
		t.Fatal(err)
	}
	p := open(t, policy.Config{Files: policy.Files{Roots: g.roots()}})
	for _, path := range []string{
		"to-kept/a.txt", "twice/a.txt", "to-kept/new.txt", "to-kept/made/new.txt", "to-deep/new.txt", "file", "hard",
	} {
		for _, mode := range []policy.WriteMode{policy.Create, policy.Overwrite, policy.Append} {
			if _, err := p.WriteFile("work:"+path, []byte("x"), mode); err == nil {
				t.Errorf("%s was written (%s)", path, mode)
			}
		}
		if _, err := p.FilePath("work:"+path, true); err == nil {
			t.Errorf("%s was given to a library for writing", path)
		}
	}
	if get(t, filepath.Join(g.kept, "a.txt")) != "kept" {
		t.Error("the file was changed")
	}
	for _, name := range []string{"new.txt", "made", "deep/new.txt"} {
		if _, err := os.Lstat(filepath.Join(g.kept, name)); err == nil {
			t.Errorf("%s was created", name)
		}
	}
	if _, err := p.WriteFile("work:made/new.txt", []byte("x"), policy.Create); err != nil {
		t.Error(err)
	}
}

func TestAProtectedFileIsNotWritten(t *testing.T) {
	t.Parallel()
	g := newGrounds(t)
	own := filepath.Join(g.work, "chainwright.yaml")
	put(t, own, "own")
	p, err := policy.New(policy.Config{Files: policy.Files{Roots: g.roots()}}, policy.WithProtected(own))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	for range 2 { // while it exists, and when it is gone
		for _, path := range []string{own, "work:chainwright.yaml", "work:./chainwright.yaml"} {
			for _, mode := range []policy.WriteMode{policy.Create, policy.Overwrite, policy.Append} {
				if _, err := p.WriteFile(path, []byte("x"), mode); err == nil {
					t.Errorf("%s was written", path)
				}
			}
		}
		if err := os.Remove(own); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if _, err := p.WriteFile("work:other.yaml", []byte("x"), policy.Create); err != nil {
		t.Error(err)
	}
}

// A folder that becomes a link into a root after the start is found when a file
// in it is used.
func TestTrustedFilesAreCheckedAtUse(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("making links takes a privilege on Windows")
	}
	g := newGrounds(t)
	private := filepath.Join(g.own, "private")
	at := func(name string) string { return filepath.Join(private, name) }
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"secret", "password", "token", "ca"} {
		put(t, at(name), "long enough")
	}
	if err := os.WriteFile(at("program"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var reported []error
	p, err := policy.New(policy.Config{
		Files:   policy.Files{Roots: g.roots()},
		Command: policy.Command{Programs: []policy.Program{{Path: at("program")}}},
		Secrets: map[string]policy.Secret{"s": {File: at("secret"), Hosts: []string{"a.example"}}},
		Audit:   policy.Audit{Path: at("audit.jsonl")},
		Connections: map[string]policy.Connection{
			"ssh": {Kind: "ssh", Host: "h", User: "u", PasswordFile: at("password"), KnownHosts: at("known_hosts")},
			"mcp": {Kind: "mcp", URL: "https://a.example", TokenFile: at("token"), CAFile: at("ca")},
		},
	}, policy.WithReport(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		reported = append(reported, err)
	}))
	if err != nil {
		t.Fatal(err)
	}
	uses := map[string]func() error{
		"program":  func() error { _, err := p.Program("program", nil); return err },
		"secret":   func() error { _, err := p.Secret(t.Context(), "s", "x", "https://a.example"); return err },
		"password": func() error { _, err := p.Password("ssh"); return err },
		"token":    func() error { _, err := p.Headers(t.Context(), "mcp"); return err },
		"ca":       func() error { _, err := p.Authority("mcp"); return err },
	}
	for name, use := range uses {
		if err := use(); err != nil && name != "ca" { // that is no certificate
			t.Errorf("%s, before: %v", name, err)
		}
	}
	if err := os.Rename(private, filepath.Join(g.work, "private")); err != nil {
		t.Fatal(err)
	}
	link(t, filepath.Join(g.work, "private"), private)
	for name, use := range uses {
		if err := use(); err == nil || !strings.Contains(err.Error(), "policy.files.roots.work (") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"audit.jsonl", "audit.kept.jsonl"} { // as a rotation does
		if err := os.Rename(at(name), at(name+".1")); err != nil {
			t.Fatal(err)
		}
	}
	p.Audit(policy.Line{Executor: "x", Effect: "write"})
	_ = p.Close() // it returns the first of the errors
	mu.Lock()
	defer mu.Unlock()
	if len(reported) != 2 || !strings.Contains(errors.Join(reported...).Error(), "policy.files.roots.work (") {
		t.Errorf("%v", reported)
	}
	for _, name := range []string{"audit.jsonl", "audit.kept.jsonl"} {
		if _, err := os.Stat(at(name)); err == nil {
			t.Errorf("%s was made in a root", name)
		}
	}
}
