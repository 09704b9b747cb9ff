package llm

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
)

// Any reply of a model is read without a panic, and the result matches the
// schema.
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
		rest, _ := splitThinking(text, "", false)
		raw, problems := readJSON(rest, schema, true)
		if (raw == nil) == (len(problems) == 0) {
			t.Errorf("%q: %s, %v", text, raw, problems)
		}
		var object map[string]any
		if raw != nil && json.Unmarshal(raw, &object) != nil {
			t.Errorf("%q: %s is no object", text, raw)
		}
	})
}

// Reading a reply allocates in proportion to its length, whatever its content.
// All replies here are too long to be repaired, which needs more than linear
// time.
func TestHostileReplies(t *testing.T) { // not parallel: it measures memory
	schema, err := NewSchema("any", json.RawMessage(`{"type": "object", "required": ["a"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]func(n int) string{
		"open braces":  func(n int) string { return strings.Repeat("{", 64*n) },
		"many objects": func(n int) string { return strings.Repeat("{} ", 16*n) },
		"nested":       func(n int) string { return strings.Repeat(`{"a":`, 8*n) + strings.Repeat("}", 8*n) },
		"fences":       func(n int) string { return strings.Repeat("```\n{'a'\n```\n", n) },
		"quotes":       func(n int) string { return strings.Repeat(`{"`, 32*n) },
	} {
		executortest.Ends(t, "reading "+name, func() {
			executortest.Linear(t, name, 1<<10, func(n int) {
				if raw, problems := readJSON(text(n), schema, true); raw != nil || len(problems) == 0 {
					t.Errorf("%s: it was taken", name)
				}
			})
		})
	}
}

// Reasoning in the text of a reply is told from the answer, also without its
// opening tag, and an answer about such tags is left alone.
func TestSplitThinking(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text           string
		cut            bool
		rest, thoughts string
	}{
		{text: "I reason here.</think>The answer is 4.", rest: "The answer is 4.", thoughts: "I reason here."},
		{text: "I reason here.\n</think>\n\nThe answer is 4.", rest: "The answer is 4.", thoughts: "I reason here."},
		{text: "</think>4", rest: "4"},
		{text: "a</THINKING>4", rest: "4", thoughts: "a"},
		{text: "a[/THINK]4", rest: "4", thoughts: "a"},
		{text: "<think>a</think>4", rest: "4", thoughts: "a"},
		{text: "\n<thinking>\na\n</thinking>\n4", rest: "4", thoughts: "a"},
		{text: "[THINK]a[/THINK]4", rest: "4", thoughts: "a"},
		{text: "◁think▷a◁/think▷4", rest: "4", thoughts: "a"},
		{text: "<think>a</think><think>b</think>4", rest: "4", thoughts: "a\nb"},
		{text: "a</think>b</think>4", rest: "4", thoughts: "a\nb"},
		{text: "only thoughts</think>", thoughts: "only thoughts"},
		{text: "<think>no end", cut: true, thoughts: "no end"},
		{text: "<think>no end", rest: "<think>no end"},
		{text: "4", rest: "4"},
		{text: "Models write <think> and </think> around it.", rest: "Models write <think> and </think> around it."},
		{text: "The tag `</think>` ends it.", rest: "The tag `</think>` ends it."},
		{text: `{"tag": "it ends with </think>, then text"}`, rest: `{"tag": "it ends with </think>, then text"}`},
	} {
		if rest, thoughts := splitThinking(c.text, "", c.cut); rest != c.rest || thoughts != c.thoughts {
			t.Errorf("%q: %q, and the reasoning %q", c.text, rest, thoughts)
		}
	}
	if rest, thoughts := splitThinking("b</think>4", "a", false); rest != "4" || thoughts != "a\nb" {
		t.Errorf("%q after other reasoning %q", rest, thoughts)
	}
}
