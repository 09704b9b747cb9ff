package planner

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// access is the jq path from an executor's result to the data in it; empty
// where the whole result is the data. Alternatives follow, for executors that
// give one of several.
func access(s *step) (path string, others []string) {
	out := s.def.Output
	for name, value := range s.inputs {
		text, ok := value.(string)
		if ok && len(s.def.Input.Enum(name)) > 0 && out.HasProperty(text) {
			return "." + text, nil // {"resource": "cpu"} gives cpu
		}
	}
	if s.def.AcceptsDependencies {
		if _, ok := s.inputs["template"]; ok && out.HasProperty("summary") {
			return ".summary", nil
		}
		if out.HasProperty("results") {
			return ".results", nil
		}
	}
	outputs := properties(out)
	for _, name := range offers().Results {
		schema, ok := outputs[name].(map[string]any)
		if kind, _ := schema["type"].(string); !ok || kind == "integer" || kind == "number" || kind == "boolean" {
			continue
		}
		if name == "json" {
			for _, plain := range []string{"text", "content"} { // what is no JSON
				if out.HasProperty(plain) {
					return ".json", []string{"." + plain}
				}
			}
		}
		return "." + name, nil
	}
	return "", nil
}

// read is the expression of a step's data, or of what has taken its place
// where the step at hand is.
func (p *planner) read(i int) string {
	if p.at == nil || len(p.at.instead[i]) == 0 {
		return p.own(i)
	}
	var all []string
	for _, other := range p.at.instead[i] {
		all = append(all, grouped(p.own(other)))
	}
	return strings.Join(append(all, grouped(p.own(i))), " // ")
}

// own is the expression of a step's own data.
func (p *planner) own(i int) string {
	s := p.graph.steps[i]
	path, others := access(s)
	task := "tasks." + s.id + ".result"
	if s.def.AcceptsDependencies && path == ".results" {
		return task + path + " | " + p.unwrapped(s)
	}
	if s.each != nil {
		return fmt.Sprintf("[%s[] | %s]", task, alternatives(cmp.Or(path, "."), others))
	}
	if len(others) > 0 {
		return task + " | " + alternatives(path, others)
	}
	return task + path
}

// unwrapped takes the data out of results that a step has put together.
func (p *planner) unwrapped(s *step) string {
	var fields []string
	for _, i := range s.data {
		before := p.graph.steps[i]
		path, others := access(before)
		switch {
		case path == "" && before.each == nil:
			fields = append(fields, before.id)
			continue
		case path == "":
			path = "."
		}
		if before.each != nil {
			fields = append(fields, fmt.Sprintf("%s: [.%s[]? | %s]", before.id, before.id, alternatives(path, others)))
		} else {
			fields = append(fields, fmt.Sprintf("%s: (.%s | %s)", before.id, before.id, alternatives(path, others)))
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func alternatives(path string, others []string) string {
	return strings.Join(append([]string{path}, others...), " // ")
}

func reference(expression string) string { return "${{ " + expression + " }}" }

// element is the expression of the data of one element.
func (p *planner) element(s *step) string {
	if s.each.chained {
		path, others := access(p.graph.steps[s.each.over[0]])
		if path != "" {
			return "item | " + alternatives(path, others)
		}
	}
	return "item"
}

// elements is what a step is done for each of.
func (p *planner) elements(s *step) string {
	if s.each.name != "" {
		return reference("inputs." + s.each.name)
	}
	if s.each.chained {
		return reference("tasks." + p.graph.steps[s.each.over[0]].id + ".result")
	}
	whole := p.read(s.each.over[0])
	if len(s.each.over) > 1 {
		var all []string
		for _, i := range s.each.over {
			all = append(all, "("+p.read(i)+")")
		}
		whole = "[" + strings.Join(all, ", ") + "]"
	}
	if _, listed := resultIsList(p.graph.steps[s.each.over[0]]); listed && len(s.each.over) == 1 {
		return reference(whole)
	}
	field := strings.ReplaceAll(notID().ReplaceAllString(plural(s.each.noun), "_"), `"`, "")
	if strings.Contains(whole, "|") {
		whole = "(" + whole + ")"
	}
	lines := ""
	if path, _ := access(p.graph.steps[s.each.over[0]]); path == ".content" || path == ".stdout" || path == ".logs" {
		lines = ` elif type == "string" then (split("\n") | map(select(. != "")))`
	}
	return reference(fmt.Sprintf(`%s | if type == "object" then (.[%q] // [.[]])%s else . end`, whole, field, lines))
}

// resultIsList: the executor always gives an array with these inputs.
func resultIsList(s *step) (string, bool) {
	switch s.inputs["operation"] {
	case "group_by", "filter", "sort", "unique", "join":
		return "", true
	}
	path, _ := access(s)
	return "", path == ".rows"
}

// value is the data of a step as an input: one reference, or an object of them
// by task.
func (p *planner) value(s *step) any {
	if s.each != nil {
		return reference(p.element(s))
	}
	switch len(s.data) {
	case 0:
		return nil
	case 1:
		return reference(p.read(s.data[0]))
	}
	object := map[string]any{}
	for _, i := range s.data {
		object[p.graph.steps[i].id] = reference(p.read(i))
	}
	return object
}

// text is the data of a step in the middle of text, where what is no string
// comes as JSON.
func (p *planner) text(s *step) string {
	switch value := p.value(s).(type) {
	case nil:
		return ""
	case string:
		return value + "\n"
	default:
		var b strings.Builder
		for _, i := range s.data {
			fmt.Fprintf(&b, "%s: %s\n", p.graph.steps[i].id, reference(p.read(i)))
		}
		return b.String()
	}
}

// template is the text of a report in the notation of the executors that are
// given the results of the tasks before them.
func (p *planner) template(s *step) string {
	var b strings.Builder
	b.WriteString(escape(clip(s.said(), longestSaid)) + "\n\n")
	for _, i := range s.data {
		before := p.graph.steps[i]
		path, _ := access(before)
		unit := ""
		switch {
		case before.each != nil:
			path = ""
		case hasUsage(before, strings.TrimPrefix(path, ".")):
			path, unit = path+".usage_percent", " % used"
		}
		fmt.Fprintf(&b, "%s: {{ %s%s }}%s\n", escape(cmp.Or(titled(before.label), before.name)), before.id, path, unit)
	}
	return b.String()
}

// property is the schema of one of an executor's inputs.
func property(def *executors.Definition, name string) map[string]any {
	each, _ := properties(def.Input)[name].(map[string]any)
	return each
}

// properties are the schemas of an object's properties.
func properties(schema *executors.Schema) map[string]any {
	object, _ := decoded(schema)["properties"].(map[string]any)
	return object
}

func decoded(schema *executors.Schema) map[string]any {
	object, err := strictjson.DecodeObject(schema.JSON())
	if err != nil {
		return nil // it compiled, so it is JSON
	}
	return object
}
