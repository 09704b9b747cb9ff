package executors

import (
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// MaxSearchHint is the largest length of a search hint in bytes: about 12
// tokens.
const MaxSearchHint = 48

// Hint returns the search hint. Without one in the definition it is the title,
// and the tags that fit and are not in it.
func (d *Definition) Hint() string {
	if d.SearchHint != "" {
		return d.SearchHint
	}
	hint := ""
	add := func(separator, words string) {
		if hint != "" {
			words = separator + words
		}
		if len(hint)+len(words) <= MaxSearchHint {
			hint += words
		}
	}
	for _, word := range strings.Fields(d.Title) {
		add(" ", word)
	}
	for _, tag := range d.Tags {
		if !strings.Contains(strings.ToLower(hint), strings.ToLower(tag)) {
			add(", ", tag)
		}
	}
	return hint
}

// hint reads a search hint.
func (l *loader) hint(to *string) func(*yaml.Node) {
	return func(node *yaml.Node) {
		l.text(to)(node)
		*to = strings.TrimSpace(*to)
		if strings.ContainsFunc(*to, func(r rune) bool { return !unicode.IsPrint(r) }) {
			l.problem(node, "search_hint must be one line of text")
		} else if len(*to) > MaxSearchHint {
			l.problem(node, "search_hint has %d bytes; at most %d are allowed: the words that people use for it, as in \"fetch JSON from a URL\"", len(*to), MaxSearchHint)
		}
	}
}
