// Package config loads the configuration. A setting comes from a flag, else a
// CHAINWRIGHT_ variable, else the configuration file, else its default. Loaded
// holds the source of each setting, so that doctor can show it.
//
// The struct Config declares all settings: the keys of the file, the names of
// the variables and the checks for unknown ones are read from its yaml tags.
//
// It is written by hand: koanf and viper merge all sources into one map, and
// lose where a value came from and the line of a wrong key.
package config

import (
	"time"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/policy"
)

// Config holds all settings. Defaults returns the default values.
type Config struct {
	// Store is where runs are recorded: sqlite:PATH, postgres://… or memory.
	// Empty means a SQLite file in the data folder.
	Store string `yaml:"store"`
	// DataDir holds the store, the audit trail and approvals. Empty means the
	// platform's data folder.
	DataDir string `yaml:"data_dir"`
	// Trees is the folder of saved task trees. Empty means the folder trees in
	// the data folder.
	Trees string `yaml:"trees"`
	// ExecutorsDir is the folder of user-made executors. Empty means the folder
	// executors next to the user's own configuration file; NoExecutors means no
	// folder.
	ExecutorsDir string `yaml:"executors_dir"`
	// Toolsets, Tools and ExcludeTools choose which open tools are published.
	Toolsets     []string `yaml:"toolsets"`
	Tools        []string `yaml:"tools"`
	ExcludeTools []string `yaml:"exclude_tools"`
	// Discovery publishes three tools that find, describe and run executors
	// instead of one tool for each.
	Discovery bool   `yaml:"discovery"`
	LogLevel  string `yaml:"log_level"`
	// LogFormat is LogAuto, LogJSON or LogText.
	LogFormat string `yaml:"log_format"`
	// Grace is the time that a cancelled task and a stopping server may take.
	Grace   time.Duration `yaml:"grace"`
	Records Records       `yaml:"records"`
	Memory  Memory        `yaml:"memory"`
	HTTP    HTTP          `yaml:"http"`
	OAuth   OAuth         `yaml:"oauth"`
	// LLM sets the language models and their limits.
	LLM     llm.Settings `yaml:"llm"`
	Planner Planner      `yaml:"planner"`
	// Telemetry sets what is measured, in addition to the OTEL_ variables.
	Telemetry Telemetry     `yaml:"telemetry"`
	Policy    policy.Config `yaml:"policy"`
}

// The formats of the log. LogAuto is text on a terminal, and JSON elsewhere.
const (
	LogAuto = "auto"
	LogJSON = "json"
	LogText = "text"
)

// NoExecutors is the value of ExecutorsDir for no folder.
const NoExecutors = "none"

// Records bounds the ended runs in the store by age and size.
type Records struct {
	Keep     time.Duration `yaml:"keep"`
	MaxBytes Size          `yaml:"max_bytes"`
}

// Memory sets the garbage collector. A higher percentage collects less often;
// near the limit it collects more often.
type Memory struct {
	GCPercent int  `yaml:"gc_percent"`
	Limit     Size `yaml:"limit"`
}

// HTTP holds the settings of `serve`.
type HTTP struct {
	Addr string `yaml:"addr"`
	// TokenEnv is the name of the variable with the bearer token.
	TokenEnv string `yaml:"token_env"`
	// Tokens are further tokens, by name.
	Tokens map[string]Token `yaml:"tokens"`
	// Origins and Hosts are allowed in addition to the server's own.
	Origins []string `yaml:"origins"`
	Hosts   []string `yaml:"hosts"`
	// Stateless keeps no sessions, for replicas behind a load balancer.
	Stateless bool `yaml:"stateless"`
	// PublicURL is the address at which clients reach the server, without /mcp.
	PublicURL string `yaml:"public_url"`
}

// OAuth is about the access tokens of OAuth servers that `serve` accepts.
type OAuth struct {
	// Issuers are the servers whose tokens are accepted; none: no tokens.
	Issuers []string `yaml:"issuers"`
	// Audiences are the accepted audiences; none: the public address with /mcp.
	Audiences []string `yaml:"audiences"`
	// Algorithms are the accepted algorithms; none: all asymmetric ones.
	Algorithms []string `yaml:"algorithms"`
	// RolesClaim is the claim with the scopes, instead of scope and scp.
	RolesClaim string `yaml:"roles_claim"`
	// Scopes are the scopes that a value of these claims stands for.
	Scopes map[string][]string `yaml:"scopes"`
	// CAFile holds the certificates that issuers are verified with.
	CAFile string `yaml:"ca_file"`
	// PageClientID is the id of the page at the first issuer.
	PageClientID string `yaml:"page_client_id"`
}

// IsSet reports whether anything is set.
func (o *OAuth) IsSet() bool {
	return len(o.Issuers)+len(o.Audiences)+len(o.Algorithms)+len(o.Scopes) > 0 || o.RolesClaim+o.CAFile+o.PageClientID != ""
}

// Planner holds the settings of task_tree_generator.
type Planner struct {
	// ShareNames lets briefs name connections, folders, programs and secrets.
	ShareNames bool `yaml:"share_names"`
}

// Telemetry holds the settings of traces and metrics.
type Telemetry struct {
	// Endpoint is the base URL of a collector for traces, over OTLP/HTTP.
	Endpoint string `yaml:"endpoint"`
	// Metrics serves /metrics with MCP. MetricsAddr serves it at an address of its own.
	Metrics     bool   `yaml:"metrics"`
	MetricsAddr string `yaml:"metrics_addr"`
}

// Token is a named bearer token, read from a variable or a file.
type Token struct {
	Env  string `yaml:"env,omitempty"`
	File string `yaml:"file,omitempty"`
	// Principal owns what callers with this token start; the default is the
	// token's name.
	Principal string `yaml:"principal,omitempty"`
	// Scopes are what they may do; none listed: everything.
	Scopes []string `yaml:"scopes,omitempty"`
}

// Defaults returns the default settings: policy allows nothing dangerous, and
// runs are recorded in the data folder.
func Defaults() Config {
	return Config{
		LogLevel: "info", LogFormat: LogAuto,
		Grace:   5 * time.Second,
		Records: Records{Keep: 30 * 24 * time.Hour, MaxBytes: 1 << 30},
		Memory:  Memory{GCPercent: 400, Limit: 512 << 20},
		LLM:     llm.Defaults(),
		Planner: Planner{ShareNames: true},
		HTTP:    HTTP{Addr: "127.0.0.1:8080", TokenEnv: "CHAINWRIGHT_TOKEN"},
	}
}
