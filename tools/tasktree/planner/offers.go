package planner

import (
	"bytes"
	_ "embed"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed offers.yaml
var offersFile []byte

// book is what the planner knows of writing inputs.
type book struct {
	Offers   map[string][]map[string]any
	Asks     map[string]ask
	Inputs   map[string][]string
	Flows    []string
	Spoken   map[string]string
	Unspoken []string
	Kept     []string
	Results  []string
}

// ask is an input of the run.
type ask struct {
	Type        string
	Default     any
	Description string
}

func (a ask) schema() map[string]any {
	schema := map[string]any{"type": a.Type, "description": a.Description}
	if a.Default != nil {
		schema["default"] = a.Default
	}
	return schema
}

var offers = sync.OnceValue(func() *book {
	var b book
	decoder := yaml.NewDecoder(bytes.NewReader(offersFile))
	decoder.KnownFields(true)
	if err := decoder.Decode(&b); err != nil {
		panic(fmt.Errorf("the planner's offers: %w", err)) // a defect of the build
	}
	return &b
})
