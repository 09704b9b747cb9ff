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
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/tasktree/internal/planner"
)

// maxTree is the largest saved tree in bytes.
const maxTree = 8 << 20

// Scopes implements tools.Scoped.
func (g *Generator) Scopes(inputs json.RawMessage) []string {
	for key, value := range strictjson.Members(inputs) {
		if key == "save" {
			return savingScopes(string(value) != "false" && string(value) != "null")
		}
	}
	return nil
}

// savingScopes returns the scopes that a value of the input save needs.
func savingScopes(save any) []string {
	if save == nil || save == false {
		return nil
	}
	return []string{tools.ScopeTreesWrite}
}

// save writes the tree to the folder of saved trees, from which run_task_tree
// runs it by name. It never replaces a tree.
func (g *Generator) save(in Input, p *plan) error {
	name, given := in.Save.(string)
	if wanted, _ := in.Save.(bool); !given && !wanted {
		return nil
	}
	if g.opts.Trees == "" {
		return executors.Errorf(executors.PermissionDenied, "no folder for saved trees is configured").WithField("save").
			WithHint("the operator sets it in chainwright.yaml: trees: FOLDER")
	}
	if !given {
		name = planner.Slug(in.Requirement)
	}
	if !filepath.IsLocal(name + ".json") { // Windows has reserved names, such as CON
		return executors.Errorf(executors.ValidationError, "%q can't be the name of a file", name).WithField("save")
	}
	p.out.Name = name
	raw, err := plainjson.Indent(p.out.tree(), "  ")
	if err != nil {
		return fmt.Errorf("encoding the tree: %w", err)
	}
	if err := os.MkdirAll(g.opts.Trees, 0o700); err != nil {
		return fmt.Errorf("creating the folder of saved trees: %w", err)
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
			return executors.Errorf(executors.ValidationError, "another tree is already saved as %q", name).WithField("save").
				WithHint("choose another name; the plan is in this result")
		}
	}
}

// write writes NAME.json completely or not at all. It reports whether another
// tree has the name, also if that tree is being saved now.
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
	// Unlike a rename, a link never replaces a file.
	err = os.Link(file.Name(), filepath.Join(g.opts.Trees, name+".json"))
	if errors.Is(err, fs.ErrExist) {
		_, other, err := g.there(name, data)
		return other, err
	}
	return false, err
}

// there reports whether a tree is saved under a name, and whether it is another
// tree.
func (g *Generator) there(name string, data []byte) (there, other bool, err error) {
	for _, ending := range []string{".json", ".yaml", ".yml"} {
		found, err := policy.ReadRegular(filepath.Join(g.opts.Trees, name+ending), maxTree)
		if err == nil {
			return true, !bytes.Equal(found, data), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, false, err
		}
	}
	return false, false, nil
}
