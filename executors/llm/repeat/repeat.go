// Package repeat finds texts of models that repeat what they were given, or themselves. It is not a stable API.
package repeat

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

var (
	// label matches what models put before a text, such as "New task: ".
	label = regexp.MustCompile(`(?i)^[\s\W]*(?:(?:the|new|given|atomic|subsequent|composed|composite|composition|combined|parallel|next|final)[ _-]*)*task[ _-]*\d*[*_"'\s]*[:：]`)
	// sentence matches the end of a sentence.
	sentence = regexp.MustCompile(`[.!?;]+["'”’)]*(?:\s+|$)|[。！？；]|\n`)
)

// Fold returns the letters and digits of a text in lower case.
func Fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKC.String(text))
}

// Essence returns what remains of a text without a label before it, repeated
// sentences, case, spaces and punctuation. Two texts with the same essence say
// the same in the same words.
func Essence(text string) string {
	var pieces []string
	for _, each := range sentence.Split(label.ReplaceAllString(text, ""), -1) {
		if folded := Fold(each); folded != "" && !slices.Contains(pieces, folded) {
			pieces = append(pieces, folded)
		}
	}
	return strings.Join(pieces, "")
}

const (
	// mostSentences is how often a text may contain the same sentence, and
	// mostPhrases how often a phrase may follow itself.
	mostSentences, mostPhrases = 2, 4
	// shortest is the length from which a sentence, or all copies of a phrase,
	// count, in bytes of letters and digits.
	shortest, shortestPhrases = 12, 30
	// longestPhrase is the length of the longest phrase that is found, in words.
	longestPhrase = 40
)

// Loop returns a sentence that a text contains more than twice, or a phrase that
// follows itself more than four times, and how often; 0 if there is none.
func Loop(text string) (part string, times int) {
	count := map[string]int{}
	for _, each := range sentence.Split(text, -1) {
		folded := Fold(each)
		if len(folded) < shortest {
			continue
		}
		if count[folded]++; count[folded] > max(times, mostSentences) {
			part, times = strings.TrimSpace(each), count[folded]
		}
	}
	if times > 0 {
		return part, times
	}
	return stutter(strings.Fields(text))
}

// stutter returns a phrase that follows itself, and how often.
func stutter(words []string) (phrase string, times int) {
	folded := make([]string, len(words))
	for i, word := range words {
		folded[i] = Fold(word)
	}
	for period := 1; period <= min(longestPhrase, len(words)/(mostPhrases+1)); period++ {
		same := 0 // words that are the same as the one a period before
		for i := period; i < len(words); i++ {
			if folded[i] == folded[i-period] {
				same++
				if i+1 < len(words) {
					continue
				}
				i++
			}
			times = same/period + 1
			if length := len(strings.Join(folded[i-period:i], "")); times > mostPhrases && times*length >= shortestPhrases {
				return strings.Join(words[i-period:i], " "), times
			}
			same = 0
		}
	}
	return "", 0
}
