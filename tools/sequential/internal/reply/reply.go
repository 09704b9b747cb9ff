// Package reply reads the named texts that a model was asked for: from JSON, from
// labelled lines, and from the forms in between.
//
// A value is never guessed. If a text is missing, the whole reply is an error, and
// the caller asks again.
package reply

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// longest bounds the part of a reply that is read: its end, where the answer is.
const longest = 256 << 10

// Form holds the names of the texts in a reply. Make it once.
type Form struct {
	names  []string
	folded map[string]int // "subsequenttask" → its place
	line   *regexp.Regexp // a label that begins a line
	inline *regexp.Regexp // a label in the middle of one
}

// Missing is the error of a reply without some of the texts.
type Missing struct{ Names []string }

// Error lists the missing names.
func (m *Missing) Error() string {
	return "the reply has no " + strings.Join(m.Names, " and no ")
}

// marks match what models put around a label, sep what follows one.
const (
	marks = `[*_"'` + "`" + `“”「」\[\]]*`
	colon = `[:：﹕︰∶꞉=]`
	sep   = `(?:` + colon + `|(?:[ \t]+[-–—‐‑]+|[-–—]+[ \t])|[ \t]*(?:->|→|=>))`
)

// NewForm returns a form for names like subsequent_task: letters and _.
func NewForm(names ...string) *Form {
	f := &Form{names: names, folded: map[string]int{}}
	alternatives := make([]string, len(names))
	for i, name := range names {
		f.folded[fold(name)] = i
		alternatives[i] = strings.ReplaceAll(regexp.QuoteMeta(name), "_", `[ \t_-]*`)
	}
	label := `(` + strings.Join(alternatives, "|") + `)`
	// before a label: quotes, lists, numbers, headings
	before := `(?:[ \t]*(?:[>•·*+-]|#{1,6}|\(?\d{1,3}[.):、．]+\)?|[（(]\d{1,3}[)）]|step[ \t]*\d+[.:]))*[ \t]*[{,]?[ \t]*` + marks + `[ \t]*(?:the[ \t]+)?(?:new[ \t]+)?`
	after := `[ \t]*(?:\(\w*\))?[ \t]*` + marks + `[ \t]*`
	f.line = regexp.MustCompile(`(?im)^` + before + label + after + `(?:` + sep + `[ \t]*(?:\*\*|__)?|$)`)
	f.inline = regexp.MustCompile(`(?i)` + marks + `\b` + label + after + colon + `[ \t]*(?:\*\*|__)?`)
	return f
}

// Parse returns one text for each name, in the order of the names. Of several
// answers it takes the last, because models repeat the examples first.
func (f *Form) Parse(text string) ([]string, error) {
	if len(text) > longest {
		text = text[len(text)-longest:]
		for len(text) > 0 && !utf8.RuneStart(text[0]) {
			text = text[1:]
		}
	}
	text = strings.ToValidUTF8(normalise(text), "\uFFFD")
	var first error
	for _, part := range unwrap(text) {
		values, err := f.parse(part)
		if err == nil {
			return values, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// parse returns the answer that ends last in a text without wrapping.
func (f *Form) parse(text string) ([]string, error) {
	object, end, isObject := f.object(text)
	values, start, labelled := f.labels(text)
	switch {
	case isObject && (!labelled || start < end):
		return f.whole(object)
	case labelled:
		return f.whole(values)
	}
	return f.whole(make([]string, len(f.names)))
}

// whole returns the values if none is missing.
func (f *Form) whole(values []string) ([]string, error) {
	var missing []string
	for i, name := range f.names {
		if values[i] == "" {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return nil, &Missing{missing}
	}
	return values, nil
}

var plain = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u00a0", " ", "\ufeff", "", "\u200b", "")

// normalise replaces all line ends by \n and special spaces by plain ones.
func normalise(text string) string { return plain.Replace(text) }

var (
	thinking = regexp.MustCompile(`(?is)<(think|thinking|reasoning|analysis)>(.*?)</(?:think|thinking|reasoning|analysis)>`)
	opened   = regexp.MustCompile(`(?i)<(?:think|thinking|reasoning|analysis)>`)
	closed   = regexp.MustCompile(`(?i)</(?:think|thinking|reasoning|analysis)>`)
	answer   = regexp.MustCompile(`(?is)<(?:answer|output|response|final|final_answer)>(.*?)(?:</(?:answer|output|response|final|final_answer)>|$)`)
)

// unwrap returns the texts that may hold the answer, the most likely first: inside
// <answer>, outside the thinking, and inside the thinking.
func unwrap(text string) []string {
	outside := thinking.ReplaceAllString(text, "\n")
	if at := closed.FindAllStringIndex(outside, -1); at != nil { // its beginning was left out
		outside = outside[at[len(at)-1][1]:]
	}
	if at := opened.FindStringIndex(outside); at != nil { // it never ended
		outside = outside[:at[0]]
	}
	var parts []string
	if found := answer.FindAllStringSubmatch(outside, -1); found != nil {
		parts = append(parts, found[len(found)-1][1])
	}
	if strings.TrimSpace(outside) != "" {
		parts = append(parts, outside)
	}
	if len(parts) > 0 {
		return parts
	}
	inside := opened.ReplaceAllString(closed.ReplaceAllString(text, "\n"), "\n")
	if found := answer.FindAllStringSubmatch(inside, -1); found != nil {
		parts = append(parts, found[len(found)-1][1])
	}
	return append(parts, inside)
}

// fold returns the letters and digits of a name in lower case, for comparison.
func fold(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		}
	}
	return b.String()
}
