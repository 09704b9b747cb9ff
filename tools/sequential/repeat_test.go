package sequential

import (
	"strings"
	"testing"

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
		"a sentence":               {"Name the cheapest.", strings.Repeat("List the flights. ", 20), "the same sentence 20 times"},
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
