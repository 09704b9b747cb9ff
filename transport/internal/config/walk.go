package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/nearest"
)

// walker decodes a YAML document into a Config and reports all problems, each
// with its line.
type walker struct {
	l     *Loaded
	where func(line int) string
	// depth bounds aliases that contain themselves.
	depth int
}

func (w *walker) problem(node *yaml.Node, key, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if key != "" {
		message = key + " " + message
	}
	w.l.problem(w.where(node.Line), message)
}

// value decodes node into v, the setting or section with the given key.
func (w *walker) value(node *yaml.Node, v reflect.Value, key string) {
	if w.depth++; w.depth > 64 {
		w.problem(node, key, "is nested too deeply")
		return
	}
	defer func() { w.depth-- }()
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if isNull(node) {
		return // a section whose entries are all commented out
	}
	switch t := v.Type(); {
	case isSection(t):
		w.section(node, v, key)
	case t.Kind() == reflect.Map:
		w.table(node, v, key)
	case t.Kind() == reflect.Slice && isSection(t.Elem()):
		w.list(node, v, key)
	default:
		w.leaf(node, v, key)
	}
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

func (w *walker) section(node *yaml.Node, v reflect.Value, key string) {
	if node.Kind != yaml.MappingNode {
		w.problem(node, key, "must be a section with keys, not %s", kindOf(node))
		return
	}
	fields := map[string]int{}
	known := []string{}
	for i := range v.NumField() {
		name := tag(v.Type().Field(i))
		fields[name] = i
		known = append(known, name)
	}
	w.pairs(node, key, func(name, value *yaml.Node) {
		i, ok := fields[name.Value]
		if !ok {
			w.unknown(name, key, known)
			return
		}
		full := join(key, name.Value)
		if !isNull(value) {
			w.l.origins[full] = w.where(name.Line)
		}
		w.value(value, v.Field(i), full)
	})
}

func (w *walker) unknown(name *yaml.Node, key string, known []string) {
	full := join(key, name.Value)
	if near := nearest.To(name.Value, known); len(near) > 0 {
		w.problem(name, "", "unknown key %s; did you mean %s?", full, join(key, near[0]))
		return
	}
	if deeper := below(key, name.Value); deeper != "" {
		w.problem(name, "", "unknown key %s; did you mean %s?", full, deeper)
		return
	}
	w.problem(name, "", "unknown key %s; known keys: %s", full, strings.Join(known, ", "))
}

// below returns the setting with a name in the sections of a section; "" if there
// is none, or several.
func below(section, name string) (found string) {
	for _, s := range settings() {
		if strings.HasPrefix(s.key, join(section, "")) && strings.HasSuffix(s.key, "."+name) {
			if found != "" {
				return ""
			}
			found = s.key
		}
	}
	return found
}

// table fills a map with names that the operator chooses.
func (w *walker) table(node *yaml.Node, v reflect.Value, key string) {
	if node.Kind != yaml.MappingNode {
		w.problem(node, key, "must be a table of names, not %s", kindOf(node))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	w.pairs(node, key, func(name, value *yaml.Node) {
		element := reflect.New(v.Type().Elem()).Elem()
		full := join(key, name.Value)
		w.l.origins[full] = w.where(name.Line)
		w.value(value, element, full)
		v.SetMapIndex(reflect.ValueOf(name.Value), element)
	})
}

func (w *walker) pairs(node *yaml.Node, key string, each func(name, value *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i]
		if seen[name.Value] {
			w.problem(name, "", "duplicate key %s", join(key, name.Value))
			continue
		}
		seen[name.Value] = true
		each(name, node.Content[i+1])
	}
}

func (w *walker) list(node *yaml.Node, v reflect.Value, key string) {
	if node.Kind != yaml.SequenceNode {
		w.problem(node, key, "must be a list, not %s", kindOf(node))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		w.value(item, v.Index(i), fmt.Sprintf("%s[%d]", key, i))
	}
}

func (w *walker) leaf(node *yaml.Node, v reflect.Value, key string) {
	err := node.Decode(v.Addr().Interface())
	if err == nil {
		return
	}
	if _, own := v.Addr().Interface().(yaml.Unmarshaler); own {
		w.problem(node, key, "%s", err.Error())
		return
	}
	got := kindOf(node)
	if node.Kind == yaml.ScalarNode {
		got = fmt.Sprintf("%q", node.Value)
	}
	w.problem(node, key, "must be %s; got %s", describe(v.Type()), got)
}

func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	default:
		return fmt.Sprintf("the value %q", node.Value)
	}
}

func describe(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s or 12h"
	case t == reflect.TypeFor[[]string]():
		return "a list of strings"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Map:
		return "a table of names"
	default:
		return "a string"
	}
}
