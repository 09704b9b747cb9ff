package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/policy"
)

func TestEverythingIsClosedByDefault(t *testing.T) {
	t.Parallel()
	p := open(t, policy.Config{})
	for _, need := range policy.Needs() {
		if setting, open := p.Open(need); open || !strings.HasPrefix(setting, "policy.") {
			t.Errorf("%s: open %v, setting %q", need, open, setting)
		}
	}
	if _, open := p.Open("teleport"); open {
		t.Error("an unknown need is open")
	}
	_, err := p.Program("git", nil)
	denied(t, err)
	_, err = p.Connection("orders")
	denied(t, err)
	denied(t, p.SSHHost("web01"))
	denied(t, p.DockerImage("python:3.11"))
}

// The setting that a refusal names must allow what was refused.
func TestSettingsOpenWhatTheyName(t *testing.T) {
	t.Parallel()
	for _, need := range policy.Needs() {
		setting, _ := open(t, policy.Config{}).Open(need)
		keys, value, _ := strings.Cut(strings.TrimPrefix(setting, "policy."), ": ")
		text := value
		for parts := strings.Split(keys, "."); len(parts) > 0; parts = parts[:len(parts)-1] {
			text = "{" + parts[len(parts)-1] + ": " + text + "}"
		}
		text = strings.NewReplacer("~/work", t.TempDir(), "/usr/bin/git", testProgram(t), "/path/to/server", testProgram(t)).Replace(text)
		var cfg policy.Config
		decoder := yaml.NewDecoder(strings.NewReader(text))
		decoder.KnownFields(true)
		if err := decoder.Decode(&cfg); err != nil {
			t.Fatalf("%s: %s: %v", need, text, err)
		}
		if _, open := open(t, cfg).Open(need); !open {
			t.Errorf("%s is not opened by %s", need, text)
		}
	}
}

// testProgram returns a real program: this test binary.
func testProgram(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	var cfg policy.Config
	data, err := os.ReadFile(filepath.Join("testdata", "broken.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &cfg); err != nil {
		t.Fatal(err)
	}
	_, err = policy.New(cfg, environment(map[string]string{"SHORT": "abc"}))
	if err == nil {
		t.Fatal("no problem was found")
	}
	for _, want := range []string{
		"policy.command.programs[0].path: must be absolute",
		"policy.command.programs[1].path: /no/such/program",
		"policy.command.programs[2].args[1]: error parsing regexp",
		"policy.command.programs[3].path: is required",
		"policy.files.roots.gone.path: /no/such/folder",
		"policy.files.roots.x: a root's name",
		"policy.files.roots.relative.path: must be absolute",
		"policy.network.allow[1]:",
		"policy.network.allow[2]:",
		"policy.network.allow[3]:",
		"policy.connections.orders.kind: must be one of",
		"policy.connections.blank: needs dsn",
		"policy.connections.mail.host: is required",
		"policy.connections.mail.tls: must be one of",
		"policy.connections.mail.port: must be from",
		"policy.connections.lost.host: is required",
		"policy.connections.torn.url: is not allowed for grpc",
		"policy.connections.torn.tls: must be tls or none",
		"policy.connections.torn: has both token_env and token_file",
		"policy.connections.twofold.headers_env: has Authorization in addition to a token",
		`policy.connections.twofold.headers_env: "a b" is not a header name`,
		"policy.connections.twofold.headers_env.X-Team: must name a variable",
		"policy.connections.nowhere.url: must be an http:// or https:// address",
		"policy.connections.open_door.url: must be an http:// or https:// address without a user",
		"policy.connections.open_door: has host, port or tls",
		"policy.connections.misplaced: has url, ca_file, token_env",
		"policy.breaker.failures: must not be negative",
		"policy.breaker.longest: must not be negative",
		"policy.secrets.UNBOUND: must be bound",
		"policy.secrets.SHORT: the variable SHORT holds fewer than 8 bytes",
		"policy.secrets.NOWHERE: needs env",
		"policy.secrets.BOTH: has both",
		"policy.secrets.WRONG.hosts[0]:",
		"policy.limits.output_bytes: must not be negative",
		"policy.limits.principal.max_parallel: must not be negative",
		"policy.limits.executors.rest_executor.per_second: must not be negative",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s", want)
		}
	}
	if strings.Contains(err.Error(), "abc") {
		t.Error("the report contains a secret")
	}
	t.Log(err)
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	p := open(t, policy.Config{
		Command:     policy.Command{Programs: []policy.Program{{Path: testProgram(t), Args: []string{"^x$"}}}},
		Files:       policy.Files{Roots: map[string]policy.Root{"work": {Path: root, Write: true}}},
		Secrets:     map[string]policy.Secret{"KEY": {Env: "KEY", Hosts: []string{"h.example"}}, "GONE": {Env: "GONE", Hosts: []string{"h"}}},
		Connections: map[string]policy.Connection{"orders": {Kind: "postgres", DSN: "postgres://u:passw0rd@h/db"}},
		Limits:      policy.Limits{Principal: policy.PrincipalLimits{PerSecond: 2.5}, Executors: map[string]policy.ExecutorLimits{"rest_executor": {MaxParallel: 8}}},
	}, environment(map[string]string{"KEY": "the-value"}))
	var all strings.Builder
	for _, s := range p.Describe() {
		all.WriteString(s.Name + " = " + s.Value + "\n")
	}
	for _, want := range []string{testProgram(t), "work: " + root + " (read and write)", "GONE (for h, not set)", "KEY (for h.example)", "orders (postgres)", "policy.audit = off", "policy.network.allow = closed",
		"policy.limits = principal.per_second 2.5, rest_executor.max_parallel 8"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("not described: %s", want)
		}
	}
	for _, secret := range []string{"the-value", "passw0rd"} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("%s is given away", secret)
		}
	}
}

func TestTheExampleOpensEverything(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var cfg policy.Config
	decoder := yaml.NewDecoder(strings.NewReader(strings.NewReplacer("FOLDER/audit.jsonl", filepath.Join(t.TempDir(), "audit.jsonl"), "FOLDER", t.TempDir(), "PROGRAM", testProgram(t)).Replace(string(data))))
	decoder.KnownFields(true)
	if err := decoder.Decode(&cfg); err != nil {
		t.Fatal(err)
	}
	p := open(t, cfg)
	for _, need := range policy.Needs() {
		if _, open := p.Open(need); open != (need != policy.NeedFilesWrite) {
			t.Errorf("%s: open %v", need, open)
		}
	}
	if err := p.SSHHost("web01"); err != nil {
		t.Error(err)
	}
	if err := p.DockerImage("python:3.11"); err != nil {
		t.Error(err)
	}
	if c, err := p.Connection("web01"); err != nil || strings.HasPrefix(c.KeyFile, "~") || c.Host != "web01.internal" {
		t.Errorf("%+v, %v", c, err)
	}
	if got := p.Limits().Executors["command_executor"].Timeout; got != 90*time.Second {
		t.Errorf("the timeout reads as %v", got)
	}
}
