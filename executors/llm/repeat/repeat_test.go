package repeat_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/llm/repeat"
)

func TestEssence(t *testing.T) {
	t.Parallel()
	const task = "Name the largest café in Oslo, and its owner."
	for name, same := range map[string]string{
		"case":            strings.ToUpper(task),
		"spaces":          "  Name the\n largest   café in Oslo, and its owner",
		"punctuation":     "»Name the largest café in Oslo; and its owner!«",
		"a label":         "Subsequent task: " + task,
		"a label in bold": "**The new composition_task:** " + task,
		"twice":           task + " " + task,
		"decomposed":      strings.ReplaceAll(task, "é", "e\u0301"),
		"full width":      strings.ReplaceAll(task, "Oslo", "Ｏｓｌｏ"),
	} {
		if repeat.Essence(same) != repeat.Essence(task) {
			t.Errorf("%s: %q is not the same", name, same)
		}
	}
	for name, other := range map[string]string{
		"another name":  strings.ReplaceAll(task, "Oslo", "Rome"),
		"more":          task + " Call her.",
		"another order": "Name its owner and the largest café in Oslo.",
		"another mark":  strings.ReplaceAll(task, "é", "e"),
		"a task of one": "Task management: " + task,
	} {
		if repeat.Essence(other) == repeat.Essence(task) {
			t.Errorf("%s: %q is the same", name, other)
		}
	}
	if repeat.Essence("Install version 3.1.1.") == repeat.Essence("Install version 3.1.") {
		t.Error("a dot in a number ends no sentence")
	}
}

func TestLoop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		times int
	}{
		"a sentence":         {strings.Repeat("List the flights. ", 20), 20},
		"a Chinese sentence": {strings.Repeat("列出所有的航班。", 3), 3},
		"a line":             {strings.Repeat("List the flights\n", 3), 3},
		"a word":             {"Sell it tomorrow" + strings.Repeat(" tomorrow", 9) + ".", 10},
		"a phrase":           {"Cook" + strings.Repeat(" a recipe for", 8) + " soup", 8},
		"a long phrase":      {strings.Repeat("to the main station of the old town of Vienna and then back ", 5), 5},
		"until it is cut":    {"The words are:" + strings.Repeat(" 'the words in the file are:", 7) + " 'the wo", 7},
		"twice":              {"List the flights. List the flights. Book one.", 0},
		"numbers":            {"Add up 1 1 1 1 1 1 1 and 0 0 0 0 0 0.", 0},
		"a table":            {"| --- | --- | --- | --- | --- | --- |", 0},
		"a refrain":          {"very very very good", 0},
		"nothing":            {"", 0},
		"an ordinary text":   {"Find the flights to Rome, the trains to Rome, the buses to Rome and the boats to Rome, and name the cheapest.", 0},
	} {
		if part, times := repeat.Loop(c.text); times != c.times {
			t.Errorf("%s: %d times %q", name, times, part)
		}
	}
}
