package tasktree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools/tasktree/planner"
)

// save writes the tree into the folder of saved trees, from where it can be
// run by its name. What is there under a name is never replaced.
func (g *Generator) save(in Input, p *plan) error {
	name, given := in.Save.(string)
	if wanted, _ := in.Save.(bool); !given && !wanted {
		return nil
	}
	if g.opts.Trees == "" {
		return executors.Errorf(executors.PermissionDenied, "no tree can be saved here").WithField("save").
			WithHint("the operator names a folder: trees: FOLDER in chainwright.yaml")
	}
	if !given {
		name = planner.Slug(in.Requirement)
	}
	if !filepath.IsLocal(name + ".json") { // Windows has names of its own, as CON
		return executors.Errorf(executors.ValidationError, "no tree can be saved as %q", name).WithField("save")
	}
	p.out.Name = name
	raw, err := json.MarshalIndent(p.out.tree(), "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the tree: %w", err)
	}
	if err := os.MkdirAll(g.opts.Trees, 0o700); err != nil {
		return fmt.Errorf("making the folder of saved trees: %w", err)
	}
	for n := 1; ; n++ {
		candidate := name
		if n > 1 {
			candidate = fmt.Sprintf("%s-%d", name, n)
		}
		taken, err := g.write(candidate, append(raw, '\n'))
		switch {
		case err != nil:
			return fmt.Errorf("saving the tree: %w", err)
		case !taken:
			p.out.Saved = candidate
			return nil
		case given:
			return executors.Errorf(executors.ValidationError, "a tree is saved as %q already", name).WithField("save").
				WithHint("choose another name; the plan itself is in this answer")
		}
	}
}

// write makes NAME.json, whole or not at all. It reports whether another tree
// has the name, also where that one is being saved at the same time.
func (g *Generator) write(name string, data []byte) (taken bool, err error) {
	if there, other, err := g.there(name, data); there || err != nil {
		return other, err
	}
	file, err := os.CreateTemp(g.opts.Trees, ".saving-*")
	if err != nil {
		return false, err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return false, err
	}
	// A link, unlike a rename, takes the place of nothing.
	err = os.Link(file.Name(), filepath.Join(g.opts.Trees, name+".json"))
	if errors.Is(err, fs.ErrExist) {
		_, other, err := g.there(name, data)
		return other, err
	}
	return false, err
}

// there reports whether a tree is saved under a name, and whether it is
// another one.
func (g *Generator) there(name string, data []byte) (there, other bool, err error) {
	for _, ending := range []string{".json", ".yaml", ".yml"} {
		found, err := os.ReadFile(filepath.Join(g.opts.Trees, name+ending))
		if err == nil {
			return true, !bytes.Equal(found, data), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, false, err
		}
	}
	return false, false, nil
}
