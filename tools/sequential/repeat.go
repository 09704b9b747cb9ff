package sequential

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// mostLoops is how often a text may contain the same sentence.
const mostLoops = 2

// repeats lists the texts of a reply that are no answer: copies of the given
// task, of an example of the prompt, or of each other, and texts in which a
// sentence comes again and again. Case, spaces and punctuation do not count.
func repeats(names, values []string, given string, examples []Example) (problems []string) {
	shown := map[string]bool{}
	for _, e := range examples {
		if fold(e.Task) == fold(given) { // then its answer is right
			continue
		}
		for _, text := range []string{e.Task, e.Parallel, e.Subsequent, e.Composed} {
			shown[fold(text)] = true
		}
	}
	for i, value := range values {
		folded := fold(value)
		same := slices.IndexFunc(values[:i], func(other string) bool { return fold(other) == folded })
		switch {
		case folded == "":
		case folded == fold(given):
			problems = append(problems, names[i]+" repeats the given task")
		case shown[folded]:
			problems = append(problems, names[i]+" repeats an example instead of answering the given task")
		case same >= 0:
			problems = append(problems, names[i]+" is the same as "+names[same])
		default:
			if sentence, times := loop(value); times > mostLoops {
				problems = append(problems, fmt.Sprintf("%s contains the same sentence %d times: %.80s", names[i], times, sentence))
			}
		}
	}
	return problems
}

// loop returns the sentence that a text contains most often. Short ones do not
// count.
func loop(text string) (sentence string, times int) {
	const short = 12
	count := map[string]int{}
	for _, each := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(".!?\n;。！？", r) }) {
		folded := fold(each)
		if len(folded) < short {
			continue
		}
		if count[folded]++; count[folded] > times {
			sentence, times = strings.TrimSpace(each), count[folded]
		}
	}
	return sentence, times
}

// fold returns the letters and digits of a text in lower case.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}
