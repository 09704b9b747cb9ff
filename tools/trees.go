package tools

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/chain/saved"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// tree reads the tree of a call: the argument tasks or document, or the saved
// tree named by the argument tree. Tasks as a text are read as JSON or YAML.
func (r *runs) tree(args map[string]any) (*chain.Tree, chain.Report, *executors.Error) {
	tasks, whole := args["tasks"]
	document, also := args["document"]
	name := text(args, "tree")
	if also && whole {
		return nil, chain.Report{}, executors.Errorf(executors.ValidationError, "tasks and document are both given; only one is allowed").WithField("document")
	}
	if also {
		tasks, whole = document, true
	}
	switch {
	case whole && name != "":
		given := "tasks"
		if also {
			given = "document"
		}
		return nil, chain.Report{}, executors.Errorf(executors.ValidationError, "%s and tree are both given; only one is allowed", given).WithField("tree")
	case whole:
		if text, ok := tasks.(string); ok {
			tree, report := parse.Parse([]byte(text), r.set.opts.Registry, parse.Options{})
			return tree, report, nil
		}
		tree, report := parse.Value(tasks, r.set.opts.Registry)
		return tree, report, nil
	case name == "":
		return nil, chain.Report{}, executors.Errorf(executors.ValidationError, "tasks is required: an array of tasks; or give document, a whole tree, or tree, the name of a saved one").WithField("tasks")
	}
	return r.set.Tree(name)
}

// Tree reads and validates a saved tree. The tree is nil if it has problems.
func (s *Set) Tree(name string) (*chain.Tree, chain.Report, *executors.Error) {
	data, refused := s.savedTree(name)
	if refused != nil {
		return nil, chain.Report{}, refused
	}
	tree, report := parse.Parse(data, s.opts.Registry, parse.Options{})
	return tree, report, nil
}

// ReadTree returns a saved tree as JSON.
func (s *Set) ReadTree(name string) (json.RawMessage, *executors.Error) {
	data, refused := s.savedTree(name)
	if refused != nil {
		return nil, refused
	}
	value, err := strictjson.FromYAML(data) // JSON is YAML
	if err != nil {
		return nil, executors.Errorf(executors.ValidationError, "the saved tree %q can't be read: %w", name, err)
	}
	raw, err := plainjson.Marshal(value)
	return raw, executors.AsError(err)
}

// savedTree reads a saved tree by its name.
func (s *Set) savedTree(name string) ([]byte, *executors.Error) {
	data, err := s.saved().Read(name)
	switch {
	case err == nil:
		return data, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, executors.Errorf(executors.ExecutionError, "reading the saved tree %q: %w", name, err).WithField("tree")
	}
	names := s.SavedTrees()
	refused := executors.Errorf(executors.NotFound, "there is no saved tree %q", name).WithField("tree")
	switch hint := nearest.Hint(name, names); {
	case hint != "":
		refused.Hint = hint
	case len(names) > 0:
		refused.Hint = "saved are: " + strings.Join(names[:min(len(names), 20)], ", ")
	default:
		refused.Hint = "this server has no saved trees; give the tree itself in tasks"
	}
	return nil, refused
}

// HasTrees reports whether a folder of saved trees is configured.
func (s *Set) HasTrees() bool { return s.opts.Trees != nil }

// SavedTrees returns the names of the saved trees.
func (s *Set) SavedTrees() []string { return s.saved().Names() }

func (s *Set) saved() saved.Folder { return saved.Folder{FS: s.opts.Trees, Log: s.opts.Log} }

// refuseExcluded rejects a tree that uses executors that the server, the request
// or the caller's scopes exclude.
func (r *runs) refuseExcluded(ctx context.Context, tree *chain.Tree) *executors.Error {
	caller := CallerFrom(ctx)
	excluded := slices.Concat(r.set.opts.Exclude, caller.Narrow.Withheld(r.set.opts.Registry))
	for task := range tree.Every() {
		if slices.Contains(excluded, task.Executor) {
			refused := executors.Errorf(executors.PermissionDenied, "task %s uses %s, which is excluded on this server", task.ID, task.Executor).
				WithHint("the operator excluded it with --exclude-tools")
			if caller.Scopes.Selection() != nil {
				refused.Hint = "the token's scopes limit its tools; the operator adds " + scopeTool + task.Executor
			}
			return refused
		}
	}
	return nil
}
