package planner

import (
	"bytes"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed lexicon.yaml
var lexiconFile []byte

// The families of classes: how a piece of work takes part in the flow of data.
const (
	source    = "source"
	work      = "work"
	transform = "transform"
	sink      = "sink"
)

// Classes that stand for no work.
const (
	metaClass = "meta" // a wish for a plan: "create a workflow"
	noClass   = "none" // work that no executor does
)

// lexicon is what the planner knows of English.
type lexicon struct {
	Rewrites []rewrite
	Classes  map[string]class
	// Topics keep the order of the file, which is their precedence.
	Topics   topics
	Verbs    map[string][]string
	Senses   map[string][]sense
	Compound map[string][]string `yaml:"compounds"`
	Openers  map[string][]string

	Each, Own, Both, Between, Countable, Backward, Meta, Finished []string
	OpenNumbers                                                   []string `yaml:"open_numbers"`
	Numbers                                                       map[string]int
	Interpreters                                                  map[string]string
	Comparisons                                                   map[string][]string
	Failed, Succeeded, Empty, Present, Differ, Same               []string
	Holds                                                         []string
	AnyTask                                                       []string `yaml:"any_task"`

	forms  map[string]string // each form of a verb to the verb
	senses map[string][]sense
	longer int // the most words that a phrase of it has
}

// rewrite is a turn of phrase, and what is read instead.
type rewrite struct {
	From string
	To   string
	form *regexp.Regexp
}

// class is a kind of work.
type class struct {
	Family string
	Search string
	Topic  string
	Topics []string
	// Vague work says nothing without something to do it with.
	Vague bool
}

// topic is what a clause can be about.
type topic struct {
	Name     string
	Sure     bool
	Nouns    []string
	Literals []string
	Search   string
}

type topics []topic

// UnmarshalYAML reads the topics in the order of the file.
func (t *topics) UnmarshalYAML(node *yaml.Node) error {
	for i := 0; i+1 < len(node.Content); i += 2 {
		each := topic{Name: node.Content[i].Value}
		if err := node.Content[i+1].Decode(&each); err != nil {
			return fmt.Errorf("topic %s: %w", each.Name, err)
		}
		*t = append(*t, each)
	}
	return nil
}

func (t topics) find(name string) (topic, bool) {
	i := slices.IndexFunc(t, func(each topic) bool { return each.Name == name })
	if i < 0 {
		return topic{}, false
	}
	return t[i], true
}

// sense is one meaning of a verb, by what else is in its clause.
type sense struct {
	// With are words, and Literals kinds of literals, of which one must be
	// there.
	With     []string
	Literals []string
	Without  []string
	// To is there where the meaning needs a destination, of these words if
	// it has any.
	To    *[]string
	Class string
}

// words gives the lexicon, read once.
var words = sync.OnceValue(func() *lexicon {
	var l lexicon
	decoder := yaml.NewDecoder(bytes.NewReader(lexiconFile))
	decoder.KnownFields(true)
	if err := decoder.Decode(&l); err != nil {
		panic(fmt.Errorf("the planner's lexicon: %w", err)) // a defect of the build
	}
	for i := range l.Rewrites {
		l.Rewrites[i].form = regexp.MustCompile(l.Rewrites[i].From)
	}
	l.forms, l.senses = map[string]string{}, map[string][]sense{}
	for name, verbs := range l.Verbs {
		for _, verb := range verbs {
			l.senses[verb] = []sense{{Class: name}}
		}
	}
	for verb, senses := range l.Senses {
		l.senses[verb] = senses
	}
	for verb := range l.senses {
		l.longer = max(l.longer, len(strings.Fields(verb)))
		for _, form := range inflect(verb) {
			l.forms[form] = verb
		}
	}
	for _, list := range l.Openers {
		for _, phrase := range list {
			l.longer = max(l.longer, len(strings.Fields(phrase)))
		}
	}
	return &l
})

// inflect gives the forms that a verb has in a requirement: fetch, fetches,
// fetching. Of two words the first one changes.
func inflect(verb string) []string {
	head, rest, several := strings.Cut(verb, " ")
	end := func(form string) string {
		if several {
			return form + " " + rest
		}
		return form
	}
	third, gerund := head+"s", head+"ing"
	last := head[len(head)-1]
	vowel := func(i int) bool { return i >= 0 && strings.ContainsRune("aeiou", rune(head[i])) }
	switch n := len(head); {
	case strings.HasSuffix(head, "ss"), strings.HasSuffix(head, "sh"), strings.HasSuffix(head, "ch"), last == 'x', last == 'z':
		third = head + "es"
	case last == 'y' && !vowel(n-2):
		third = head[:n-1] + "ies"
	case last == 'e' && !strings.HasSuffix(head, "ee"):
		gerund = head[:n-1] + "ing"
	case n >= 3 && !vowel(n-1) && vowel(n-2) && !vowel(n-3) && !strings.ContainsRune("wxy", rune(last)) && n <= 4:
		gerund = head + string(last) + "ing"
	}
	return []string{verb, end(third), end(gerund)}
}
