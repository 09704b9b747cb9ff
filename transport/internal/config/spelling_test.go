package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sectionKeys are the keys of one section of the file.
type sectionKeys struct {
	at   string // its key, with a name in place of *
	keys []string
	// text returns a file with one key in the section.
	text func(key string) string
}

// sectionsOf returns all sections, those of named entries and lists too.
func sectionsOf(t reflect.Type, at string, text func(string) string) (list []sectionKeys) {
	here := sectionKeys{at: at, text: func(key string) string { return text("{" + key + ": }") }}
	for i := range t.NumField() {
		field := t.Field(i)
		name := tag(field)
		here.keys = append(here.keys, name)
		inner := func(value string) string { return text("{" + name + ": " + value + "}") }
		switch kind := field.Type; {
		case isSection(kind):
			list = append(list, sectionsOf(kind, join(at, name), inner)...)
		case kind.Kind() == reflect.Map && isSection(kind.Elem()):
			list = append(list, sectionsOf(kind.Elem(), join(at, name)+".own", func(value string) string { return inner("{own: " + value + "}") })...)
		case kind.Kind() == reflect.Slice && isSection(kind.Elem()):
			list = append(list, sectionsOf(kind.Elem(), join(at, name)+"[0]", func(value string) string { return inner("[" + value + "]") })...)
		}
	}
	return append(list, here)
}

// TestAMisspeltKeyIsLookedForInItsSection changes each letter of each key, and
// leaves out or doubles it. The suggestion is the key of the same section.
func TestAMisspeltKeyIsLookedForInItsSection(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, section := range sectionsOf(reflect.TypeFor[Config](), "", func(value string) string { return value }) {
		for _, key := range section.keys {
			for i := range len(key) {
				for _, wrong := range []string{key[:i] + "q" + key[i+1:], key[:i] + key[i+1:], key[:i] + key[i:i+1] + key[i:]} {
					if slices.Contains(section.keys, wrong) {
						continue
					}
					l := empty(Sources{})
					l.data = []byte(section.text(wrong))
					l.parse()
					want := fmt.Sprintf("unknown key %s; did you mean %s?", join(section.at, wrong), join(section.at, key))
					require.Len(t, l.problems, 1, want)
					require.Equal(t, want, l.problems[0].Message)
					tried++
				}
			}
		}
	}
	require.Greater(t, tried, 1000)
}

func TestAKeyOfAnotherSectionIsNotSuggested(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for text, want := range map[string]string{
		"policy: {command: {allow: [x]}}": "unknown key policy.command.allow; known keys: shell, programs",
		"http: {max_parallel: 1}":         "unknown key http.max_parallel; known keys: addr",
		"llm: {off: true}":                "unknown key llm.off; known keys: provider",
		"policy: {off: true}":             "unknown key policy.off; known keys: read_only", // of the breaker or of the audit trail
		"gc_percent: 1":                   "unknown key gc_percent; did you mean memory.gc_percent?",
		"policy: {caller_dsn: true}":      "unknown key policy.caller_dsn; did you mean policy.databases.caller_dsn?",
	} {
		m.here(text)
		_, err := m.named()
		require.ErrorContains(t, err, want)
		require.Equal(t, 1, strings.Count(err.Error(), "unknown key"))
	}
}
