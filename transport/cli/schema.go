package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chainwright/chainwright/chain/parse"
)

// treeSchemaFile is the name of the schema of trees beside trees.
const treeSchemaFile = "chainwright-tree.schema.json"

type schemaTreeCmd struct {
	Out  string
	JSON bool
}

func (c *schemaTreeCmd) takes() []*param {
	return []*param{
		flag("out", &c.Out, "FILE", "Write the schema into this file. An existing file is replaced."),
		alwaysJSON(&c.JSON),
	}
}

// Run prints the JSON Schema of tree files.
func (c *schemaTreeCmd) Run(s *session) error {
	p, err := s.open(unaudited, unselected)
	if err != nil {
		return err
	}
	text, err := treeSchema(p)
	if err == nil {
		if c.Out == "" {
			_, err = s.out.Write(text)
		} else if err = os.WriteFile(c.Out, text, 0o644); err != nil {
			err = usage("writing the schema: %w", err)
		}
	}
	return finishing(s, p, err)
}

// placeTreeSchema writes the schema of trees into a new folder, for the editor.
func (s *session) placeTreeSchema(path string) error {
	p, err := s.open(unaudited, unselected)
	if err != nil {
		return err
	}
	text, err := treeSchema(p)
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err = finishing(s, p, err); err != nil {
		return fmt.Errorf("writing the schema of trees: %w", err)
	}
	return nil
}

func treeSchema(p *program) ([]byte, error) {
	raw, err := parse.JSONSchema(p.registry)
	if err != nil {
		return nil, err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, raw, "", " "); err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	pretty.WriteByte('\n')
	return pretty.Bytes(), nil
}

// hasTreeSchema reports whether the schema lies beside a file.
func hasTreeSchema(file string) bool {
	info, err := os.Stat(filepath.Join(filepath.Dir(file), treeSchemaFile))
	return err == nil && info.Mode().IsRegular()
}

// withTreeSchema names the schema of a tree, which is a JSON object, for editors: in
// a comment on the first line of a YAML file, else in a field.
func withTreeSchema(name string, tree []byte) []byte {
	if yaml(name) {
		return append([]byte("# yaml-language-server: $schema="+treeSchemaFile+"\n"), tree...)
	}
	rest, ok := bytes.CutPrefix(tree, []byte("{\n"))
	if !ok {
		return tree
	}
	return append([]byte("{\n  \"$schema\": \"./"+treeSchemaFile+"\",\n"), rest...)
}
