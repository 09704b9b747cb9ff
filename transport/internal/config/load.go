package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/executors/policy"
)

// FileName is the name of the configuration file in every folder.
const FileName = "chainwright.yaml"

// maxFile bounds the size of the configuration file.
const maxFile = 1 << 20

// Flag is a setting from the command line: its key in the file, the flag's name
// with dashes, and its value as text.
type Flag struct{ Key, Name, Text string }

// Sources are what Load reads.
type Sources struct {
	// File is the file named by a flag. Empty means CHAINWRIGHT_CONFIG, else the
	// user's file.
	File  string
	Flags []Flag
	// Environ is the environment in the form of os.Environ.
	Environ []string
	// Dir is the working folder. An approved file there replaces the user's file.
	// A file that is not approved can only restrict; see narrow.
	Dir string
	// Review reads the file in the working folder as if it were approved, so that
	// it can be shown before it is.
	Review bool
}

// Loaded is a configuration with the source of each setting.
type Loaded struct {
	Config
	// File is the file that was read, or empty.
	File string
	// Found is the file in the working folder, if no file was named.
	Found string
	// Approved says that the operator approved the content of the found file. It
	// then is File, too.
	Approved bool
	// Ignored are the keys of an unapproved file that do not narrow.
	Ignored Problems
	// Within narrows Toolsets and Tools further; nil: no.
	Within *Within

	src      Sources
	data     []byte
	found    []byte // of an unapproved file
	lookup   map[string]string
	origins  map[string]string
	problems Problems
}

// Within is the selection of an unapproved file.
type Within struct{ Toolsets, Tools []string }

// Digest returns the SHA-256 of the configuration files as hex, or "" if there
// are none.
func (l *Loaded) Digest() string {
	if l.File == "" && l.Found == "" {
		return ""
	}
	return fingerprint(append(l.data[:len(l.data):len(l.data)], l.found...))
}

func (l *Loaded) problem(where, message string) {
	l.problems = append(l.problems, Problem{Where: where, Message: message})
}

// Load reads the sources. It returns all problems at once, as Problems, together
// with the settings that it could read.
func Load(src Sources) (*Loaded, error) {
	l := loadOwn(src)
	if found, data, err := l.find(); err != nil {
		l.problem(found, err.Error())
	} else if found != "" {
		l = l.with(found, data)
	}
	if len(l.problems) > 0 {
		return l, l.problems
	}
	return l, nil
}

// loadOwn reads the operator's own sources: the named file, else the user's
// file, and the variables and flags.
func loadOwn(src Sources) *Loaded {
	l := empty(src)
	if where := l.locate(); where != "" {
		l.File = absolute(l.lookup, src.Dir, l.File)
		file, err := policy.OpenRegular(l.File)
		if err == nil {
			l.data, err = policy.ReadAllRegular(file, maxFile)
		}
		if err != nil {
			l.problem(where, fmt.Sprintf("reading the configuration: %s: %v", l.File, err))
		} else {
			l.parse()
		}
	}
	l.complete()
	return l
}

func empty(src Sources) *Loaded {
	l := &Loaded{Config: Defaults(), src: src, origins: map[string]string{}, lookup: map[string]string{}}
	for _, entry := range src.Environ {
		name, value, _ := strings.Cut(entry, "=")
		l.lookup[name] = value
	}
	return l
}

// find returns the file in the working folder, unless the operator named a file.
// A link in its place is refused, because it may lead to a file that someone
// approved for another purpose.
func (l *Loaded) find() (path string, data []byte, err error) {
	path = filepath.Join(l.src.Dir, FileName)
	info, err := os.Lstat(path)
	switch {
	case l.src.File != "" || l.lookup[prefix+"CONFIG"] != "" || errors.Is(err, fs.ErrNotExist):
		return "", nil, nil
	case err == nil && l.File != "":
		if own, err := os.Lstat(l.File); err == nil && os.SameFile(own, info) {
			return "", nil, nil
		}
	}
	file, err := policy.OpenRegularNoLink(path)
	if err == nil {
		data, err = policy.ReadAllRegular(file, maxFile)
	}
	return path, data, err
}

// with returns the configuration with the file that was found in the working
// folder. An approved one takes the place of the user's file.
func (l *Loaded) with(path string, data []byte) *Loaded {
	approvals, err := readApprovals(l.approvalsFile())
	if err != nil {
		l.problem(l.approvalsFile(), err.Error())
		return l
	}
	found := empty(l.src)
	found.File, found.data = path, data
	found.parse()
	found.Approved = approvals[resolved(path)] == fingerprint(data)
	if !found.Approved && !l.src.Review {
		l.narrow(found)
		return l
	}
	found.Found = path
	found.resolveRoots()
	found.complete()
	found.restrictExecutors()
	return found
}

// parse decodes the file's text into the configuration.
func (l *Loaded) parse() {
	shown := l.shownFile(l.src.Dir)
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

// locate sets File. It returns where the file was named, for errors; "" if there
// is no file.
func (l *Loaded) locate() string {
	if l.src.File != "" {
		l.File = l.src.File
		return "--config " + l.File
	}
	if named := l.lookup[prefix+"CONFIG"]; named != "" {
		l.File = named
		return prefix + "CONFIG"
	}
	folder, err := configFolder(l.env)
	if err != nil {
		return ""
	}
	own := filepath.Join(folder, FileName)
	if _, err := os.Lstat(own); errors.Is(err, fs.ErrNotExist) {
		return "" // a file that exists and can't be read is a problem: it may restrict something
	}
	l.File = own
	return own
}

// absolute returns the path of a setting. A relative path in a file starts at the
// file's folder, and any other at the working folder.
func (l *Loaded) absolute(key, path string) string {
	dir := l.src.Dir
	if where, set := l.origins[key]; set && l.fromFile(where) {
		dir = filepath.Dir(l.File)
	}
	return absolute(l.lookup, dir, path)
}

func absolute(env map[string]string, dir, path string) string {
	path = expand(env, path)
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return filepath.Clean(path)
}

// fromFile reports whether an origin is a file, and no variable and no flag.
func (l *Loaded) fromFile(where string) bool {
	return !strings.HasPrefix(where, "--") && !strings.HasPrefix(where, prefix)
}

// shownFile returns the file's name, relative to the working folder if it is
// below it.
func (l *Loaded) shownFile(dir string) string {
	if rel, err := filepath.Rel(dir, l.File); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return l.File
}

func (l *Loaded) env(name string) string { return l.lookup[name] }

// expand replaces a leading ~ with the home folder.
func expand(env map[string]string, path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) && rest[0] != '/' {
		return path
	}
	home := cmp.Or(env["HOME"], env["USERPROFILE"])
	if home == "" {
		return path
	}
	return filepath.Join(home, rest)
}

// notSettings are variables of this program that are not settings: the file, the
// mark on processes that executors start, and those of shell completion.
var notSettings = []string{prefix + "CONFIG", prefix + "PROCESS", prefix + "ACTIVE_HELP", prefix + "COMPLETION_DESCRIPTIONS"}

// readEnvironment sets every CHAINWRIGHT_ variable. An unknown variable is a
// problem, unless it is empty, the configuration names it as the variable of a
// secret, or it belongs to the tests.
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
		message := "is not a known setting"
		if near := nearest.To(name, slices.Collect(maps.Keys(byName))); len(near) > 0 {
			message += "; did you mean " + near[0] + "?"
		}
		l.problem(name, message)
	}
}

// holders returns the variables that the configuration reads values from.
func (l *Loaded) holders() []string {
	names := []string{l.HTTP.TokenEnv}
	for _, t := range l.HTTP.Tokens {
		names = append(names, t.Env)
	}
	for _, s := range l.Policy.Secrets {
		names = append(names, s.Env)
	}
	for _, c := range l.Policy.Connections {
		names = append(names, c.DSNEnv, c.PasswordEnv)
	}
	for _, c := range l.Policy.OAuthClients {
		names = append(names, c.ClientSecretEnv)
	}
	return names
}

// Entry is one setting with its value and source.
type Entry struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Entries returns all settings outside policy, and the settings of policy that
// were set, in the order of declaration.
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
		value := shown(reflect.ValueOf(l.Config).FieldByIndex(s.index))
		if s.key == "store" {
			value = l.ShownStore()
		}
		out = append(out, Entry{Key: s.key, Value: value, Source: source})
	}
	return out
}

// shown returns a value on one line. It leaves out the DSN of a connection, which
// may contain a password.
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

// Source returns where a setting comes from: "default", or the file and line, the
// variable or the flag that set it.
func (l *Loaded) Source(key string) string {
	if where, ok := l.origins[key]; ok {
		return where
	}
	return "default"
}

// Folder returns the platform's folder for the user's configuration file, which
// applies in every working folder.
func Folder(env func(string) string) (string, error) { return configFolder(env) }

// DataFolder returns the platform's folder for the store and the audit trail.
func DataFolder(env func(string) string) (string, error) { return dataFolder(env) }
