package external

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/bind"
	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// maxFile bounds a definition, which a person writes, and a tree beside one.
const maxFile = 8 << 20

// sectionKey is the part of a definition's file that is this package's.
const sectionKey = "run"

//go:embed run.yaml
var runSchemas []byte

// sections are the schemas of the section by kind.
var sections = sync.OnceValue(func() map[string]*executors.Schema {
	value, err := strictjson.FromYAML(runSchemas)
	if err != nil {
		panic(fmt.Errorf("run.yaml: %w", err))
	}
	all := map[string]*executors.Schema{}
	for kind, shape := range value.(map[string]any) {
		raw, err := json.Marshal(shape)
		if err != nil {
			panic(fmt.Errorf("run.yaml: %s: %w", kind, err))
		}
		if all[kind], err = executors.CompileSchema("run of kind "+kind, raw); err != nil {
			panic(fmt.Errorf("run.yaml: %w", err))
		}
	}
	return all
})

// loading is one reading of one file.
type loading struct {
	folder     *Folder
	name, path string
	data       []byte
	section    *executors.Section
	def        *executors.Definition // nil for kinds that bring their own
	run        map[string]any        // the section, with defaults
	uses       []string
	named      []string // other files that it is made of
	again      bool     // what went wrong may go well later
	// rest makes the executors where that may take long; nil: they are made.
	rest func(context.Context) ([]executors.Executor, error)
}

// kinds make the executors of a file.
var kinds = map[string]func(*loading) ([]executors.Executor, error){
	"command": newCommand,
	"http":    newRequest,
	"mcp":     newPeer,
	"tree":    newTree,
}

// make reads the file and makes what it describes.
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
	if root, exposed := l.folder.opts.Registry.Policy().Exposed(l.path); exposed {
		return fmt.Errorf("%s:1: callers may write this file, by policy.files.roots.%s, and would decide what is run; move it, or take that away", l.name, root)
	}
	l.data, err = readRegular(l.path)
	if err != nil {
		return fmt.Errorf("%s:1: %w", l.name, err)
	}
	return nil
}

func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, reason(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("this is no regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, reason(err)
	case len(data) > maxFile:
		return nil, errors.New("this is over 8 MiB")
	}
	return data, nil
}

// reason is an error of the file system without the path, which is said
// before.
func reason(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s: %w", path.Op, path.Err)
	}
	return err
}

// readSection reads how the work is done, and holds it to its format.
func (l *loading) readSection() (kind string, err error) {
	if l.section, err = executors.ReadSection(l.name, l.data, sectionKey); err != nil {
		return "", err
	}
	if l.section == nil {
		return "", fmt.Errorf("%s:1: there is no section %q, which says how the work is done: run: {kind: command, command: [python3, work.py]}", l.name, sectionKey)
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
		hint := "known are " + strings.Join(names, ", ")
		if near := nearest.Hint(kind, names); near != "" {
			hint = near
		}
		return "", l.section.Errorf([]string{"kind"}, "run.kind is %q; %s", kind, hint)
	}
	run, violations := sections()[kind].Apply(run)
	if len(violations) > 0 {
		return "", l.wrong("run", violations)
	}
	l.run = run
	return kind, nil
}

// wrong is the errors of what does not fit in the section, each at its line.
func (l *loading) wrong(what string, violations []executors.Violation) error {
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

// steps takes a path of a violation apart.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// bindRun puts the section into a struct.
func (l *loading) bindRun(into any) error {
	if err := bind.Into(into, l.run); err != nil {
		return l.section.Errorf(nil, "run: %w", err)
	}
	return nil
}

// beside is the path of a file that the section names. It is one of those
// that are read again when they change, and callers must not be able to write
// it.
func (l *loading) beside(key []string, name string) (string, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(l.path), filepath.FromSlash(name))
	}
	if root, exposed := l.folder.opts.Registry.Policy().Exposed(path); exposed {
		return "", l.section.Errorf(key, "callers may write %s, by policy.files.roots.%s, and would decide what is run; move it, or take that away", name, root)
	}
	l.named = append(l.named, path)
	return path, nil
}

func (l *loading) others() map[string]stamp {
	stamps := make(map[string]stamp, len(l.named))
	for _, path := range l.named {
		stamps[path] = stampOf(path)
	}
	return stamps
}
