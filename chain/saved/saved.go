// Package saved reads the folder of saved task trees. It is not a stable API.
package saved

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/rs/zerolog"
)

// endings are those of the files.
var endings = []string{".json", ".yaml", ".yml"}

// Folder has saved trees: NAME.json, NAME.yaml or NAME.yml.
type Folder struct {
	FS  fs.FS // nil: there are none
	Log zerolog.Logger
}

// Read implements executors.Trees.
func (f Folder) Read(name string) ([]byte, error) {
	if f.FS == nil || !fs.ValidPath(name) || strings.Contains(name, "/") {
		return nil, fs.ErrNotExist
	}
	for _, ending := range endings {
		data, err := fs.ReadFile(f.FS, name+ending)
		if !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return nil, fs.ErrNotExist
}

// Names implements executors.Trees.
func (f Folder) Names() []string {
	if f.FS == nil {
		return nil
	}
	entries, err := fs.ReadDir(f.FS, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no tree was saved yet
	}
	if err != nil {
		f.Log.Warn().Err(err).Msg("the folder of saved trees can't be read")
		return nil
	}
	var names []string
	for _, entry := range entries {
		if ending := path.Ext(entry.Name()); !entry.IsDir() && slices.Contains(endings, ending) {
			names = append(names, strings.TrimSuffix(entry.Name(), ending))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
