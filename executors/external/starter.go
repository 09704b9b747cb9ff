package external

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// starters are a folder each, of files that work as they are.
//
//go:embed starters
var starters embed.FS

var idForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Kinds are the kinds that there are, in the order of their names.
func Kinds() []string { return sortedKeys(kinds) }

// Start writes an executor that works, to begin with, into a folder of its
// own below dir, and gives the files' paths. It never writes over anything.
func Start(dir, id, kind string) (files []string, err error) {
	if !slices.Contains(Kinds(), kind) {
		return nil, fmt.Errorf("there is no kind %q; known are %s", kind, strings.Join(Kinds(), ", "))
	}
	return write(dir, id, kind, map[string]string{"Title": titled(id)})
}

// write fills in the files of a starter.
func write(dir, id, starter string, values map[string]string) (files []string, err error) {
	if !idForm.MatchString(id) {
		return nil, fmt.Errorf("%q is no id: 1 to 40 lower-case letters, digits and _", id)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of executors: %w", err)
	}
	folder := filepath.Join(dir, id)
	if err := os.Mkdir(folder, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%s is there already, and stays as it is: %w", folder, fs.ErrExist)
		}
		return nil, fmt.Errorf("making a folder for the executor: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(folder)) // which this call has made
		}
	}()
	entries, err := fs.ReadDir(starters, path.Join("starters", starter))
	if err != nil {
		return nil, fmt.Errorf("reading the starter: %w", err)
	}
	// The definition comes last: a server may be watching, and takes it up.
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int {
		return strings.Compare(last(a.Name()), last(b.Name()))
	})
	values["ID"] = id
	for _, entry := range entries {
		text, err := starterFile(path.Join("starters", starter, entry.Name()), values)
		if err != nil {
			return nil, err
		}
		name := filepath.Join(folder, entry.Name())
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return nil, fmt.Errorf("writing the starter: %w", err)
		}
		files = append(files, name)
	}
	return files, nil
}

func last(name string) string {
	if name == definitionFile {
		return "~" + name
	}
	return name
}

// starterFile fills in a file. Its marks are [[.Name]], since {{ }} means
// something in the files themselves. text/template is not for this: a program
// that it is part of keeps all methods of all types.
func starterFile(name string, values map[string]string) ([]byte, error) {
	text, err := fs.ReadFile(starters, name)
	if err != nil {
		return nil, fmt.Errorf("reading the starter: %w", err)
	}
	var marks []string
	for mark, value := range values {
		marks = append(marks, "[[."+mark+"]]", value)
	}
	return []byte(strings.NewReplacer(marks...).Replace(string(text))), nil
}

// titled is an id as a title.
func titled(id string) string {
	title := strings.ReplaceAll(id, "_", " ")
	return strings.ToUpper(title[:min(len(title), 1)]) + title[min(len(title), 1):]
}
