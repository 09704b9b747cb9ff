package executors_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
)

func definition(t *testing.T, replacements ...string) *executors.Definition {
	t.Helper()
	def, err := executors.ParseDefinition("definition.yaml", []byte(strings.NewReplacer(replacements...).Replace(wholeDefinition)))
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func TestEffectOf(t *testing.T) {
	t.Parallel()
	def := definition(t)
	own := executors.Annotations{Destructive: true, OpenWorld: true}
	reading := executors.Annotations{ReadOnly: true, Idempotent: true, OpenWorld: true}
	putting := executors.Annotations{Destructive: true, Idempotent: true, OpenWorld: true}
	for _, c := range []struct {
		name   string
		inputs map[string]any
		want   executors.Annotations
	}{
		{"the first effect that matches", map[string]any{"method": "HEAD"}, reading},
		{"a later one", map[string]any{"method": "PUT"}, putting},
		{"none", map[string]any{"method": "POST"}, own},
		{"the default counts", map[string]any{}, reading},
		{"so could a secret", map[string]any{"method": "${{ secrets.METHOD }}"}, own},
		{"an unknown value could be any value", map[string]any{"method": executors.Unknown{}}, own},
	} {
		if got := def.EffectOf(c.inputs); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if got := definition(t, "effects:\n  - when: {method: [GET, HEAD]}\n    read_only: true\n    idempotent: true\n  - {when: {method: PUT}, idempotent: true}\n", "").EffectOf(nil); got != own {
		t.Errorf("without effects: %+v", got)
	}
}

func TestReadOnlyInput(t *testing.T) {
	t.Parallel()
	const effects = "effects:\n  - when: {method: [GET, HEAD]}\n    read_only: true\n    idempotent: true\n  - {when: {method: PUT}, idempotent: true}\n"
	const before, after = `{"type":"object","required":["url"],"properties":{"url":{"type":"string","description":"Where <it> is"},"method":{"type":"string","enum":`, `}}}`
	for _, c := range []struct {
		name, effects string
		more          []string
		want          string // "" if no call is read-only
	}{
		{"narrowed to the values that are", effects, nil, before + `["GET","HEAD"],"default":"GET"` + after},
		{"several effects add up", "effects: [{when: {method: HEAD}, read_only: true}, {when: {method: GET}, read_only: true}]\n", nil, before + `["GET","HEAD"],"default":"GET"` + after},
		{"an earlier effect wins", "effects: [{when: {method: HEAD}}, {when: {method: [GET, HEAD]}, read_only: true}]\n", nil, before + `["GET"],"default":"GET"` + after},
		{"a default that is not allowed goes", "effects: [{when: {method: HEAD}, read_only: true}]\n", nil,
			strings.Replace(before, `["url"]`, `["url","method"]`, 1) + `["HEAD"]` + after},
		{"several inputs", "effects: [{when: {method: GET, url: [a]}, read_only: true}]\n", nil,
			`{"type":"object","required":["url"],"properties":{"url":{"type":"string","description":"Where <it> is","enum":["a"]},"method":{"type":"string","enum":["GET"],"default":"GET"}}}`},
		{"nothing is", "", nil, ""},
		{"nothing is left", "effects: [{when: {method: GET}}, {when: {method: GET}, read_only: true}]\n", nil, ""},
		{"all of it is", "", []string{"read_only: false, destructive: true", "read_only: true, destructive: false"}, before + `["GET","HEAD","PUT","POST"],"default":"GET"` + after},
		{"all of it but some", "effects: [{when: {method: [PUT, POST]}, read_only: false}]\n", []string{"read_only: false, destructive: true", "read_only: true, destructive: false"}, before + `["GET","HEAD"],"default":"GET"` + after},
	} {
		def := definition(t, append([]string{effects, c.effects}, c.more...)...)
		raw, ok := def.ReadOnlyInput()
		if string(raw) != c.want || ok != (c.want != "") {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, ok, raw, c.want)
		}
	}
}
