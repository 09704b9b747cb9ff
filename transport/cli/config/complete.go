package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"
)

// complete checks what the types can't, makes paths absolute, and fills in
// what depends on the machine.
func (l *Loaded) complete(dir string) {
	l.checkValues()
	if l.DataDir == "" {
		folder, err := dataFolder(l.env)
		if err != nil {
			if l.Store == "" {
				l.problem("data_dir", fmt.Sprintf("%v; name a folder with CHAINWRIGHT_DATA_DIR, or keep nothing with --store memory", err))
				return
			}
		}
		l.DataDir = folder
	} else {
		l.DataDir = l.absolute(dir, l.DataDir)
	}
	if l.Trees != "" {
		l.Trees = l.absolute(dir, l.Trees)
	}
	l.completeExecutorsDir(dir)
	switch path, sqlite := strings.CutPrefix(l.Store, "sqlite:"); {
	case l.Store == "":
		l.Store = "sqlite:" + filepath.Join(l.DataDir, "runs.db")
	case sqlite && path == "":
		l.problem(l.origin("store"), "store names no file; write sqlite:PATH")
	case sqlite:
		l.Store = "sqlite:" + l.absolute(dir, path)
	case l.Store != "memory":
		l.problem(l.origin("store"), fmt.Sprintf("store must be sqlite:PATH or memory; got %q", redactedStore(l.Store)))
	}
	if audit := &l.Policy.Audit; audit.Path == "" && !audit.Off && l.DataDir != "" {
		audit.Path = filepath.Join(l.DataDir, "audit.jsonl")
	}
	l.checkRoots(dir)
}

// completeExecutorsDir finds the folder of executors that users made.
func (l *Loaded) completeExecutorsDir(dir string) {
	switch l.ExecutorsDir {
	case NoExecutors:
	case "":
		l.ExecutorsDir = NoExecutors
		if folder, err := configFolder(l.env); err == nil {
			l.ExecutorsDir = filepath.Join(folder, "executors")
		}
	default:
		l.ExecutorsDir = l.absolute(dir, l.ExecutorsDir)
	}
}

// redactedStore leaves out what may be a password.
func redactedStore(url string) string {
	scheme, _, found := strings.Cut(url, ":")
	if !found {
		return url
	}
	return scheme + ":…"
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
	if l.Grace < 0 {
		l.problem(l.origin("grace"), "grace must not be negative")
	}
	if l.Records.Keep < 0 {
		l.problem(l.origin("records.keep"), "records.keep must not be negative")
	}
	if l.HTTP.TokenEnv == "" {
		l.problem(l.origin("http.token_env"), "http.token_env must name a variable")
	}
}

// checkRoots refuses a policy that lets callers write the file that holds it,
// or the data folder: they could open whatever they like.
func (l *Loaded) checkRoots(dir string) {
	for name, root := range l.Policy.Files.Roots {
		if !root.Write || root.Path == "" {
			continue
		}
		folder := resolved(l.absolute(dir, root.Path))
		key := "policy.files.roots." + name
		if l.File != "" && inside(folder, resolved(l.File)) {
			l.problem(l.origin(key), key+" would let callers write this configuration file, and so open anything; keep the file outside the folder")
		}
		if own := resolved(l.ExecutorsDir); l.ExecutorsDir != NoExecutors && (inside(folder, own) || inside(own, folder)) {
			l.problem(l.origin(key), key+" would let callers write into "+l.ExecutorsDir+", where executors are made, and so run anything; "+
				"choose another folder, or set executors_dir: "+NoExecutors)
		}
		if l.DataDir != "" && inside(folder, resolved(l.DataDir)) {
			l.problem(l.origin(key), key+" would let callers write the data folder "+l.DataDir+"; choose another folder")
		}
	}
}

// resolved follows links as far as the path exists.
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

func inside(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// Missing are the variables that the configuration reads values from and
// that are not set: a call that needs one will fail.
func (l *Loaded) Missing() []Problem {
	var missing []Problem
	need := func(key, variable string) {
		if variable != "" && l.env(variable) == "" {
			missing = append(missing, Problem{Where: l.origin(key), Message: key + " reads the variable " + variable + ", which is not set"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Policy.Secrets)) {
		need("policy.secrets."+name, l.Policy.Secrets[name].Env)
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
