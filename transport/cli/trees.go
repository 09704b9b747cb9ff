package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainwright/chainwright/chain"
)

type treesCmd struct {
	Name string
	JSON bool
}

func (c *treesCmd) takes() []*param {
	return []*param{
		arg("name", &c.Name, "A saved tree's name; without it, all are listed.").optional().offering(treeNames),
		flag("json", &c.JSON, "", "Print JSON."),
	}
}

// treeInfo is a saved tree as the command prints it.
type treeInfo struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Tasks       int             `json:"tasks"`
	Inputs      json.RawMessage `json:"inputs,omitempty"`
	Error       string          `json:"error,omitempty"`
}

// Run lists the saved trees, or shows one.
func (c *treesCmd) Run(s *session) error {
	p, err := s.open(unaudited, unselected)
	if err != nil {
		return err
	}
	if c.Name == "" {
		return finishing(s, p, c.list(s, p))
	}
	return finishing(s, p, c.one(s, p))
}

func (c *treesCmd) list(s *session, p *program) error {
	list := []treeInfo{}
	for _, name := range p.tools.SavedTrees() {
		list = append(list, p.treeInfo(name))
	}
	if c.JSON {
		return s.printJSON(map[string]any{"trees": list})
	}
	if len(list) == 0 {
		fmt.Fprintf(s.err, "no trees are saved in %s; save one with chainwright generate task-tree … --save\n", treesFolder(p.config))
		return nil
	}
	t := table{right: map[int]bool{1: true}}
	t.add("TREE", "TASKS", "WHAT IT DOES")
	for _, info := range list {
		about := info.Description
		if info.Error != "" {
			about = "can't be run: " + info.Error
		}
		t.add(info.Name, thousands(info.Tasks), about)
	}
	return t.write(s.out)
}

func (c *treesCmd) one(s *session, p *program) error {
	if c.JSON {
		raw, refused := p.tools.ReadTree(c.Name)
		if refused != nil {
			return refusal(refused)
		}
		return s.printJSON(raw)
	}
	tree, err := p.savedTree(c.Name)
	if err != nil {
		return err
	}
	if tree.Description != "" {
		fmt.Fprintf(s.out, "%s\n\n", wrap(tree.Description, 80))
	}
	if err := drawTree(s.out, tree); err != nil {
		return err
	}
	if tree.InputSchema == nil {
		return nil
	}
	return tellInputs(s, tree.InputSchema.JSON())
}

func (p *program) treeInfo(name string) treeInfo {
	tree, err := p.savedTree(name)
	if err != nil {
		return treeInfo{Name: name, Error: err.Error()}
	}
	info := treeInfo{Name: name, Description: tree.Description, Tasks: len(tree.Tasks)}
	if tree.InputSchema != nil {
		info.Inputs = tree.InputSchema.JSON()
	}
	return info
}

// savedTree reads a saved tree.
func (p *program) savedTree(name string) (*chain.Tree, error) {
	tree, report, refused := p.tools.Tree(name)
	if refused != nil {
		return nil, refusal(refused)
	}
	if !report.Valid() {
		return nil, usage("the saved tree %s: %w", name, report.Err())
	}
	return tree, nil
}

var treeNames = known(func(_ *session, p *program) []cobra.Completion {
	var list []cobra.Completion
	for _, name := range p.tools.SavedTrees() {
		list = append(list, cobra.CompletionWithDesc(name, p.treeInfo(name).Description))
	}
	return list
})

// treesAndFiles offers files and the names of saved trees.
func treesAndFiles(s *session) ([]cobra.Completion, cobra.ShellCompDirective) {
	list, _ := treeNames(s)
	return list, cobra.ShellCompDirectiveDefault
}

// treeArgument returns the argument for tools that take a tree: the text of a
// file, or if there is no such file, the name of a saved tree.
func (s *session) treeArgument(name string) (argument, value string, err error) {
	text, err := s.treeText(name)
	if errors.Is(err, fs.ErrNotExist) && isTreeName(name) {
		return "tree", name, nil
	}
	return "tasks", text, err
}

// isTreeName reports whether a text can be the name of a saved tree and is not a
// path.
func isTreeName(name string) bool {
	return !strings.ContainsAny(name, `./\:`) && regexp.MustCompile(`^[\w-]{1,64}$`).MatchString(name)
}
