package external

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/bind"
	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// maxFile is the largest definition or tree file in bytes.
const maxFile = 8 << 20

// sectionKey is the key of this package's part of a definition file.
const sectionKey = "run"

//go:embed run.yaml
var runSchemas []byte

// sections returns the schemas of the run section by kind.
var sections = sync.OnceValue(func() map[string]*executors.Schema {
	value, err := strictjson.FromYAML(runSchemas)
	if err != nil {
		panic(fmt.Errorf("run.yaml: %w", err))
	}
	all := map[string]*executors.Schema{}
	for kind, shape := range value.(map[string]any) {
		raw, err := plainjson.Marshal(shape)
		if err != nil {
			panic(fmt.Errorf("run.yaml: %s: %w", kind, err))
		}
		if all[kind], err = executors.CompileSchema("run of kind "+kind, raw); err != nil {
			panic(fmt.Errorf("run.yaml: %w", err))
		}
	}
	return all
})

// loading is one attempt to load one file.
type loading struct {
	folder     *Folder
	name, path string
	data       []byte
	section    *executors.Section
	def        *executors.Definition // nil for kind mcp, where each tool has its own
	run        map[string]any        // the run section, with defaults
	uses       []string
	named      []string // other files that the definition uses
	trusted    []policy.Trusted
	again      bool         // the error may be temporary: try again later
	prefix     string       // of the tools of an MCP server
	leave      func() error // closes an MCP server that finish was not called for
	// finish makes the executors if that may take long; nil: make returned them.
	finish func(context.Context) ([]executors.Executor, error)
}

// kinds map each kind to the function that makes the executors of a file.
var kinds = map[string]func(*loading) ([]executors.Executor, error){
	"command": newCommand,
	"http":    newRequest,
	"mcp":     newPeer,
	"tree":    newTree,
}

// make reads the file and returns the executors that it defines.
func (l *loading) make() ([]executors.Executor, error) {
	if err := l.readFile(); err != nil {
		return nil, err
	}
	kind, err := l.readSection()
	if err != nil {
		return nil, err
	}
	if kind == "mcp" {
		return newPeer(l)
	}
	if l.def, err = executors.ParseDefinition(l.name, l.data, sectionKey); err != nil {
		return nil, err
	}
	return kinds[kind](l)
}

func (l *loading) readFile() (err error) {
	file, err := l.folder.opts.Registry.Policy().OpenTrusted(policy.Trusted{Setting: "the executor's definition", Path: l.path})
	if err == nil {
		l.data, err = policy.ReadAllRegular(file, maxFile)
	}
	if err != nil {
		return fmt.Errorf("%s:1: %w", l.name, err)
	}
	return nil
}

// readSection reads the run section and validates it against the schema of
// its kind.
func (l *loading) readSection() (kind string, err error) {
	if l.section, err = executors.ReadSection(l.name, l.data, sectionKey); err != nil {
		return "", err
	}
	if l.section == nil {
		return "", fmt.Errorf("%s:1: the section %q is missing; add one, for example run: {kind: command, command: [python3, work.py]}", l.name, sectionKey)
	}
	value, err := l.section.Value()
	if err != nil {
		return "", err
	}
	run, ok := value.(map[string]any)
	if !ok {
		return "", l.section.Errorf(nil, "run must be a mapping")
	}
	kind, _ = run["kind"].(string)
	if _, known := kinds[kind]; !known {
		names := sortedKeys(kinds)
		hint := "the kinds are " + strings.Join(names, ", ")
		if near := nearest.Hint(kind, names); near != "" {
			hint = near
		}
		return "", l.section.Errorf([]string{"kind"}, "run.kind is %q; %s", kind, hint)
	}
	run, violations := sections()[kind].Apply(run)
	if len(violations) > 0 {
		return "", l.violations("run", violations)
	}
	l.run = run
	return kind, nil
}

// violations returns the violations as errors with the line of each.
func (l *loading) violations(what string, violations []executors.Violation) error {
	var errs []error
	for _, each := range violations {
		path := what
		if each.Path != "" {
			path += "." + each.Path
		}
		errs = append(errs, l.section.Errorf(steps(each.Path), "%s %s", path, each.Message))
	}
	return errors.Join(errs...)
}

// steps splits the path of a violation into its keys.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// bindRun decodes the run section into a struct.
func (l *loading) bindRun(into any) error {
	if err := bind.Into(into, l.run); err != nil {
		return l.section.Errorf(nil, "run: %w", err)
	}
	return nil
}

// beside returns the path of a file that the section names, relative to the
// definition. The file is watched for changes. It fails if callers may write
// to the file.
func (l *loading) beside(key []string, name string) (string, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(l.path), filepath.FromSlash(name))
	}
	if err := l.trust(key, path); err != nil {
		return "", err
	}
	l.named = append(l.named, path)
	return path, nil
}

// trust fails if callers may write to a file that the definition uses.
func (l *loading) trust(key []string, path string) error {
	t := policy.Trusted{Setting: "a file of this executor", Path: path, Program: true}
	if err := l.folder.opts.Registry.Policy().CheckTrusted(t); err != nil {
		return l.section.Errorf(key, "%w", err)
	}
	l.trusted = append(l.trusted, t)
	return nil
}

func (l *loading) others() map[string]stamp {
	stamps := make(map[string]stamp, len(l.named))
	for _, path := range l.named {
		stamps[path] = stampOf(path)
	}
	return stamps
}
