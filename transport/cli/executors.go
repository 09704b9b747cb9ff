package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
)

type executorsCmd struct {
	ID   string
	JSON bool
}

func (c *executorsCmd) takes() []*param {
	return []*param{
		arg("id", &c.ID, "An executor's id; without it, all are listed.").optional().offering(executorIDs),
		flag("json", &c.JSON, "", "Print JSON."),
	}
}

// executorInfo is an executor as the command prints it.
type executorInfo struct {
	ID          string                `json:"id"`
	Title       string                `json:"title"`
	Toolset     string                `json:"toolset"`
	Open        bool                  `json:"open"`
	OpenedBy    string                `json:"opened_by,omitempty"`
	Annotations executors.Annotations `json:"annotations"`
	Description string                `json:"description"`
	Timeout     float64               `json:"timeout_seconds"`
	Ceiling     float64               `json:"timeout_ceiling_seconds"`
	Input       json.RawMessage       `json:"input_schema,omitempty"`
	Output      json.RawMessage       `json:"output_schema,omitempty"`
	Examples    []executorExample     `json:"examples,omitempty"`
}

type executorExample struct {
	Title  string          `json:"title,omitempty"`
	Inputs json.RawMessage `json:"inputs"`
	Result json.RawMessage `json:"result,omitempty"`
}

// Run lists the executors, or describes one.
func (c *executorsCmd) Run(s *session) error {
	p, err := s.open(unaudited)
	if err != nil {
		return err
	}
	return finishing(s, p, c.tell(s, p))
}

func (c *executorsCmd) tell(s *session, p *program) error {
	if c.ID != "" {
		return c.one(s, p)
	}
	p.completeFor(s)
	var list []executorInfo
	for _, each := range p.registry.All() {
		list = append(list, inform(p.registry, each.Definition()))
	}
	if c.JSON {
		return s.printJSON(map[string]any{"executors": list})
	}
	t := table{}
	t.add("EXECUTOR", "STATE", "TITLE, OR WHAT OPENS IT")
	for _, info := range list {
		if info.Open {
			t.add(info.ID, "open", info.Title)
			continue
		}
		t.add(info.ID, "closed", info.OpenedBy)
	}
	return t.write(s.out)
}

func (c *executorsCmd) one(s *session, p *program) error {
	found, ok := p.registry.Lookup(c.ID)
	if !ok {
		return usage("there is no executor %q", c.ID).withHint(closest(c.ID, p.registry.Nearest(c.ID), "`chainwright executors` lists them"))
	}
	info := inform(p.registry, found.Definition())
	if c.JSON {
		return s.printJSON(info)
	}
	state := "open"
	if !info.Open {
		state = "closed; open it with " + info.OpenedBy
	}
	fmt.Fprintf(s.out, "%s: %s\n%s\n\n%s\n\n", info.ID, info.Title, state, wrap(info.Description, 80))
	fmt.Fprintf(s.out, "effect: %s; timeout %gs, at most %gs\n", effect(info.Annotations), info.Timeout, info.Ceiling)
	if err := tellInputs(s, info.Input); err != nil {
		return err
	}
	for _, example := range info.Examples {
		fmt.Fprintf(s.out, "\nexample: %s\n  chainwright call %s --inputs '%s'\n", example.Title, info.ID, strings.ReplaceAll(string(example.Inputs), "'", `'\''`))
	}
	return nil
}

// inform returns the description of an executor.
func inform(registry *executors.Registry, def *executors.Definition) executorInfo {
	setting, closed := registry.Closed(def.ID)
	info := executorInfo{
		ID: def.ID, Title: def.Title, Toolset: def.Toolset, Open: !closed, OpenedBy: setting, Annotations: def.Annotations,
		Description: def.Description, Timeout: def.Timeout.Default.Seconds(), Ceiling: def.Timeout.Ceiling.Seconds(),
		Input: def.Input.JSON(), Output: def.Output.JSON(),
	}
	if !closed {
		info.OpenedBy = ""
	}
	for _, example := range def.Examples {
		info.Examples = append(info.Examples, executorExample(example))
	}
	return info
}

// property is one input in a schema.
type property struct {
	Type        any             `json:"type"`
	Description string          `json:"description"`
	Default     json.RawMessage `json:"default"`
	Enum        []any           `json:"enum"`
	AnyOf       []property      `json:"anyOf"`
}

func (p property) kind() string {
	switch {
	case len(p.Enum) > 0:
		parts := make([]string, len(p.Enum))
		for i, value := range p.Enum {
			parts[i] = fmt.Sprint(value)
		}
		return strings.Join(parts, "|")
	case p.Type != nil:
		return fmt.Sprint(p.Type)
	}
	var kinds []string
	for _, each := range p.AnyOf {
		kinds = append(kinds, each.kind())
	}
	if len(kinds) == 0 {
		return "any"
	}
	return strings.Join(kinds, " or ")
}

func tellInputs(s *session, schema json.RawMessage) error {
	fields, required, err := properties(schema)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "\ninputs (* required):")
	t := table{}
	for _, field := range fields {
		name := field.name
		if required[name] {
			name += "*"
		}
		about := field.Description
		if len(field.Default) > 0 {
			about = strings.TrimSpace("(default " + string(field.Default) + ") " + about)
		}
		t.add("  "+name, shorten.Line(field.kind(), 28), about)
	}
	return t.write(s.out)
}
