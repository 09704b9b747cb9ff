package world

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// Match says what a text must be. A string in YAML is the text itself; space at
// its end does not count.
type Match struct {
	Text *string `yaml:"text" json:",omitempty"`
	// JSON is the value of the text. The order of keys and how a number is written
	// do not count.
	JSON any `yaml:"json" json:",omitempty"`
	// CSV is a table. The order of its columns and how a number is written do not
	// count.
	CSV string `yaml:"csv" json:",omitempty"`
	// AnyOrder: the order of the elements of JSON, or of the rows of CSV, does not
	// count either.
	AnyOrder bool `yaml:"any_order" json:",omitempty"`
	// Has are texts that must be in the text, and Lacks those that must not.
	Has   []string `yaml:"has" json:",omitempty"`
	Lacks []string `yaml:"lacks" json:",omitempty"`
}

// UnmarshalYAML reads a string, or an object.
func (m *Match) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		m.Text = new(string)
		return node.Decode(m.Text)
	}
	type plain Match
	return node.Decode((*plain)(m))
}

func (m Match) fits(text string) bool {
	if m.Text != nil && strings.TrimRight(*m.Text, " \t\r\n") != strings.TrimRight(text, " \t\r\n") {
		return false
	}
	if m.JSON != nil {
		got, err := decode(text)
		if err != nil || !m.values(mustDecode(string(plainjson.Must(m.JSON))), got) {
			return false
		}
	}
	if m.CSV != "" {
		want, err := table(m.CSV)
		if err != nil {
			panic(err)
		}
		got, err := table(text)
		if err != nil || !m.values(want, got) {
			return false
		}
	}
	return !slices.ContainsFunc(m.Has, func(part string) bool { return !strings.Contains(text, part) }) &&
		!slices.ContainsFunc(m.Lacks, func(part string) bool { return strings.Contains(text, part) })
}

func (m Match) values(want, got any) bool {
	list, ok := want.([]any)
	gotList, gotOK := got.([]any)
	if !m.AnyOrder || !ok || !gotOK {
		return same(want, got)
	}
	var v Verdict
	compare(&v, list, gotList, same)
	return v.Right()
}

// table reads CSV with commas: the names of the columns, then the rows as objects. A cell that is a number is one, unless
// zeros stand before it.
func table(text string) (any, error) {
	records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("not a table: %q", text)
	}
	names := map[string]any{}
	for _, name := range records[0] {
		names[name] = true
	}
	rows := []any{names}
	for _, record := range records[1:] {
		row := map[string]any{}
		for i, cell := range record {
			row[records[0][i]] = cell
			if plainNumber.MatchString(cell) {
				row[records[0][i]] = json.Number(cell)
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

func decode(text string) (value any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err = decoder.Decode(&value); err == nil && decoder.More() {
		err = fmt.Errorf("more than one value: %q", text)
	}
	return value, err
}

func mustDecode(text string) any {
	value, err := decode(text)
	if err != nil {
		panic(err) // the text is this package's own
	}
	return value
}

// same reports whether two decoded values are equal.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			other, there := b[key]
			if !there || !same(value, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, okX := new(big.Rat).SetString(a.String())
		y, okY := new(big.Rat).SetString(b.String())
		return okX && okY && x.Cmp(y) == 0
	}
	return a == b
}
