package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// prefix is the prefix of every variable that is a setting.
const prefix = "CHAINWRIGHT_"

// short holds the variables with a name shorter than their key.
var short = map[string]string{"policy.read_only": prefix + "READ_ONLY"}

// setting is one leaf of Config. One variable sets it.
type setting struct {
	key   string // as in the file: "http.addr"
	index []int  // of the field, from Config
}

// variable returns the name of the variable that sets it.
func (s setting) variable() string {
	if name, ok := short[s.key]; ok {
		return name
	}
	return prefix + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// settings lists the leaves of Config in the order of declaration.
func settings() []setting {
	var out []setting
	var walk func(t reflect.Type, key string, index []int)
	walk = func(t reflect.Type, key string, index []int) {
		for i := range t.NumField() {
			field := t.Field(i)
			name := join(key, tag(field))
			at := append(append([]int(nil), index...), i)
			if isSection(field.Type) {
				walk(field.Type, name, at)
				continue
			}
			out = append(out, setting{key: name, index: at})
		}
	}
	walk(reflect.TypeFor[Config](), "", nil)
	return out
}

// isSection reports whether a type's fields are keys of their own.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]())
}

func tag(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

// join returns the key of a name in a section; "" is the section of all.
func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// setText sets a leaf from the text of a variable or a flag. The text is a plain
// string, a list with commas, or YAML for any other type.
func (l *Loaded) setText(s setting, text, where string) {
	field := reflect.ValueOf(&l.Config).Elem().FieldByIndex(s.index)
	switch {
	case field.Kind() == reflect.String:
		field.SetString(text)
	case field.Type() == reflect.TypeFor[[]string]() && !strings.HasPrefix(strings.TrimSpace(text), "["):
		field.Set(reflect.ValueOf(splitList(text)))
	default:
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) != 1 {
			l.problem(where, fmt.Sprintf("must be %s, written as YAML; got %q", describe(field.Type()), text))
			return
		}
		fresh := reflect.New(field.Type()).Elem()
		w := walker{l: l, where: func(int) string { return where }}
		w.value(doc.Content[0], fresh, s.key)
		field.Set(fresh)
	}
	l.origins[s.key] = where
}

// readFlags sets the settings that were given as flags.
func (l *Loaded) readFlags() {
	known := settings()
	for _, f := range l.src.Flags {
		i := slices.IndexFunc(known, func(s setting) bool { return s.key == f.Key })
		l.setText(known[i], f.Text, f.Name)
	}
}

func splitList(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// Keys returns the keys of all settings, as in the file.
func Keys() []string {
	var keys []string
	for _, s := range settings() {
		keys = append(keys, s.key)
	}
	return keys
}
