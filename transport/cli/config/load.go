package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/nearest"
)

// FileName is what the configuration file is called, wherever it lies.
const FileName = "chainwright.yaml"

// maxFile bounds the configuration file, which a person writes.
const maxFile = 1 << 20

// Flag is a setting given on the command line: the key as in the file, the
// flag's name with its dashes, and the text behind it.
type Flag struct{ Key, Name, Text string }

// Sources are the places that Load reads.
type Sources struct {
	// File was named by flag; empty means CHAINWRIGHT_CONFIG, else the working
	// folder's, else the platform's.
	File  string
	Flags []Flag
	// Environ is the environment as os.Environ gives it.
	Environ []string
	// Dir is the working folder.
	Dir string
	// StartedByClient: the program was started by an assistant's client, in
	// whatever folder the assistant works; see restrict.
	StartedByClient bool
}

// Loaded is a configuration with where each part of it came from.
type Loaded struct {
	Config
	// File that was read; empty where there is none.
	File string
	// Named says that the operator named the file, rather than that it was
	// found in the working folder.
	Named bool
	// Approved says that a found file was approved as it stands.
	Approved bool

	data     []byte
	lookup   map[string]string
	origins  map[string]string
	problems Problems
}

func (l *Loaded) problem(where, message string) {
	l.problems = append(l.problems, Problem{Where: where, Message: message})
}

// Load reads the sources, the weakest first, and reports all problems at
// once, as Problems. What could be read is returned beside them.
func Load(src Sources) (*Loaded, error) {
	l := &Loaded{Config: Defaults(), origins: map[string]string{}, lookup: map[string]string{}}
	for _, entry := range src.Environ {
		name, value, _ := strings.Cut(entry, "=")
		l.lookup[name] = value
	}
	l.readFile(src)
	l.readEnvironment()
	known := settings()
	for _, f := range src.Flags {
		i := slices.IndexFunc(known, func(s setting) bool { return s.key == f.Key })
		l.setText(known[i], f.Text, f.Name)
	}
	l.complete(src.Dir)
	if src.StartedByClient {
		l.restrict()
	}
	if len(l.problems) > 0 {
		return l, l.problems
	}
	return l, nil
}

func (l *Loaded) readFile(src Sources) {
	where := l.locate(src)
	if where == "" {
		return
	}
	l.File = l.absolute(src.Dir, l.File)
	file, err := os.Open(l.File)
	if err == nil {
		l.data, err = io.ReadAll(io.LimitReader(file, maxFile+1))
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		l.problem(where, fmt.Sprintf("reading the configuration: %v", err))
		return
	}
	if len(l.data) > maxFile {
		l.problem(l.File, "is over 1 MiB, which no configuration is")
		return
	}
	l.parse(src.Dir)
}

// parse puts the file's text into the configuration.
func (l *Loaded) parse(dir string) {
	shown := l.shownFile(dir)
	var doc yaml.Node
	if err := yaml.Unmarshal(l.data, &doc); err != nil {
		l.problem(shown, strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	if len(doc.Content) == 0 {
		return
	}
	w := walker{l: l, where: func(line int) string { return fmt.Sprintf("%s:%d", shown, line) }}
	w.value(doc.Content[0], reflect.ValueOf(&l.Config).Elem(), "")
}

// locate decides which file holds, sets File and Named, and returns what to
// blame where it can't be read; "" means that there is none.
func (l *Loaded) locate(src Sources) string {
	if src.File != "" {
		l.File, l.Named = src.File, true
		return "--config " + src.File
	}
	if named := l.lookup[prefix+"CONFIG"]; named != "" {
		l.File, l.Named = named, true
		return prefix + "CONFIG"
	}
	here := filepath.Join(src.Dir, FileName)
	if _, err := os.Stat(here); err == nil {
		l.File = here
		return here
	}
	folder, err := configFolder(l.env)
	if err != nil {
		return ""
	}
	own := filepath.Join(folder, FileName)
	if _, err := os.Stat(own); err != nil {
		return ""
	}
	l.File, l.Named = own, true
	return own
}

func (l *Loaded) absolute(dir, path string) string {
	path = l.expand(path)
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return filepath.Clean(path)
}

// shownFile is the file's name as people would write it where they are.
func (l *Loaded) shownFile(dir string) string {
	if rel, err := filepath.Rel(dir, l.File); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return l.File
}

func (l *Loaded) env(name string) string { return l.lookup[name] }

// expand replaces a leading ~ with the home folder.
func (l *Loaded) expand(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) && rest[0] != '/' {
		return path
	}
	home := l.env("HOME")
	if home == "" {
		home = l.env("USERPROFILE")
	}
	if home == "" {
		return path
	}
	return filepath.Join(home, rest)
}

// notSettings are variables of this program that set nothing here: where the
// file is, the mark on the processes that executors start, and what completion
// in a shell sets.
var notSettings = []string{prefix + "CONFIG", prefix + "PROCESS", prefix + "ACTIVE_HELP", prefix + "COMPLETION_DESCRIPTIONS"}

// readEnvironment takes every CHAINWRIGHT_ variable. One that sets nothing is
// a mistake, unless it is empty, the configuration itself names it as the
// holder of a secret, or it belongs to the tests.
func (l *Loaded) readEnvironment() {
	byName := map[string]setting{}
	for _, s := range settings() {
		byName[s.variable()] = s
	}
	var strangers []string
	for _, name := range slices.Sorted(maps.Keys(l.lookup)) {
		s, known := byName[name]
		switch {
		case l.lookup[name] == "", !strings.HasPrefix(name, prefix), slices.Contains(notSettings, name), strings.HasPrefix(name, prefix+"TEST_"):
		case known:
			l.setText(s, l.lookup[name], name)
		default:
			strangers = append(strangers, name)
		}
	}
	holders := l.holders()
	for _, name := range strangers {
		if slices.Contains(holders, name) {
			continue
		}
		message := "sets nothing that is known"
		if near := nearest.To(name, slices.Collect(maps.Keys(byName))); len(near) > 0 {
			message += "; did you mean " + near[0] + "?"
		}
		l.problem(name, message)
	}
}

// holders are the variables that the configuration says hold values.
func (l *Loaded) holders() []string {
	names := []string{l.HTTP.TokenEnv}
	for _, s := range l.Policy.Secrets {
		names = append(names, s.Env)
	}
	for _, c := range l.Policy.Connections {
		names = append(names, c.DSNEnv, c.PasswordEnv)
	}
	return names
}

// Entry is one setting as it is in force.
type Entry struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Entries lists every setting that is not inside policy, and those of policy
// that were set, in the order of declaration.
func (l *Loaded) Entries() []Entry {
	var out []Entry
	for _, s := range settings() {
		source, set := l.origins[s.key]
		if !set {
			if strings.HasPrefix(s.key, "policy.") {
				continue
			}
			source = "default"
		}
		field := reflect.ValueOf(l.Config).FieldByIndex(s.index)
		out = append(out, Entry{Key: s.key, Value: shown(field), Source: source})
	}
	return out
}

// shown writes a value on one line; a connection's DSN may hold a password
// and stays out.
func shown(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Map:
		var names []string
		for _, k := range v.MapKeys() {
			names = append(names, k.String())
		}
		slices.Sort(names)
		return strings.Join(names, ", ")
	case reflect.Slice:
		if v.Len() == 0 {
			return ""
		}
		var parts []string
		for i := range v.Len() {
			item := v.Index(i)
			if item.Kind() == reflect.Struct && item.FieldByName("Path").IsValid() {
				item = item.FieldByName("Path")
			}
			parts = append(parts, fmt.Sprint(item.Interface()))
		}
		return strings.Join(parts, ", ")
	default:
		return fmt.Sprint(v.Interface())
	}
}

// Source says where a setting comes from: "default", or the file and line,
// variable or flag that set it.
func (l *Loaded) Source(key string) string {
	if where, ok := l.origins[key]; ok {
		return where
	}
	return "default"
}

// Folder is the platform's folder for the configuration file that holds in
// every working folder.
func Folder(env func(string) string) (string, error) { return configFolder(env) }
