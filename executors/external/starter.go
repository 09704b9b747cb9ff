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

// starters holds one folder per starter. The files work unchanged.
//
//go:embed starters
var starters embed.FS

var idForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Kinds returns the kinds of user-made executors, sorted.
func Kinds() []string { return sortedKeys(kinds) }

// Start writes a working example of an executor to the new folder dir/id and
// returns the paths of its files. It fails with fs.ErrExist if the folder
// exists.
func Start(dir, id, kind string) (files []string, err error) {
	if !slices.Contains(Kinds(), kind) {
		return nil, fmt.Errorf("unknown kind %q; the kinds are %s", kind, strings.Join(Kinds(), ", "))
	}
	return write(dir, id, kind, map[string]string{"Title": titled(id)})
}

// write fills in the files of a starter and writes them to dir/id.
func write(dir, id, starter string, values map[string]string) (files []string, err error) {
	if !idForm.MatchString(id) {
		return nil, fmt.Errorf("%q is not a valid id: use 1 to 40 lower-case letters, digits and _, starting with a letter", id)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the executors folder: %w", err)
	}
	folder := filepath.Join(dir, id)
	if err := os.Mkdir(folder, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%s already exists and was not changed: %w", folder, fs.ErrExist)
		}
		return nil, fmt.Errorf("creating a folder for the executor: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(folder)) // created by this call
		}
	}()
	entries, err := fs.ReadDir(starters, path.Join("starters", starter))
	if err != nil {
		return nil, fmt.Errorf("reading the starter: %w", err)
	}
	// Write the definition last: a running server may load it at once.
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

// starterFile returns a file with its [[.Name]] marks filled in. ({{ }} has a
// meaning in the files themselves. text/template is avoided because it makes
// the linker keep all methods of all types.)
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

// titled returns an id as a title: "word_count" becomes "Word count".
func titled(id string) string {
	title := strings.ReplaceAll(id, "_", " ")
	return strings.ToUpper(title[:min(len(title), 1)]) + title[min(len(title), 1):]
}
