package brief_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/tasktree/brief"
)

// configured is a policy with something of each kind, and the texts that no brief
// may have.
func configured(t *testing.T) (cfg policy.Config, hidden []string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	work, docs, file := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("tok-4711-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return policy.Config{
			Command: policy.Command{Programs: []policy.Program{{Name: "tidy", Path: program, Args: []string{"^--all$"}}, {Name: "tidy", Path: program, Args: []string{"^-v$"}}}},
			Files:   policy.Files{Roots: map[string]policy.Root{"work": {Path: work, Write: true}, "docs": {Path: docs}}},
			SSH:     policy.SSH{Hosts: []string{"web01", "bare.internal"}},
			Docker:  policy.Docker{Images: []string{"python:3.11"}},
			Connections: map[string]policy.Connection{
				"orders":  {Kind: "postgres", DSN: "postgres://ada:pw-4711-orders@db.internal/orders", Write: true},
				"archive": {Kind: "sqlite", DSN: filepath.Join(docs, "archive.db")},
				"mail":    {Kind: "smtp", Host: "smtp.internal", From: "ada@internal.example"},
				"web01":   {Kind: "ssh", Host: "web.internal", User: "ops-user"},
				"web02":   {Kind: "ssh", Host: "web.internal", User: "ops-user"},
				"shop":    {Kind: "grpc", Host: "shop.internal", TokenEnv: "SHOP_TOKEN"},
				"tickets": {Kind: "mcp", URL: "https://tickets.internal/mcp"},
			},
			Secrets: map[string]policy.Secret{
				"ANY_CALL":  {File: file, Hosts: []string{"api.internal"}},
				"ONLY_REST": {Env: "REST_VARIABLE", Hosts: []string{"api.internal"}, Executors: []string{"rest_executor"}},
				"ONLY_RUN":  {Env: "RUN_VARIABLE", Executors: []string{"command_executor"}},
			},
		}, []string{
			program, filepath.Base(program), work, docs, file, "archive.db", "--all", "4711", ".internal", "internal.example",
			"python:3.11", "ada", "ops-user", "SHOP_TOKEN", "REST_VARIABLE", "RUN_VARIABLE", "web02",
		}
}

// namesIn returns the lines of a brief with the configured names.
func namesIn(text string) string {
	_, after, _ := strings.Cut(text, "\nConfigured by the operator")
	_, lines, _ := strings.Cut(after, "\n\n")
	lines, _, _ = strings.Cut(lines, "\n\n")
	return strings.TrimSpace(lines)
}

// A brief has the names that its executors can use, and nothing more of them.
func TestNames(t *testing.T) {
	t.Parallel()
	cfg, hidden := configured(t)
	locked := cfg
	locked.ReadOnly = true
	const folders = "- folders, in paths such as `NAME:file.csv`: "
	for name, c := range map[string]struct {
		closed    bool // with an empty policy
		locked    bool // with policy.read_only
		executors []string
		opts      brief.Options
		want      []string
	}{
		"closed":                     {closed: true},
		"closed, one executor":       {closed: true, executors: []string{"db_query"}},
		"nothing that names one":     {executors: []string{"data_processor"}},
		"hidden":                     {opts: brief.Options{HideNames: true}},
		"hidden, all whole":          {opts: brief.Options{HideNames: true, Budget: 100000}},
		"a database":                 {executors: []string{"db_query"}, want: []string{"- connections: `archive` (sqlite), `orders` (postgres, write)", "- secrets: `ANY_CALL`"}},
		"mail":                       {executors: []string{"send_email_executor"}, want: []string{"- connections: `mail` (smtp)"}},
		"allowed hosts only":         {executors: []string{"ssh_executor"}, want: []string{"- connections: `web01` (ssh)", folders + "`docs` (read), `work` (read, write)", "- secrets: `ANY_CALL`"}},
		"gRPC":                       {executors: []string{"grpc_executor"}, want: []string{"- connections: `shop` (grpc)", folders + "`docs` (read), `work` (read, write)", "- secrets: `ANY_CALL`"}},
		"MCP":                        {executors: []string{"mcp_executor"}, want: []string{"- connections: `tickets` (mcp)", folders + "`docs` (read), `work` (read, write)", "- programs: `tidy`", "- secrets: `ANY_CALL`"}},
		"a program":                  {executors: []string{"command_executor"}, want: []string{folders + "`docs` (read), `work` (read, write)", "- programs: `tidy`", "- secrets: `ONLY_RUN`"}},
		"containers":                 {executors: []string{"docker_executor"}, want: []string{folders + "`docs` (read), `work` (read, write)"}},
		"reading files":              {executors: []string{"file_reader"}, want: []string{folders + "`docs` (read), `work` (read, write)"}},
		"only writing files":         {executors: []string{"file_writer"}, want: []string{folders + "`work` (read, write)"}},
		"requests":                   {executors: []string{"rest_executor"}, want: []string{"- secrets: `ANY_CALL`, `ONLY_REST`"}},
		"several":                    {executors: []string{"rest_executor", "send_email_executor", "file_writer"}, want: []string{"- connections: `mail` (smtp)", folders + "`work` (read, write)", "- secrets: `ANY_CALL`, `ONLY_REST`"}},
		"excluded":                   {executors: []string{"db_query", "file_reader"}, opts: brief.Options{Exclude: []string{"db_query"}}, want: []string{folders + "`docs` (read), `work` (read, write)"}},
		"what is needed":             {opts: brief.Options{Requirement: "Send an e-mail to the boss"}, want: []string{"- connections: `mail` (smtp)", folders + "`work` (read, write)", "- secrets: `ANY_CALL`, `ONLY_REST`"}},
		"read-only":                  {locked: true, executors: []string{"db_query", "file_reader", "file_writer"}, want: []string{"- connections: `archive` (sqlite), `orders` (postgres)", folders + "`docs` (read), `work` (read)", "- secrets: `ANY_CALL`"}},
		"read-only, changing":        {locked: true, executors: []string{"file_writer", "send_email_executor", "command_executor", "ssh_executor", "docker_executor", "grpc_executor"}},
		"a read-only caller":         {executors: []string{"db_query", "file_reader"}, opts: brief.Options{ReadOnly: true}, want: []string{"- connections: `archive` (sqlite), `orders` (postgres)", folders + "`docs` (read), `work` (read)", "- secrets: `ANY_CALL`"}},
		"a read-only caller, no use": {executors: []string{"file_writer", "send_email_executor", "command_executor"}, opts: brief.Options{ReadOnly: true}},
		"a read-only caller, MCP":    {executors: []string{"mcp_executor"}, opts: brief.Options{ReadOnly: true}, want: []string{"- connections: `tickets` (mcp)", folders + "`docs` (read), `work` (read)", "- secrets: `ANY_CALL`"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			used := cfg
			switch {
			case c.closed:
				used = policy.Config{}
			case c.locked:
				used = locked
			}
			opts := c.opts
			opts.Registry, opts.Allowed = executortest.Registry(t, executortest.Policy(t, used), builtin.All()...), c.executors
			text := brief.Make(opts).Text()
			if got, want := namesIn(text), strings.Join(c.want, "\n"); got != want {
				t.Errorf("the names are\n%s\nnot\n%s", got, want)
			}
			if (len(c.want) == 0) == strings.Contains(text, "Configured by the operator") {
				t.Error("the section is there exactly if it has a name")
			}
			opts.Registry = executortest.Registry(t, nil, builtin.All()...)
			before := brief.Make(opts).Text()
			for _, each := range hidden {
				if strings.Count(text, each) > strings.Count(before, each) {
					t.Errorf("the brief has %q", each)
				}
			}
		})
	}
}

// An executor of the user's own that is called like a built-in one uses only the
// secrets that are bound to it.
func TestNamesOfOthers(t *testing.T) {
	t.Parallel()
	cfg, _ := configured(t)
	for _, each := range builtin.All() {
		if each.Definition().ID != "command_executor" {
			continue
		}
		def := *each.Definition()
		def.BuiltIn = false
		reg := executortest.Registry(t, executortest.Policy(t, cfg), executors.New(&def, func(context.Context, *executors.Call, map[string]any) (map[string]any, error) { return nil, nil }))
		if got := namesIn(brief.Make(brief.Options{Registry: reg}).Text()); got != "- secrets: `ONLY_RUN`" {
			t.Errorf("the names are\n%s", got)
		}
	}
}

// At most eight names of a kind are listed, and none that is long or odd.
func TestManyNames(t *testing.T) {
	t.Parallel()
	for n, more := range map[int]string{7: "", 8: "", 9: ", 1 more", 30: ", 22 more"} {
		connections, shown := map[string]policy.Connection{}, []string{}
		for i := range n {
			name := fmt.Sprintf("mail%02d", i)
			connections[name] = policy.Connection{Kind: "smtp", Host: "mail.example.com"}
			if i < 8 {
				shown = append(shown, "`"+name+"` (smtp)")
			}
		}
		reg := executortest.Registry(t, executortest.Policy(t, policy.Config{Connections: connections}), builtin.All()...)
		got := namesIn(brief.Make(brief.Options{Registry: reg, Allowed: []string{"send_email_executor"}}).Text())
		if want := "- connections: " + strings.Join(shown, ", ") + more; got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	odd := map[string]policy.Connection{"mail": {Kind: "smtp", Host: "h"}, "a`b": {Kind: "smtp", Host: "h"}, "a\n- b": {Kind: "smtp", Host: "h"}, strings.Repeat("a", 65): {Kind: "smtp", Host: "h"}}
	reg := executortest.Registry(t, executortest.Policy(t, policy.Config{Connections: odd}), builtin.All()...)
	if got := namesIn(brief.Make(brief.Options{Registry: reg, Allowed: []string{"send_email_executor"}}).Text()); got != "- connections: `mail` (smtp), 3 more" {
		t.Error(got)
	}
}

// crowded is a policy with more of each kind than a brief lists, with long names.
func crowded(t *testing.T) policy.Config {
	t.Helper()
	cfg, _ := configured(t)
	program := cfg.Command.Programs[0].Path
	for i := range 20 {
		name := func(kind string) string { return fmt.Sprintf("%s_of_the_department_%02d", kind, i) }
		cfg.Command.Programs = append(cfg.Command.Programs, policy.Program{Name: name("program"), Path: program})
		cfg.Files.Roots[name("folder")] = policy.Root{Path: t.TempDir(), Write: true}
		cfg.Connections[name("database")] = policy.Connection{Kind: "postgres", DSN: "postgres://db/x"}
		cfg.Secrets[name("SECRET")] = policy.Secret{Env: "NOT_SET", Hosts: []string{"api.example.com"}}
	}
	return cfg
}
