package config

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/policy"
)

// ownText sets something for every rule, so that a file can widen or narrow it.
const ownText = `
store: memory
toolsets: [web, data]
exclude_tools: [ssh_executor]
discovery: true
log_level: info
http: {origins: ["https://a.example"], hosts: [a.example]}
llm: {provider: ollama, max_concurrent: 10, requests_per_minute: 10, tokens_per_minute: 10, max_cost_usd: 1, max_tokens_total: 10}
planner: {share_names: false}
policy:
  read_only: true
  confirm: where_possible
  command: {programs: [{path: /bin/true}, {path: /bin/false}]}
  files: {roots: {work: {path: /srv/work, write: true}, docs: {path: /srv/docs}}}
  network: {allow: ["10.0.0.1", "10.0.0.2"]}
  ssh: {hosts: [a, b]}
  docker: {images: [a, b]}
  limits: {output_bytes: 100, principal: {max_parallel: 2, per_second: 3, max_queued: 3}}
`

// wider has a value for every setting that does not narrow ownText.
var wider = map[string]string{
	"store":         `store: "sqlite:./planted.db"`,
	"data_dir":      `data_dir: ./planted`,
	"trees":         `trees: ./planted`,
	"executors_dir": `executors_dir: ./planted`,
	"toolsets":      `toolsets: []`,
	"tools":         `tools: []`,
	"exclude_tools": `exclude_tools: []`,
	"discovery":     `discovery: false`,
	"log_level":     `log_level: disabled`,
	"log_format":    `log_format: json`,
	"grace":         `grace: 1h`,

	"records.keep":      `records: {keep: 1s}`,
	"records.max_bytes": `records: {max_bytes: 1}`,
	"memory.gc_percent": `memory: {gc_percent: 1}`,
	"memory.limit":      `memory: {limit: 1}`,

	"http.addr":       `http: {addr: "0.0.0.0:1"}`,
	"http.token_env":  `http: {token_env: HOME}`,
	"http.tokens":     `http: {tokens: {planted: {env: HOME}}}`,
	"http.origins":    `http: {origins: ["https://a.example", "https://evil.example"]}`,
	"http.hosts":      `http: {hosts: [a.example, evil.example]}`,
	"http.stateless":  `http: {stateless: true}`,
	"http.public_url": `http: {public_url: "https://evil.example"}`,

	"oauth.issuers":        `oauth: {issuers: ["https://evil.example"]}`,
	"oauth.audiences":      `oauth: {audiences: [planted]}`,
	"oauth.algorithms":     `oauth: {algorithms: [RS256]}`,
	"oauth.roles_claim":    `oauth: {roles_claim: groups}`,
	"oauth.scopes":         `oauth: {scopes: {all: [approve]}}`,
	"oauth.ca_file":        `oauth: {ca_file: ./planted}`,
	"oauth.page_client_id": `oauth: {page_client_id: planted}`,

	"llm.provider":            `llm: {provider: openai}`,
	"llm.model":               `llm: {model: dear}`,
	"llm.max_concurrent":      `llm: {max_concurrent: 11}`,
	"llm.requests_per_minute": `llm: {requests_per_minute: 0}`,
	"llm.tokens_per_minute":   `llm: {tokens_per_minute: 11}`,
	"llm.connect_timeout":     `llm: {connect_timeout: 1s}`,
	"llm.first_token_timeout": `llm: {first_token_timeout: 1s}`,
	"llm.idle_timeout":        `llm: {idle_timeout: 1s}`,
	"llm.timeout":             `llm: {timeout: 1h}`,
	"llm.max_cost_usd":        `llm: {max_cost_usd: 1.5}`,
	"llm.max_tokens_total":    `llm: {max_tokens_total: -1}`,
	"llm.cache":               `llm: {cache: true}`,
	"llm.prices":              `llm: {prices: {m: {input: 0}}}`,

	"planner.share_names": `planner: {share_names: true}`,

	"telemetry.endpoint":     `telemetry: {endpoint: "http://127.0.0.1:4318"}`,
	"telemetry.metrics":      `telemetry: {metrics: true}`,
	"telemetry.metrics_addr": `telemetry: {metrics_addr: "127.0.0.1:9464"}`,

	"policy.read_only":                     `policy: {read_only: false}`,
	"policy.retry_unsafe":                  `policy: {retry_unsafe: true}`,
	"policy.approvals.tool":                `policy: {approvals: {tool: true}}`,
	"policy.confirm":                       `policy: {confirm: never}`,
	"policy.command.shell":                 `policy: {command: {shell: true}}`,
	"policy.command.programs":              `policy: {command: {programs: [{path: /bin/true}, {path: /bin/false}, {path: /bin/sh}]}}`,
	"policy.files.roots":                   `policy: {files: {roots: {docs: {path: /srv/docs, write: true}, all: {path: /}}}}`,
	"policy.oauth_clients":                 "policy: {oauth_clients: {c: {client_id: x, client_secret_env: HOME}}}",
	"policy.network.allow":                 `policy: {network: {allow: ["10.0.0.1", "10.0.0.2", "127.0.0.1"]}}`,
	"policy.ssh.hosts":                     `policy: {ssh: {hosts: [a, b, c]}}`,
	"policy.docker.images":                 `policy: {docker: {images: [b, a, c]}}`,
	"policy.docker.network":                `policy: {docker: {network: true}}`,
	"policy.docker.host":                   `policy: {docker: {host: "unix:///tmp/planted"}}`,
	"policy.databases.caller_dsn":          `policy: {databases: {caller_dsn: true}}`,
	"policy.connections":                   `policy: {connections: {c: {kind: mcp, url: "http://127.0.0.1:1"}}}`,
	"policy.secrets":                       `policy: {secrets: {HOME: {env: HOME, hosts: [evil.example]}}}`,
	"policy.limits.output_bytes":           `policy: {limits: {output_bytes: 101}}`,
	"policy.limits.file_bytes":             `policy: {limits: {file_bytes: 20000000}}`,
	"policy.limits.max_parallel":           `policy: {limits: {max_parallel: 65}}`,
	"policy.limits.max_live":               `policy: {limits: {max_live: 1001}}`,
	"policy.limits.max_queued":             `policy: {limits: {max_queued: 20001}}`,
	"policy.limits.principal.max_queued":   `policy: {limits: {principal: {max_queued: 4}}}`,
	"policy.limits.principal.max_parallel": `policy: {limits: {principal: {max_parallel: 3}}}`,
	"policy.limits.principal.per_second":   `policy: {limits: {principal: {per_second: 0}}}`,
	"policy.limits.executors":              `policy: {limits: {executors: {rest_executor: {timeout: 1h}}}}`,
	"policy.breaker.failures":              `policy: {breaker: {failures: 1}}`,
	"policy.breaker.longest":               `policy: {breaker: {longest: 1s}}`,
	"policy.breaker.off":                   `policy: {breaker: {off: true}}`,
	"policy.audit.path":                    `policy: {audit: {path: ./planted}}`,
	"policy.audit.off":                     `policy: {audit: {off: true}}`,
	"policy.audit.max_bytes":               `policy: {audit: {max_bytes: 1}}`,
	"policy.audit.keep":                    `policy: {audit: {keep: 1}}`,
}

func TestAnUnapprovedFileWidensNoSetting(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.own(ownText)
	own, err := m.load(nil)
	require.NoError(t, err)
	silent := map[string]bool{"toolsets": true, "tools": true, "exclude_tools": true} // an empty list adds nothing
	keys := map[string]bool{}
	for _, s := range settings() {
		keys[s.key] = true
		require.Contains(t, rules, s.key, "narrow.go must say what an unapproved file may do with it")
		require.Contains(t, wider, s.key, "this table must have a value that widens it")
		m.here(wider[s.key] + "\n")
		l, err := m.load(nil)
		require.NoError(t, err, s.key)
		require.Equal(t, own.Config, l.Config, s.key)
		require.Nil(t, l.Within, s.key)
		if !silent[s.key] {
			require.Contains(t, l.Warning(), s.key)
			require.Contains(t, l.Warning(), "doctor --approve")
		}
	}
	for key := range rules {
		require.True(t, keys[key], "%s is no setting", key)
	}
}

func TestAnUnapprovedFileNarrowsKeyByKey(t *testing.T) {
	t.Parallel()
	field := func(l *Loaded, key string) any {
		for _, s := range settings() {
			if s.key == key {
				return reflect.ValueOf(l.Config).FieldByIndex(s.index).Interface()
			}
		}
		return nil
	}
	for key, c := range map[string]struct {
		text string
		want any
	}{
		"executors_dir":                        {"executors_dir: none", "none"},
		"exclude_tools":                        {"exclude_tools: [db_query]", []string{"db_query", "ssh_executor"}},
		"log_level":                            {"log_level: debug", "debug"},
		"http.origins":                         {"http: {origins: []}", []string{}},
		"http.hosts":                           {"http: {hosts: []}", []string{}},
		"llm.provider":                         {"llm: {provider: none}", "none"},
		"llm.max_concurrent":                   {"llm: {max_concurrent: 1}", 1},
		"llm.max_cost_usd":                     {"llm: {max_cost_usd: 0.5}", 0.5},
		"policy.confirm":                       {"policy: {confirm: destructive}", "destructive"},
		"policy.command.programs":              {"policy: {command: {programs: [{path: /bin/false}]}}", []policy.Program{{Path: "/bin/false"}}},
		"policy.network.allow":                 {"policy: {network: {allow: ['10.0.0.2']}}", []string{"10.0.0.2"}},
		"policy.ssh.hosts":                     {"policy: {ssh: {hosts: [b]}}", []string{"b"}},
		"policy.docker.images":                 {"policy: {docker: {images: []}}", []string{}},
		"policy.limits.output_bytes":           {"policy: {limits: {output_bytes: 99}}", int64(99)},
		"policy.limits.file_bytes":             {"policy: {limits: {file_bytes: 99}}", int64(99)},
		"policy.limits.max_parallel":           {"policy: {limits: {max_parallel: 1}}", 1},
		"policy.limits.max_live":               {"policy: {limits: {max_live: 1}}", 1},
		"policy.limits.max_queued":             {"policy: {limits: {max_queued: 1}}", 1},
		"policy.limits.principal.max_queued":   {"policy: {limits: {principal: {max_queued: 1}}}", 1},
		"policy.limits.principal.max_parallel": {"policy: {limits: {principal: {max_parallel: 1}}}", 1},
		"policy.limits.principal.per_second":   {"policy: {limits: {principal: {per_second: 0.5}}}", 0.5},
		"policy.files.roots": {"policy: {files: {roots: {work: {write: false}}}}",
			map[string]policy.Root{"work": {Path: "/srv/work"}, "docs": {Path: "/srv/docs"}}},
	} {
		m := newMachine(t)
		m.own(ownText)
		m.here(c.text + "\n")
		l, err := m.load(nil)
		require.NoError(t, err, key)
		require.Equal(t, c.want, field(l, key), key)
		require.Empty(t, l.Warning(), key)
		require.Equal(t, "chainwright.yaml:1", l.Source(key), "doctor says where it comes from")
	}
}

// What is on by default can be turned off.
func TestAnUnapprovedFileKeepsNames(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	l, err := m.load(nil)
	require.NoError(t, err)
	require.True(t, l.Planner.ShareNames)
	m.here("planner: {share_names: false}\n")
	l, err = m.load(nil)
	require.NoError(t, err)
	require.False(t, l.Planner.ShareNames)
	require.Empty(t, l.Warning())
	m.env = append(m.env, "CHAINWRIGHT_PLANNER_SHARE_NAMES=true")
	l, err = m.load(nil)
	require.NoError(t, err)
	require.True(t, l.Planner.ShareNames, "a variable stands over the file")
}

func TestAnUnapprovedFileTakesNothingFromTheUsersOwn(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	folder := m.own("toolsets: [web]\nexecutors_dir: none\npolicy: {audit: {path: /srv/audit}, limits: {output_bytes: 100}, network: {allow: ['127.0.0.1:1']}}\n")
	own, err := m.load(nil)
	require.NoError(t, err)
	for _, harmless := range []string{"log_level: info\n", "", "policy:\n", "exclude_tools: []\n", "policy: {read_only: false}\n", "toolsets:\n", "policy: {network: {allow: null}}\n"} {
		m.here(harmless)
		l, err := m.load(nil)
		require.NoError(t, err)
		require.Equal(t, own.Config, l.Config, harmless)
		require.Equal(t, filepath.Join(folder, FileName), l.File)
	}

	m.here("tools: [html_parser]\ntoolsets: [data]\n")
	l, err := m.load(nil)
	require.NoError(t, err)
	require.Equal(t, []string{"web"}, l.Toolsets)
	require.Equal(t, &Within{Toolsets: []string{"data"}, Tools: []string{"html_parser"}}, l.Within)
}

func TestVariablesAndFlagsStandOverAnUnapprovedFile(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.here("policy: {read_only: true, confirm: destructive}\nexclude_tools: [db_query]\n")
	m.env = append(m.env, "CHAINWRIGHT_READ_ONLY=false", "CHAINWRIGHT_POLICY_CONFIRM=never")
	l, err := m.load(func(s *Sources) { s.Flags = []Flag{{"exclude_tools", "--exclude-tools", "ssh_executor"}} })
	require.NoError(t, err)
	require.False(t, l.Policy.ReadOnly)
	require.Equal(t, "never", l.Policy.Confirm)
	require.Equal(t, []string{"ssh_executor"}, l.ExcludeTools)
}

func TestAnApprovedFileReplacesTheUsersOwn(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.own("policy: {read_only: true}\n")
	m.here("policy:\n  network: {allow: ['127.0.0.1:1']}\n")
	m.approve()
	l, err := m.load(nil)
	require.NoError(t, err)
	require.True(t, l.Approved)
	require.False(t, l.Policy.ReadOnly)
	require.Equal(t, []string{"127.0.0.1:1"}, l.Policy.Network.Allow)

	m.here("policy:\n  network: {allow: ['127.0.0.1:2']}\n")
	l, err = m.load(nil)
	require.NoError(t, err)
	require.False(t, l.Approved, "a changed file is not approved")
	require.True(t, l.Policy.ReadOnly)
	require.Empty(t, l.Policy.Network.Allow)
}

// A file must not name the folder in which its approval is looked for.
func TestAFileCanNotApproveItself(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	text := "data_dir: ./d\npolicy: {command: {shell: true}}\n"
	m.here(text)
	planted := `{"` + resolved(filepath.Join(m.dir, FileName)) + `": "` + fingerprint([]byte(text)) + `"}`
	m.write(filepath.Join(m.dir, "d", "approved.json"), planted)
	l, err := m.load(nil)
	require.NoError(t, err)
	require.False(t, l.Approved)
	require.False(t, l.Policy.Command.Shell)
}

func TestAnApprovalDoesNotHoldForAFolderOfExecutors(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.here("executors_dir: own\n")
	_, err := m.load(func(s *Sources) { s.Review = true })
	require.ErrorContains(t, err, "chainwright.yaml:1: executors_dir is inside the working folder")
	_, err = m.load(func(s *Sources) { s.Flags = []Flag{{"executors_dir", "--executors-dir", "own"}} })
	require.NoError(t, err, "named by the operator")
	m.here("executors_dir: /srv/own\n")
	m.approve()
	l, err := m.load(nil)
	require.NoError(t, err)
	require.Equal(t, "/srv/own", l.ExecutorsDir)
}

// The working folder of a server is the assistant's, so it must not decide where
// the user's own file leads.
func TestPathsInAFileStartAtItsFolder(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	folder := m.own("executors_dir: mine\ntrees: trees\ndata_dir: data\n")
	l, err := m.load(nil)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folder, "mine"), l.ExecutorsDir)
	require.Equal(t, filepath.Join(folder, "trees"), l.Trees)
	require.Equal(t, filepath.Join(folder, "data"), l.DataDir)
	m.env = append(m.env, "CHAINWRIGHT_TREES=other")
	l, err = m.load(nil)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(m.dir, "other"), l.Trees)
}

func TestAFileThatCanNotBeReadIsAProblem(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	folder := m.own("polcy: {}\n")
	_, err := m.load(nil)
	require.ErrorContains(t, err, "unknown key polcy")
	require.NoError(t, os.Remove(filepath.Join(folder, FileName)))
	require.NoError(t, os.Symlink(filepath.Join(folder, "away"), filepath.Join(folder, FileName)))
	_, err = m.load(nil)
	require.ErrorContains(t, err, "reading the configuration")
}
