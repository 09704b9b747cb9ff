package sequential

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// TestRepeats checks that a reply that repeats the prompt, the task or itself is
// asked again with the reason, and is then an error that keeps the raw reply.
func TestRepeats(t *testing.T) {
	t.Parallel()
	const task = "List the flights from Oslo to Rome under 200 euros."
	example := forms()[modeSequential].examples[0]
	for name, c := range map[string]struct{ subsequent, composed, reason string }{
		"an example":               {example.Subsequent, example.Composed, "subsequent_task repeats an example"},
		"an example's composition": {"Name the cheapest.", strings.ToUpper(example.Composed), "composition_task repeats an example"},
		"an example's task":        {example.Task, "x", "subsequent_task repeats an example"},
		"the task":                 {"Name the cheapest.", " list the flights from  Oslo to Rome, under 200 euros", "composition_task repeats the given task"},
		"the task, then":           {task, "List them and name the cheapest.", "subsequent_task repeats the given task"},
		"each other":               {"Name the cheapest.", "Name the cheapest", "composition_task is the same as subsequent_task"},
		"a sentence":               {"Name the cheapest.", strings.Repeat("List the flights. ", 20), "the same words 20 times"},
		"nothing":                  {"Name the cheapest of these flights.", "List the flights from Oslo to Rome under 200 euros and name the cheapest.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := asJSON(t, map[string]string{"subsequent_task": c.subsequent, "composition_task": c.composed})
			server := llmtest.New(t, llmtest.Text(said))
			got, err := call(t, server, `{"task": `+asJSON(t, task)+`}`)
			if c.reason == "" {
				if err != nil || server.Count() != 1 {
					t.Errorf("%v after %d requests", err, server.Count())
				}
				return
			}
			if err == nil || !strings.Contains(err.Message, c.reason) || server.Count() != 3 || asJSON(t, got["raw_reply"]) != asJSON(t, said) {
				t.Fatalf("%+v, %v after %d requests", got, err, server.Count())
			}
			again := server.Requests()[1]
			if !strings.Contains(again.Last(), c.reason) {
				t.Errorf("asked again was %s", again.Last())
			}
		})
	}
	server := llmtest.New(t, llmtest.Text(asJSON(t, map[string]string{"subsequent_task": example.Subsequent, "composition_task": example.Composed})))
	if _, err := call(t, server, `{"task": `+asJSON(t, example.Task)+`}`); err != nil { // it is the right answer to this task
		t.Error(err)
	}
}

// TestRepeatsInDepth checks that a level repeats no text of the levels before.
func TestRepeatsInDepth(t *testing.T) {
	t.Parallel()
	first := Level{Subsequent: "Name the cheapest of these flights.", Composed: "Name the cheapest flight from Oslo to Rome."}
	names := forms()[modeSequential].names
	for _, c := range []struct{ subsequent, composed, reason string }{
		{"Name the cheapest of these flights!", "Name and book the cheapest flight from Oslo to Rome.", "subsequent_task repeats a task of an earlier level"},
		{"Book it for Ada.", first.Composed, "composition_task repeats the given task"},
		{"Book it for Ada.", "Book the cheapest flight from Oslo to Rome for Ada.", ""},
	} {
		got := repeats(names, []string{c.subsequent, c.composed}, first.Composed, []Level{first}, nil)
		if strings.Join(got, "; ") != c.reason {
			t.Errorf("%q, %q: %q", c.subsequent, c.composed, got)
		}
	}
}

// TestGivenTaskMayRepeat checks that words of the given task are no fault of a
// reply.
func TestGivenTaskMayRepeat(t *testing.T) {
	t.Parallel()
	given := "Write the word tomorrow" + strings.Repeat(" tomorrow", 9) + " into a file."
	names := forms()[modeSequential].names
	if got := repeats(names, []string{"Print the file.", given + " Then print it."}, given, nil, nil); len(got) > 0 {
		t.Error(got)
	}
}

// TestExamplesAreSpecific checks that each text of the built-in examples has a
// name or a number that the other examples do not have, so that a copy can't be a
// right answer to another task.
func TestExamplesAreSpecific(t *testing.T) {
	t.Parallel()
	for mode, f := range forms() {
		for i, e := range f.examples {
			others := ""
			for j, other := range f.examples {
				if i != j {
					others += asJSON(t, other)
				}
			}
			for _, text := range []string{e.Task, e.Parallel, e.Subsequent, e.Composed} {
				words := strings.Fields(text)
				if text != "" && !slices.ContainsFunc(words[1:], func(word string) bool {
					return (unicode.IsUpper(rune(word[0])) || unicode.IsDigit(rune(word[0]))) && len(word) > 2 && !strings.Contains(others, strings.Trim(word, ".,"))
				}) {
					t.Errorf("%s: %q has no name of its own", mode, text)
				}
			}
		}
	}
}
