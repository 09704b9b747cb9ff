package llm

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Whatever a model says is read without a panic and in bounded time, and what
// comes out fits the schema.
func FuzzReadJSON(f *testing.F) {
	for _, text := range []string{
		"", "{", `{"a": 1}`, "```json\n{\"a\": 1}\n```", `x {"a": 1,} y [1, {"b": 2}`, `{"a": "\"}"}`, "<think>{</think>{}", "[[[[[[", `"`, "1e999999999",
		strings.Repeat("[", 70), strings.Repeat(`{"a":`, 70),
	} {
		f.Add(text)
	}
	schema, err := NewSchema("any", json.RawMessage(`{"type": "object"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		rest, _ := splitThinking(text, "")
		raw, problems := readJSON(rest, schema, true)
		if (raw == nil) == (len(problems) == 0) {
			t.Errorf("%q: %s, %v", text, raw, problems)
		}
		var object map[string]any
		if raw != nil && json.Unmarshal(raw, &object) != nil {
			t.Errorf("%q: %s is no object", text, raw)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%d bytes took %s", len(text), took)
		}
	})
}

// Thousands of braces are no reason to take long.
func TestHostileReplies(t *testing.T) {
	t.Parallel()
	schema, err := NewSchema("any", json.RawMessage(`{"type": "object", "required": ["a"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"open braces":  strings.Repeat("{", 1<<20),
		"many objects": strings.Repeat("{} ", 1<<18),
		"nested":       strings.Repeat(`{"a":`, 3000) + strings.Repeat("}", 3000),
		"fences":       strings.Repeat("```\n{'a'\n```\n", 1<<14),
		"quotes":       strings.Repeat(`{"`, 1<<19),
	} {
		start := time.Now()
		if raw, problems := readJSON(text, schema, true); raw != nil || len(problems) == 0 {
			t.Errorf("%s: it was taken", name)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s took %s", name, took)
		} else {
			t.Logf("%s took %s", name, took)
		}
	}
}
