package planner

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed lexicon.yaml
var lexiconFile []byte

// lexicon is what the planner knows of English.
type lexicon struct {
	Verbs                                       map[string][]string
	Polite, Then, Beside, Parallel, Wish, Plans []string
	Determiners, Plain, Fetches                 []string
	One, Number, Any, Lists, All, Both          []string
	Names, Services, Kinds, Machine, Effect     []string
	Counts                                      map[string]int
	Resources                                   map[string]string
	Comparisons                                 [][2]string
	Failed, Succeeded, Checks                   []string
	Calls                                       map[string][]string
	Interpreters                                map[string]string
	Languages                                   []string
	Asks                                        map[string]string
	Shapes                                      map[string]shape

	forms map[string]string   // each form of a verb to the verb
	lists map[string][]string // of words that shapes name
}

// words returns the lexicon, which is read once.
var words = sync.OnceValue(func() *lexicon {
	var l lexicon
	decoder := yaml.NewDecoder(bytes.NewReader(lexiconFile))
	decoder.KnownFields(true)
	if err := decoder.Decode(&l); err != nil {
		panic(fmt.Errorf("the planner's lexicon: %w", err)) // a defect of the build
	}
	for _, list := range []*[]string{&l.Polite, &l.Then, &l.Beside, &l.Parallel, &l.Wish, &l.Plans, &l.Determiners, &l.All, &l.Both, &l.Services, &l.Machine, &l.Failed, &l.Succeeded, &l.Checks} {
		slices.SortStableFunc(*list, func(a, b string) int { return len(strings.Fields(b)) - len(strings.Fields(a)) })
	}
	l.lists = map[string][]string{"determiners": l.Determiners, "languages": l.Languages, "plain": l.Plain}
	l.forms = map[string]string{}
	for verb := range l.Verbs {
		for _, form := range inflect(verb) {
			l.forms[form] = verb
		}
	}
	return &l
})

// inflect returns the forms that a verb has in a requirement: fetch, fetches,
// fetching, fetched. Of two words the first one changes.
func inflect(verb string) []string {
	head, rest, _ := strings.Cut(verb, " ")
	if rest != "" {
		rest = " " + rest
	}
	last := head[len(head)-1]
	vowel := func(i int) bool { return i >= 0 && strings.ContainsRune("aeiou", rune(head[i])) }
	n, third, stem := len(head), head+"s", head
	switch {
	case strings.HasSuffix(head, "ss"), strings.HasSuffix(head, "sh"), strings.HasSuffix(head, "ch"):
		third = head + "es"
	case last == 'y' && !vowel(n-2):
		third = head[:n-1] + "ies"
	case last == 'e':
		stem = head[:n-1]
	case n >= 3 && n <= 4 && !vowel(n-1) && vowel(n-2) && !vowel(n-3) && !strings.ContainsRune("wxy", rune(last)):
		stem = head + string(last)
	}
	return []string{verb, third + rest, stem + "ing" + rest}
}

// stem returns the singular of a plural word, and other words unchanged.
func stem(word string) string {
	switch {
	case len(word) < 4 || strings.HasSuffix(word, "ss") || strings.HasSuffix(word, "us"):
		return word
	case strings.HasSuffix(word, "ies"):
		return word[:len(word)-3] + "y"
	}
	return strings.TrimSuffix(word, "s")
}
