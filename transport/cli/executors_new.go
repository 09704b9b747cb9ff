package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/nested"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/transport/internal/config"
)

type newExecutorCmd struct {
	ID   string
	Kind string
	Tree string
	JSON bool
}

func (c *newExecutorCmd) takes() []*param {
	return []*param{
		arg("id", &c.ID, "The id of the new executor: lower-case letters, digits and _."),
		flag("kind", &c.Kind, "KIND", "How the executor works: "+listed(external.Kinds())+".").oneOf(external.Kinds()...).initially("command"),
		flag("tree", &c.Tree, "NAME|FILE", "Make an executor that runs this task tree: a saved tree or a file.").offering(treesAndFiles),
		flag("json", &c.JSON, "", "Print JSON."),
	}
}

// Run writes the files and prints how to try them.
func (c *newExecutorCmd) Run(s *session) error {
	p, err := s.open(unaudited)
	if err != nil {
		return err
	}
	return finishing(s, p, c.write(s, p))
}

func (c *newExecutorCmd) write(s *session, p *program) error {
	dir := p.config.ExecutorsDir
	if p.external == nil || dir == config.NoExecutors {
		return usage("no folder of user-made executors is set").withHint("set one with --executors-dir FOLDER")
	}
	if _, taken := p.registry.Lookup(c.ID); taken {
		return usage("the executor %s already exists", c.ID).withHint("choose another id; `chainwright executors` lists all ids")
	}
	files, err := c.start(s, p, dir)
	switch {
	case errors.Is(err, fs.ErrExist):
		return usage("%w", err)
	case err != nil:
		return usage("executors new: %w", err)
	}
	if c.JSON {
		return s.printJSON(map[string]any{"id": c.ID, "files": files})
	}
	for _, name := range files {
		fmt.Fprintf(s.out, "wrote %s\n", name)
	}
	next := "next: chainwright executors " + c.ID
	if c.Kind == "mcp" {
		next = "each tool becomes an executor " + c.ID + "_TOOL; next: chainwright executors"
	}
	fmt.Fprintf(s.err, "running servers load it automatically; %s\n", next)
	return nil
}

// start writes a template, or an executor that runs an existing tree. It returns
// the names of the files.
func (c *newExecutorCmd) start(s *session, p *program, dir string) ([]string, error) {
	if c.Tree == "" {
		return external.Start(dir, c.ID, c.Kind)
	}
	if c.Kind != "command" && c.Kind != "tree" {
		return nil, fmt.Errorf("--tree can be used only with --kind tree; got %s", c.Kind)
	}
	tree, err := p.treeOf(s, c.Tree)
	if err != nil {
		return nil, err
	}
	return nested.Publish(dir, c.ID, tree, p.registry)
}

// treeOf reads a tree from a file, or a saved tree by its name.
func (p *program) treeOf(s *session, name string) (*chain.Tree, error) {
	key, value, err := s.treeArgument(name)
	if err != nil {
		return nil, err
	}
	if key == "tree" {
		return p.savedTree(name)
	}
	tree, report := parse.Parse([]byte(value), p.registry, parse.Options{})
	if !report.Valid() {
		return nil, fmt.Errorf("%s: %w", name, report.Err())
	}
	return tree, nil
}
