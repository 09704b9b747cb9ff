package sequential

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/llm/repeat"
)

// contained is the length from which an example inside a longer text counts, in
// bytes of letters and digits.
const contained = 24

// repeats lists the texts of a reply that are no answer: copies of the given
// task, of an example of the prompt, of the levels before, or of each other, and
// texts in which a part comes again and again. Case, spaces, punctuation, labels
// and repeated sentences do not count.
func repeats(names, values []string, given string, before []Level, examples []Example) (problems []string) {
	asked := repeat.Essence(given)
	shown, within := textsOf(examples, asked)
	var earlier, folded []string
	for _, level := range before {
		earlier = append(earlier, repeat.Essence(level.Parallel), repeat.Essence(level.Subsequent), repeat.Essence(level.Composed))
	}
	for i, value := range values {
		text := repeat.Essence(value)
		same := slices.Index(folded, text)
		folded = append(folded, text)
		switch {
		case text == "":
			problems = append(problems, names[i]+" has no words")
		case text == asked:
			problems = append(problems, names[i]+" repeats the given task")
		case slices.Contains(shown, text), slices.ContainsFunc(within, func(part string) bool { return strings.Contains(text, part) }):
			problems = append(problems, names[i]+" repeats an example instead of answering the given task")
		case slices.Contains(earlier, text):
			problems = append(problems, names[i]+" repeats a task of an earlier level")
		case same >= 0:
			problems = append(problems, names[i]+" is the same as "+names[same])
		default:
			if part, times := repeat.Loop(value); times > 0 && !strings.Contains(repeat.Fold(given), repeat.Fold(part+part)) {
				problems = append(problems, fmt.Sprintf("%s repeats the same words %d times: %.80s", names[i], times, part))
			}
		}
	}
	return problems
}

// textsOf returns the texts of examples that no value may be, and those that no
// value may contain. What the given task itself says is left out.
func textsOf(examples []Example, given string) (whole, within []string) {
	for _, e := range examples {
		if repeat.Essence(e.Task) == given { // then its answer is right
			continue
		}
		for _, text := range []string{e.Task, e.Composed} {
			if text = repeat.Essence(text); len(text) >= contained && !strings.Contains(given, text) {
				within = append(within, text)
			}
		}
		for _, text := range []string{e.Task, e.Parallel, e.Subsequent, e.Composed} {
			whole = append(whole, repeat.Essence(text))
		}
	}
	return whole, within
}
