package app_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/transport/app"
)

// Everything that the options name is out of callers' reach, and the refusal
// names both settings.
func TestTrustedPathsAreOutOfReach(t *testing.T) {
	t.Parallel()
	base, elsewhere := t.TempDir(), t.TempDir()
	work := filepath.Join(base, "work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	root := func(path string, write bool) app.Option {
		return app.WithPolicy(policy.Config{
			Audit: policy.Audit{Off: true}, Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: path, Write: write}}},
		})
	}
	in := func(name string) string { return filepath.Join(work, name) }
	memory := app.WithStore("memory")
	for name, c := range map[string]struct {
		want string // "" if it may start
		opts []app.Option
	}{
		"a store":                 {"store", []app.Option{root(work, true), app.WithStore("sqlite:" + in("runs.db"))}},
		"a store that is read":    {"store", []app.Option{root(work, false), app.WithStore("sqlite:" + in("runs.db"))}},
		"the data folder":         {"data_dir", []app.Option{root(work, true), memory, app.WithDataDir(in("data"))}},
		"the data folder, read":   {"data_dir", []app.Option{root(base, false), memory, app.WithDataDir(in("data"))}},
		"saved trees":             {"trees", []app.Option{root(work, true), memory, app.WithTrees(in("trees"))}},
		"executors":               {"executors_dir", []app.Option{root(work, true), memory, app.WithExecutorsDir(in("own"))}},
		"executors around a root": {"executors_dir", []app.Option{root(work, true), memory, app.WithExecutorsDir(base)}},
		"the configuration":       {"the configuration file", []app.Option{root(work, true), memory, app.WithConfigFile(in("c.yaml"), false)}},
		"an approved one":         {"", []app.Option{root(work, true), memory, app.WithConfigFile(in("c.yaml"), true)}},
		"trees that are read":     {"", []app.Option{root(work, false), memory, app.WithTrees(in("trees"))}},
		"all elsewhere": {"", []app.Option{
			root(work, true), app.WithDataDir(elsewhere), app.WithTrees(filepath.Join(elsewhere, "trees")), app.WithConfigFile(filepath.Join(elsewhere, "c.yaml"), false),
		}},
	} {
		server, err := app.New(t.Context(), append(c.opts, app.WithoutBuiltin())...)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want == "":
			if err := server.Close(t.Context()); err != nil {
				t.Error(err)
			}
		case err == nil || !strings.Contains(err.Error(), "policy.files.roots.work (") || !strings.Contains(err.Error(), " "+c.want+" ("):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// trustedMembers are all kinds of files that the server trusts, each named by a
// setting. The functions return the settings that name the file at path.
var trustedMembers = map[string]struct {
	setting string
	file    string // the name that the file has
	options func(path string) ([]app.Option, policy.Config)
}{
	"a program": inPolicy("policy.command.programs[0].path", func(path string) policy.Config {
		return policy.Config{Command: policy.Command{Programs: []policy.Program{{Path: path}}}}
	}),
	"the audit trail": inPolicy("policy.audit.path", func(path string) policy.Config { return policy.Config{Audit: policy.Audit{Path: path}} }),
	"a secret": inPolicy("policy.secrets.s.file", func(path string) policy.Config {
		return policy.Config{Secrets: map[string]policy.Secret{"s": {File: path, Hosts: []string{"a.example"}}}}
	}),
	"a key":                connected("key_file", func(c *policy.Connection, path string) { c.KeyFile = path }),
	"known hosts":          connected("known_hosts", func(c *policy.Connection, path string) { c.KnownHosts = path }),
	"a password":           connected("password_file", func(c *policy.Connection, path string) { c.PasswordFile = path }),
	"a connection's CA":    overHTTP("ca_file", func(c *policy.Connection, path string) { c.CAFile = path }),
	"a connection's token": overHTTP("token_file", func(c *policy.Connection, path string) { c.TokenFile = path }),
	"the kept audit trail": {"policy.audit.path", "audit.kept.jsonl", func(path string) ([]app.Option, policy.Config) {
		return nil, policy.Config{Audit: policy.Audit{Path: filepath.Join(filepath.Dir(path), "audit.jsonl")}}
	}},
	"the store":           stored(""),
	"the store's log":     stored("-wal"),
	"the store's index":   stored("-shm"),
	"the store's journal": stored("-journal"),
	"the data folder":     named("data_dir", app.WithDataDir),
	"saved trees":         named("trees", app.WithTrees),
	"executors":           named("executors_dir", app.WithExecutorsDir),
	"the configuration":   named("the configuration file", func(path string) app.Option { return app.WithConfigFile(path, false) }),
	"the token of a caller": named("http.tokens.ci.file", func(path string) app.Option {
		return app.WithHTTP(app.HTTP{Tokens: []app.Token{{Name: "ci", File: path}}})
	}),
}

type trustedMember = struct {
	setting, file string
	options       func(path string) ([]app.Option, policy.Config)
}

func inPolicy(setting string, config func(path string) policy.Config) trustedMember {
	return trustedMember{setting, "member", func(path string) ([]app.Option, policy.Config) { return nil, config(path) }}
}

func connected(setting string, change func(*policy.Connection, string)) trustedMember {
	return inPolicy("policy.connections.c."+setting, func(path string) policy.Config {
		c := policy.Connection{Kind: "ssh", Host: "h", User: "u"}
		change(&c, path)
		return policy.Config{Connections: map[string]policy.Connection{"c": c}}
	})
}

func overHTTP(setting string, change func(*policy.Connection, string)) trustedMember {
	return inPolicy("policy.connections.c."+setting, func(path string) policy.Config {
		c := policy.Connection{Kind: "mcp", URL: "https://a.example"}
		change(&c, path)
		return policy.Config{Connections: map[string]policy.Connection{"c": c}}
	})
}

func named(setting string, option func(string) app.Option) trustedMember {
	return trustedMember{setting, "member", func(path string) ([]app.Option, policy.Config) { return []app.Option{option(path)}, policy.Config{} }}
}

func stored(suffix string) trustedMember {
	return trustedMember{"store", "runs.db" + suffix, func(path string) ([]app.Option, policy.Config) {
		return []app.Option{app.WithStore("sqlite:" + strings.TrimSuffix(path, suffix))}, policy.Config{}
	}}
}

// Each kind of trusted file is refused wherever callers could write it: in a
// writable root, through a link, below a root, and before it exists.
func TestNoTrustedFileIsInAWritableRoot(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("making links takes a privilege on Windows")
	}
	for name, m := range trustedMembers {
		for _, place := range []string{"in a root", "by a link", "below a root", "by a link, before it exists", "before it exists", "elsewhere"} {
			base := t.TempDir()
			work, own := filepath.Join(base, "work"), filepath.Join(base, "own")
			path, root := filepath.Join(own, m.file), work
			for _, dir := range []string{work, own} {
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			target := path
			switch place {
			case "in a root", "before it exists":
				path = filepath.Join(work, m.file)
				target = path
			case "below a root":
				root = base
			case "by a link", "by a link, before it exists":
				target = filepath.Join(work, "planted")
				if err := os.Symlink(target, path); err != nil {
					t.Fatal(err)
				}
			}
			exists := !strings.Contains(place, "before")
			switch {
			case !exists:
			case m.setting == "data_dir", m.setting == "trees", m.setting == "executors_dir":
				if err := os.Mkdir(target, 0o700); err != nil {
					t.Fatal(err)
				}
			case m.setting == "store": // an empty file is no store
			default:
				if err := os.WriteFile(target, nil, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			opts, cfg := m.options(path)
			cfg.Audit.Off = cfg.Audit.Path == ""
			cfg.Files.Roots = map[string]policy.Root{"work": {Path: root, Write: true}}
			if m.setting != "store" {
				opts = append(opts, app.WithStore("memory"))
			}
			err := start(t, opts, cfg, strings.HasPrefix(m.setting, "policy."))
			switch {
			case place == "elsewhere" && err != nil:
				t.Errorf("%s, %s: %v", name, place, err)
			case place == "elsewhere":
			case name == "a program" && !exists && err != nil: // it must exist
			case err == nil || !strings.Contains(err.Error(), "policy.files.roots.work (") || !strings.Contains(err.Error(), m.setting+" ("):
				t.Errorf("%s, %s: %v", name, place, err)
			}
		}
	}
}

// start returns the error of a server with these settings, or of its policy
// alone, which starts faster.
func start(t *testing.T, opts []app.Option, cfg policy.Config, alone bool) error {
	t.Helper()
	if alone {
		pol, err := policy.New(cfg)
		if err != nil {
			return err
		}
		return pol.Close()
	}
	server, err := app.New(t.Context(), append(opts, app.WithoutBuiltin(), app.WithPolicy(cfg))...)
	if err != nil {
		return err
	}
	return server.Close(t.Context())
}
