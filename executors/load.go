package executors

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/internal/schema"
	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// LoadDefinition reads a definition from a YAML file. It reports all problems
// at once, each with the file and the line.
func LoadDefinition(fsys fs.FS, name string) (*Definition, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("reading a definition: %w", err)
	}
	return ParseDefinition(name, data)
}

// MustLoad is LoadDefinition of definition.yaml, for the variables of built-in
// executors. It panics on an error.
func MustLoad(fsys fs.FS) *Definition {
	def, err := LoadDefinition(fsys, "definition.yaml")
	if err != nil {
		panic(err)
	}
	return def
}

// MustParse is ParseDefinition for variables of a program. It panics on an
// error.
func MustParse(text string) *Definition {
	def, err := ParseDefinition("definition", []byte(text))
	if err != nil {
		panic(err)
	}
	return def
}

// ParseDefinition parses a definition; its errors begin with file. A
// definition may have further sections for other readers: see ReadSection.
func ParseDefinition(file string, data []byte, sections ...string) (*Definition, error) {
	root, err := strictjson.ParseYAML(data)
	l := loader{file: file}
	if err != nil {
		l.wrap(nil, err)
		return nil, errors.Join(l.problems...)
	}
	def := l.definition(root, sections)
	if len(l.problems) > 0 {
		return nil, errors.Join(l.problems...)
	}
	return def, nil
}

// loader reads one file and collects its problems.
type loader struct {
	file     string
	problems []error
}

// problem adds a problem at a node.
func (l *loader) problem(at *yaml.Node, format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf("%s:%d: %s", l.file, at.Line, fmt.Sprintf(format, args...)))
}

// wrap adds an error, at its own line if it has one.
func (l *loader) wrap(at *yaml.Node, err error) {
	var syntax *strictjson.SyntaxError
	switch {
	case errors.As(err, &syntax):
		l.problems = append(l.problems, fmt.Errorf("%s:%d: %s", l.file, syntax.Line, syntax.Message))
	case at != nil:
		l.problem(at, "%v", err)
	default:
		l.problems = append(l.problems, fmt.Errorf("%s: %w", l.file, err))
	}
}

// field is a key that a mapping may have.
type field struct {
	name     string
	required bool
	read     func(*yaml.Node)
}

// mapping reads the keys of a mapping. Unknown keys are problems, with the
// nearest known key as a hint; so are missing keys.
func (l *loader) mapping(node *yaml.Node, what string, fields ...field) {
	node = follow(node)
	if node.Kind != yaml.MappingNode {
		l.problem(node, "%s must be a mapping", what)
		return
	}
	seen := make(map[string]bool, len(fields))
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		found := false
		for _, each := range fields {
			if each.name == key.Value {
				found = true
				if seen[key.Value] {
					l.problem(key, "key %q appears twice", key.Value)
				} else {
					each.read(follow(value))
				}
				seen[key.Value] = true
				break
			}
		}
		if !found {
			l.unknownKey(key, what, fields)
		}
	}
	for _, each := range fields {
		if each.required && !seen[each.name] {
			l.problem(node, "%s needs %q", what, each.name)
		}
	}
}

func (l *loader) unknownKey(key *yaml.Node, what string, fields []field) {
	names := make([]string, len(fields))
	for i, each := range fields {
		names[i] = each.name
	}
	hint := nearest.Hint(key.Value, names)
	if hint == "" {
		hint = "the known keys are " + strings.Join(names, ", ")
	}
	l.problem(key, "%s has no key %q; %s", what, key.Value, hint)
}

// follow returns the node that an alias refers to.
func follow(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

var (
	idForm      = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	toolsetForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
)

func (l *loader) definition(root *yaml.Node, sections []string) *Definition {
	def := new(Definition)
	var effects, examples, texts, rare, rareResults *yaml.Node
	later := func(to **yaml.Node) func(*yaml.Node) { return func(n *yaml.Node) { *to = n } }
	before := len(l.problems)
	fields := []field{
		{"id", true, l.form(&def.ID, idForm, "1 to 40 lower-case letters, digits and _")},
		{"title", true, l.text(&def.Title)},
		{"description", true, l.text(&def.Description)},
		{"details", false, l.text(&def.Details)},
		{"search_hint", false, l.hint(&def.SearchHint)},
		{"tags", false, l.texts(&def.Tags)},
		{"aliases", false, l.texts(&def.Aliases)},
		{"toolset", true, l.form(&def.Toolset, toolsetForm, "1 to 40 lower-case letters, digits, _ and -")},
		{"on_request", false, l.boolean(&def.OnRequest)},
		{"annotations", true, func(n *yaml.Node) { def.Annotations = l.annotations(n) }},
		{"effects", false, later(&effects)},
		{"input_schema", true, l.schema(&def.Input, "input_schema")},
		{"output_schema", true, l.schema(&def.Output, "output_schema")},
		{"rare", false, later(&rare)},
		{"rare_results", false, later(&rareResults)},
		{"examples", false, later(&examples)},
		{"timeout", true, func(n *yaml.Node) { def.Timeout = l.timeout(n) }},
		{"retry", false, func(n *yaml.Node) { def.Retry = l.retry(n) }},
		{"needs", false, l.needs(&def.Needs)},
		{"destination", false, l.text(&def.Destination)},
		{"accepts_dependencies", false, l.boolean(&def.AcceptsDependencies)},
		{"rows_in", false, l.text(&def.RowsIn)},
		{"read_json", false, later(&texts)},
	}
	for _, name := range sections {
		fields = append(fields, field{name, false, func(*yaml.Node) {}})
	}
	l.mapping(root, "a definition", fields...)
	def.Description, def.Details = strings.TrimSpace(def.Description), strings.TrimSpace(def.Details)
	if len(l.problems) > before {
		return nil
	}
	if effects != nil {
		def.Effects = l.effects(effects, def)
	}
	if texts != nil {
		def.ReadJSON = l.readJSON(texts, def)
	}
	if examples != nil {
		def.Examples = l.examples(examples)
	}
	if rare != nil {
		def.Rare = l.rare(rare, def)
	}
	if rareResults != nil {
		def.RareResults = l.rareResults(rareResults, def)
	}
	if def.Destination != "" && !def.Input.HasProperty(def.Destination) {
		l.problem(root, "destination names %q, which is not in input_schema", def.Destination)
	}
	return def
}

// schema compiles a schema whose root is an object. Errors have the line of
// the keyword.
func (l *loader) schema(to **Schema, name string) func(*yaml.Node) {
	return func(node *yaml.Node) {
		raw, err := strictjson.AppendJSON(nil, node)
		if err != nil {
			l.wrap(node, err)
			return
		}
		compiled, err := schema.Compile(name, raw)
		var wrong *schema.CompileError
		switch {
		case errors.As(err, &wrong):
			l.problem(at(node, wrong.Pointer), "%s: %s", name, wrong.Message)
		case err != nil:
			l.problem(node, "%v", err)
		case !compiled.IsObject():
			l.problem(node, `%s must have "type: object" and "properties" at its root`, name)
		default:
			*to = compiled
		}
	}
}

// at returns the node below a node at keys and indexes, or the last one that
// exists.
func at(node *yaml.Node, pointer []string) *yaml.Node {
	for _, token := range pointer {
		node = follow(node)
		next := (*yaml.Node)(nil)
		for i := 0; i < len(node.Content); i++ {
			switch node.Kind {
			case yaml.MappingNode:
				if i%2 == 0 && node.Content[i].Value == token {
					next = node.Content[i+1]
				}
			case yaml.SequenceNode:
				if fmt.Sprint(i) == token {
					next = node.Content[i]
				}
			}
		}
		if next == nil {
			break
		}
		node = next
	}
	return node
}
