// Package config reads what the operator wants. A setting comes from a flag,
// else a CHAINWRIGHT_ variable, else the configuration file, else its default;
// Loaded remembers which, so that doctor can show it.
//
// The struct Config is the one declaration: the keys of the file, the names
// of the variables and the checks for unknown ones are read from its yaml tags.
package config

import (
	"time"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/policy"
)

// Config is everything that can be set. Defaults returns the one that holds
// where nothing is said.
type Config struct {
	// Store is where runs are kept: sqlite:PATH or memory. Empty means a
	// SQLite file in the data folder.
	Store string `yaml:"store"`
	// DataDir holds the store, the audit trail and approvals. Empty means the
	// platform's place for it.
	DataDir string `yaml:"data_dir"`
	// Trees is the folder of saved task trees, which can be run by name. Empty
	// means trees in the data folder.
	Trees string `yaml:"trees"`
	// ExecutorsDir is a folder of executors that users made. Empty means
	// the folder executors beside the user's own configuration file, and
	// NoExecutors none.
	ExecutorsDir string `yaml:"executors_dir"`
	// Toolsets, Tools and ExcludeTools choose what is published of what is open.
	Toolsets     []string `yaml:"toolsets"`
	Tools        []string `yaml:"tools"`
	ExcludeTools []string `yaml:"exclude_tools"`
	// Discovery publishes three tools that find, describe and run executors
	// in place of one tool for each.
	Discovery bool   `yaml:"discovery"`
	LogLevel  string `yaml:"log_level"`
	// Grace is how long a cancelled task and a stopping server may take.
	Grace   time.Duration `yaml:"grace"`
	Records Records       `yaml:"records"`
	Memory  Memory        `yaml:"memory"`
	HTTP    HTTP          `yaml:"http"`
	// LLM is about language models: which, and within what limits.
	LLM    llm.Settings  `yaml:"llm"`
	Policy policy.Config `yaml:"policy"`
}

// NoExecutors is the ExecutorsDir that is no folder.
const NoExecutors = "none"

// Records bound what the store keeps of ended runs.
type Records struct {
	Keep     time.Duration `yaml:"keep"`
	MaxBytes Size          `yaml:"max_bytes"`
}

// Memory trades memory for speed: a higher percentage collects less often,
// and the limit makes the collector work harder when it is near.
type Memory struct {
	GCPercent int  `yaml:"gc_percent"`
	Limit     Size `yaml:"limit"`
}

// HTTP is the edge of `serve`.
type HTTP struct {
	Addr string `yaml:"addr"`
	// TokenEnv names the variable that holds the bearer token.
	TokenEnv string `yaml:"token_env"`
	// Origins and Hosts are allowed beside the server's own.
	Origins []string `yaml:"origins"`
	Hosts   []string `yaml:"hosts"`
	// Stateless keeps no sessions, for replicas behind a balancer.
	Stateless bool `yaml:"stateless"`
}

// Defaults returns the configuration of a machine where nothing was set:
// every policy closed, runs kept in the data folder.
func Defaults() Config {
	return Config{
		LogLevel: "info",
		Grace:    5 * time.Second,
		Records:  Records{Keep: 30 * 24 * time.Hour, MaxBytes: 1 << 30},
		Memory:   Memory{GCPercent: 400, Limit: 512 << 20},
		LLM:      llm.Defaults(),
		HTTP:     HTTP{Addr: "127.0.0.1:8080", TokenEnv: "CHAINWRIGHT_TOKEN"},
	}
}
