package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
)

// named is a policy with names of each kind, and what no caller may see of it.
func named(t *testing.T) (cfg policy.Config, hidden []string) {
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
		Command: policy.Command{Programs: []policy.Program{{Name: "tidy", Path: program}, {Name: "git", Path: program}}},
		Files:   policy.Files{Roots: map[string]policy.Root{"work": {Path: work, Write: true}, "docs": {Path: docs}}},
		SSH:     policy.SSH{Hosts: []string{"web01", "bare.example"}},
		Docker:  policy.Docker{Images: []string{"python:3.11"}},
		Network: policy.Network{Allow: []string{"127.0.0.1:4810"}},
		Connections: map[string]policy.Connection{
			"orders":  {Kind: "postgres", DSN: "postgres://ada:pw-4711-orders@db.internal/orders", Write: true},
			"archive": {Kind: "sqlite", DSN: filepath.Join(docs, "archive.db")},
			"mail":    {Kind: "smtp", Host: "smtp.internal", From: "ada@internal.example"},
			"web01":   {Kind: "ssh", Host: "web.internal", User: "ops-user"},
			"shop":    {Kind: "grpc", Host: "shop.internal", TokenEnv: "SHOP_TOKEN"},
			"tickets": {Kind: "mcp", URL: "https://tickets.internal/mcp"},
		},
		Secrets: map[string]policy.Secret{
			"API_TOKEN": {File: file, Hosts: []string{"api.example"}},
			"RUN_TOKEN": {Env: "RUN_VARIABLE", Executors: []string{"command_executor"}},
		},
	}, []string{program, work, docs, file, "archive.db", "4711", ".internal", "internal.example", "ops-user", "SHOP_TOKEN", "RUN_VARIABLE"}
}

// shown returns what the description of a tool says of this server, as a caller
// sees it; "-" if the caller does not see the tool.
func shown(ctx context.Context, set *tools.Set, name string) string {
	tool, ok := set.Lookup(name)
	if ok {
		tool, ok = set.ForCaller(ctx, tool)
	}
	if !ok {
		return "-"
	}
	before, _, _ := strings.Cut(tool.Description, " Example: ")
	_, here, _ := strings.Cut(before, " Here: ")
	return here
}

// The descriptions have the names that the caller may use, and only those.
func TestNamesInDescriptions(t *testing.T) {
	t.Parallel()
	cfg, hidden := named(t)
	readOnly, closed := cfg, policy.Config{}
	readOnly.ReadOnly = true
	all := map[string]string{
		"file_reader": "folders docs (read), work (read, write).", "file_writer": "folders work (read, write).",
		"command_executor": "programs git, tidy.", "docker_executor": "images python:3.11.",
		"db_query":            "connections archive (sqlite), orders (postgres, write).",
		"send_email_executor": "connections mail (smtp).", "ssh_executor": "connections web01 (ssh); hosts bare.example.",
		"grpc_executor": "connections shop (grpc).", "mcp_executor": "connections tickets (mcp).",
		"rest_executor": "local hosts 127.0.0.1:4810; secrets API_TOKEN (api.example).", "scrape_executor": "local hosts 127.0.0.1:4810.",
		"data_processor": "", "run_task_tree": "",
	}
	reading := map[string]string{
		"file_reader": "folders docs (read), work (read).", "file_writer": "-", "command_executor": "-", "docker_executor": "-",
		"db_query": "connections archive (sqlite), orders (postgres).", "send_email_executor": "-", "ssh_executor": "-", "grpc_executor": "-",
		"rest_executor": "local hosts 127.0.0.1:4810; secrets API_TOKEN (api.example).", "data_processor": "",
	}
	for name, c := range map[string]struct {
		cfg    policy.Config
		opts   func(*tools.Options)
		caller *tools.Caller
		want   map[string]string
	}{
		"local":           {cfg: cfg, want: all},
		"all scopes":      {cfg: cfg, caller: scoped("tools:read", "tools:call"), want: all},
		"only reading":    {cfg: cfg, caller: scoped("tools:read"), want: map[string]string{"file_reader": "", "command_executor": "", "db_query": "", "rest_executor": ""}},
		"one tool":        {cfg: cfg, caller: scoped("tools:read", "tools:call", "tool:db_query"), want: map[string]string{"db_query": all["db_query"], "file_reader": "-", "rest_executor": "-"}},
		"one toolset":     {cfg: cfg, caller: scoped("tools:read", "tools:call", "toolset:files"), want: map[string]string{"db_query": "-", "file_reader": all["file_reader"], "rest_executor": "-"}},
		"excluded":        {cfg: cfg, opts: func(o *tools.Options) { o.Exclude = []string{"file_reader"} }, want: map[string]string{"file_reader": "-", "file_writer": all["file_writer"]}},
		"excluded header": {cfg: cfg, caller: &tools.Caller{Narrow: &tools.Selection{Exclude: []string{"rest_executor"}}}, want: map[string]string{"rest_executor": "-", "db_query": all["db_query"]}},
		"read-only":       {cfg: readOnly, want: reading},
		"read-only set":   {cfg: cfg, opts: func(o *tools.Options) { o.ReadOnly = true }, want: reading},
		"read-only call":  {cfg: cfg, caller: &tools.Caller{Narrow: &tools.Selection{ReadOnly: true}}, want: reading},
		"closed":          {cfg: closed, want: map[string]string{"file_reader": "-", "command_executor": "-", "rest_executor": "", "grpc_executor": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			if c.caller != nil {
				ctx = tools.WithCaller(ctx, c.caller)
			}
			set := set(t, c.cfg, c.opts)
			for tool, want := range c.want {
				if got := shown(ctx, set, tool); got != want {
					t.Errorf("%s: %q, want %q", tool, got, want)
				}
			}
			for _, tool := range set.Tools() {
				for _, each := range hidden {
					if strings.Contains(tool.Description, each) {
						t.Errorf("%s: %q is in the description", tool.Name, each)
					}
				}
			}
		})
	}
}

func scoped(scopes ...string) *tools.Caller {
	return &tools.Caller{Scopes: scopes, Narrow: tools.Scopes(scopes).Selection()}
}

// describe_executor and executor://ID have all names of each kind, for callers
// that may use them.
func TestNamesOfADescribedExecutor(t *testing.T) {
	t.Parallel()
	cfg, hidden := named(t)
	for i := range 12 {
		cfg.Files.Roots[fmt.Sprintf("more%02d", i)] = policy.Root{Path: t.TempDir()}
	}
	set := set(t, cfg, func(o *tools.Options) { o.Discovery = true })
	type described struct {
		Names map[string][]struct{ Name, Note string }
	}
	for id, want := range map[string]map[string]int{
		"file_reader":      {"folders": 14},
		"ssh_executor":     {"connections": 1, "hosts": 1, "folders": 14, "secrets": 1},
		"command_executor": {"programs": 2, "folders": 14, "secrets": 1},
		"rest_executor":    {"local_hosts": 1, "secrets": 1},
		"data_processor":   {},
	} {
		e := call(t, set, "describe_executor", `{"executor":"`+id+`"}`)
		if e.Truncated {
			t.Fatalf("%s: %s", id, e.Preview)
		}
		var got described
		e.get(t, &got)
		counts := map[string]int{}
		for kind, list := range got.Names {
			counts[kind] = len(list)
		}
		if fmt.Sprint(counts) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", id, got.Names, want)
		}
		for _, each := range hidden {
			if strings.Contains(string(e.Result), each) {
				t.Errorf("%s: %q is in the result", id, each)
			}
		}
	}
	for name, c := range map[string]struct {
		caller *tools.Caller
		want   bool
	}{
		"local":     {&tools.Caller{}, true},
		"excluded":  {&tools.Caller{Narrow: &tools.Selection{Exclude: []string{"file_reader"}}}, false},
		"no calls":  {scoped("tools:read"), false},
		"its scope": {scoped("tools:read", "tools:call", "tool:file_reader"), true},
		"another":   {scoped("tools:read", "tools:call", "tool:db_query"), false},
	} {
		raw, _ := set.ReadExecutor(tools.WithCaller(t.Context(), c.caller), "file_reader")
		var got described
		if raw != nil {
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
		}
		if (len(got.Names["folders"]) == 14) != c.want || !c.want && strings.Contains(string(raw), "more01") {
			t.Errorf("%s: %v", name, got.Names)
		}
	}
}

// At most eight names of a kind are listed, and fewer if all names together are
// longer than 250 tokens.
func TestManyNamesInDescriptions(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{7: "m06 (smtp).", 8: "m07 (smtp).", 9: "m07 (smtp), 1 more: describe_executor.", 30: "m07 (smtp), 22 more: describe_executor."} {
		connections := map[string]policy.Connection{}
		for i := range n {
			connections[fmt.Sprintf("m%02d", i)] = policy.Connection{Kind: "smtp", Host: "mail.example.com"}
		}
		set := set(t, policy.Config{Connections: connections}, nil)
		if _, described := set.Lookup("describe_executor"); !described {
			want = strings.ReplaceAll(want, "describe_executor", "executor://send_email_executor")
		}
		if got := shown(t.Context(), set, "send_email_executor"); !strings.HasSuffix(got, want) {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	cfg, _ := named(t)
	program := cfg.Command.Programs[0].Path
	for i := range 20 {
		name := func(kind string) string { return fmt.Sprintf("%s_of_the_department_%02d", kind, i) }
		cfg.Command.Programs = append(cfg.Command.Programs, policy.Program{Name: name("program"), Path: program})
		cfg.Files.Roots[name("folder")] = policy.Root{Path: t.TempDir(), Write: true}
		cfg.Connections[name("database")] = policy.Connection{Kind: "postgres", DSN: "postgres://db/x"}
		cfg.Connections[name("mail")] = policy.Connection{Kind: "smtp", Host: "mail.example.com"}
		cfg.Connections[name("grpc")] = policy.Connection{Kind: "grpc", Host: "grpc.example.com"}
		cfg.Connections[name("mcp")] = policy.Connection{Kind: "mcp", URL: "https://mcp.example.com"}
		cfg.Secrets[name("SECRET")] = policy.Secret{Env: "NOT_SET", Hosts: []string{"api.example.com"}}
	}
	set := set(t, cfg, nil)
	size := 0
	for _, tool := range set.Tools() {
		here := shown(t.Context(), set, tool.Name)
		size += len(here)
		if tool.Name == "command_executor" && !strings.Contains(here, "more: ") {
			t.Errorf("%s: %q", tool.Name, here)
		}
	}
	if size < 300 || size > 1000 {
		t.Errorf("the names have %d bytes", size)
	}
}
