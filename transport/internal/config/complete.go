package config

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"
)

// complete reads the variables and flags, checks the values, makes paths absolute,
// and sets the defaults that depend on the machine.
func (l *Loaded) complete() {
	l.readEnvironment()
	l.readFlags()
	l.checkValues()
	l.completeCeiling()
	if l.DataDir == "" {
		folder, err := dataFolder(l.env)
		if err != nil {
			if l.Store == "" {
				l.problem("data_dir", fmt.Sprintf("%v; set a folder with CHAINWRIGHT_DATA_DIR, or keep no records with --store memory", err))
				return
			}
		}
		l.DataDir = folder
	} else {
		l.DataDir = l.absolute("data_dir", l.DataDir)
	}
	if l.Trees != "" {
		l.Trees = l.absolute("trees", l.Trees)
	}
	for name, t := range l.HTTP.Tokens {
		if t.File != "" {
			t.File = l.absolute("http.tokens."+name+".file", t.File)
			l.HTTP.Tokens[name] = t
		}
	}
	if l.OAuth.CAFile != "" {
		l.OAuth.CAFile = l.absolute("oauth.ca_file", l.OAuth.CAFile)
	}
	l.completeExecutorsDir()
	switch path, sqlite := strings.CutPrefix(l.Store, "sqlite:"); {
	case l.Store == "":
		l.Store = "sqlite:" + filepath.Join(l.DataDir, "runs.db")
	case sqlite && path == "":
		l.problem(l.origin("store"), "store has no file; write sqlite:PATH")
	case sqlite:
		l.Store = "sqlite:" + l.absolute("store", path)
	case l.Store != "memory" && !strings.HasPrefix(l.Store, "postgres://") && !strings.HasPrefix(l.Store, "postgresql://"):
		l.problem(l.origin("store"), fmt.Sprintf("store must be sqlite:PATH, postgres://USER@HOST/DATABASE or memory; got %q", redactedStore(l.Store)))
	}
	if audit := &l.Policy.Audit; audit.Path == "" && !audit.Off && l.DataDir != "" {
		audit.Path = filepath.Join(l.DataDir, "audit.jsonl")
	}
}

// completeExecutorsDir sets the folder of user-made executors.
func (l *Loaded) completeExecutorsDir() {
	switch l.ExecutorsDir {
	case NoExecutors:
	case "":
		l.ExecutorsDir = NoExecutors
		if folder, err := configFolder(l.env); err == nil {
			l.ExecutorsDir = filepath.Join(folder, "executors")
		}
	default:
		l.ExecutorsDir = l.absolute("executors_dir", l.ExecutorsDir)
	}
}

// completeCeiling drops the default ceilings of models if the operator set one of
// them.
func (l *Loaded) completeCeiling() {
	_, cost := l.origins["llm.max_cost_usd"]
	_, tokens := l.origins["llm.max_tokens_total"]
	switch {
	case cost && !tokens:
		l.LLM.MaxTokensTotal = 0
	case tokens && !cost:
		l.LLM.MaxCostUSD = 0
	}
}

// redactedStore returns only the scheme of a URL, which may contain a password.
func redactedStore(url string) string {
	scheme, _, found := strings.Cut(url, ":")
	if !found {
		return url
	}
	return scheme + ":…"
}

// ShownStore returns where runs are recorded, without a password.
func (l *Loaded) ShownStore() string {
	if at, err := url.Parse(l.Store); err == nil && at.User != nil {
		return at.Redacted()
	}
	return l.Store
}

func (l *Loaded) origin(key string) string {
	if where, ok := l.origins[key]; ok {
		return where
	}
	return key
}

func (l *Loaded) checkValues() {
	if _, err := zerolog.ParseLevel(l.LogLevel); err != nil || l.LogLevel == "" {
		l.problem(l.origin("log_level"), fmt.Sprintf("log_level must be one of trace, debug, info, warn, error, disabled; got %q", l.LogLevel))
	}
	if !slices.Contains([]string{LogAuto, LogJSON, LogText}, l.LogFormat) {
		l.problem(l.origin("log_format"), fmt.Sprintf("log_format must be one of auto, json, text; got %q", l.LogFormat))
	}
	if l.Grace < 0 {
		l.problem(l.origin("grace"), "grace must not be negative")
	}
	if l.Records.Keep < 0 {
		l.problem(l.origin("records.keep"), "records.keep must not be negative")
	}
	if l.HTTP.TokenEnv == "" {
		l.problem(l.origin("http.token_env"), "http.token_env must name a variable")
	}
	for _, name := range slices.Sorted(maps.Keys(l.HTTP.Tokens)) {
		if t, key := l.HTTP.Tokens[name], "http.tokens."+name; (t.Env == "") == (t.File == "") {
			l.problem(l.origin(key), key+" must have either env, the name of a variable, or file")
		}
	}
}

// resolved follows the links in the part of a path that exists.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(resolved(parent), filepath.Base(path))
}

// contains reports whether a path is the folder or inside it. It follows links.
func contains(folder, path string) bool {
	rel, err := filepath.Rel(resolved(folder), resolved(path))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// Missing returns the variables that the configuration reads values from and that
// are not set. A call that needs one will fail.
func (l *Loaded) Missing() []Problem {
	var missing []Problem
	need := func(key, variable string) {
		if variable != "" && l.env(variable) == "" {
			missing = append(missing, Problem{Where: l.origin(key), Message: key + " reads the variable " + variable + ", which is not set"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.HTTP.Tokens)) {
		need("http.tokens."+name, l.HTTP.Tokens[name].Env)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Policy.Secrets)) {
		need("policy.secrets."+name, l.Policy.Secrets[name].Env)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Policy.OAuthClients)) {
		need("policy.oauth_clients."+name, l.Policy.OAuthClients[name].ClientSecretEnv)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Policy.Connections)) {
		c := l.Policy.Connections[name]
		for _, variable := range []string{c.DSNEnv, c.PasswordEnv, c.TokenEnv} {
			need("policy.connections."+name, variable)
		}
		for _, header := range slices.Sorted(maps.Keys(c.HeadersEnv)) {
			need("policy.connections."+name, c.HeadersEnv[header])
		}
	}
	return missing
}
