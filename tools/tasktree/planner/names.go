package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/chainwright/chainwright/executors/lazyregexp"
)

// What a person reads of a plan: the ids and names of its tasks, and its own.

const (
	longestName = 60  // of a task
	longestSlug = 48  // of a tree
	longestSaid = 120 // of a clause, where it is quoted
	longestWord = 40  // in a name that is too long
)

var (
	notID = lazyregexp.New(`[^a-z0-9]+`)
	// unsaid is what a name does without: how an address begins, and marks
	// inside of words.
	unsaid = lazyregexp.New(`\b[a-z]+://|['’]`)
)

// Slug makes a tree's name of the first words of a requirement.
func Slug(requirement string) string {
	plain := unsaid().ReplaceAllString(strings.ToLower(requirement), "")
	name := strings.Trim(notID().ReplaceAllString(plain, "-"), "-")
	if len(name) > longestSlug {
		cut := name[:longestSlug]
		if end := strings.LastIndexByte(name[:longestSlug+1], '-'); end > 10 {
			cut = name[:end]
		}
		name = strings.Join(ended(strings.Split(cut, "-")), "-")
	}
	return cmp.Or(name, "plan")
}

// name gives the steps their ids and names.
func (p *planner) name() {
	used := map[string]bool{}
	for _, s := range p.graph.steps {
		base := s.base()
		id := base
		for n := 2; used[id]; n++ {
			id = fmt.Sprintf("%s_%d", base, n)
		}
		used[id], s.id = true, id
		s.name = s.title()
	}
}

func (s *step) base() string {
	verb := s.clause.verb
	if s.class != s.clause.class && s.label != "" {
		verb = s.label
	} else if s.label != "" && !slices.ContainsFunc(s.tokens, token.literal) {
		verb += " " + s.label
	}
	if verb == "" {
		verb = s.clause.text
	}
	id := strings.Trim(notID().ReplaceAllString(strings.ToLower(verb), "_"), "_")
	if id == "" || id[0] >= '0' && id[0] <= '9' {
		id = "step_" + id
	}
	return strings.TrimRight(id[:min(len(id), 40)], "_")
}

// title is a step's name: what it does, in few words.
func (s *step) title() string {
	text := s.said()
	if s.clause.together && s.each == nil {
		text = alone(text)
	}
	return shortened(text, longestName)
}

// said is what a step does, in all the words of the requirement.
func (s *step) said() string {
	if s.says != "" {
		return titled(strings.TrimRight(s.says, " ,"))
	}
	text, verb := s.clause.text, s.clause.written
	if verb != "" && !strings.EqualFold(verb, s.clause.verb) {
		text = s.clause.verb + strings.TrimPrefix(text, verb) // "fetching it" is "fetch it"
	}
	return titled(trimmed(text))
}

// does is a text of a clause's verb and what it is about.
func (c *clause) does(about ...string) string {
	return strings.Join(strings.Fields(c.verb+" "+strings.Join(about, " ")), " ")
}

// oneOf is what a clause says of one of the items that it lists: "the memory"
// of "the CPU and the memory", "a.json" of "both files a.json and b.json".
func (c *clause) oneOf(before, item, after []token) string {
	before = slices.DeleteFunc(slices.Clone(before), func(t token) bool { return t.low == "both" })
	if last := len(item) - 1; item[last].literal() {
		item = item[last:]
		before = withoutArticles(before)
	}
	if _, noun := counting(after); noun >= 0 { // "from three APIs" is said of all of them
		after = after[noun+1:]
	}
	return c.does(content(before), content(item), content(after))
}

func withoutArticles(tokens []token) []token {
	for len(tokens) > 0 && slices.Contains([]string{"the", "a", "an", "these", "those"}, tokens[len(tokens)-1].low) {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

// counted gives where "two different" begins, before a noun that is counted.
func (c *clause) counted(noun int) int {
	l := words()
	for noun > 0 {
		t := c.tokens[noun-1]
		if _, spelt := l.Numbers[t.low]; !spelt && t.kind != number && !slices.Contains(l.Between, t.low) {
			break
		}
		noun--
	}
	return noun
}

// numbered is what a clause says of one of those that it counts: "data from
// API 2" of "data from two different APIs".
func (c *clause) numbered(noun, n int) string {
	before := withoutArticles(c.tokens[:c.counted(noun)])
	return c.does(content(before), singular(c.tokens[noun].text), fmt.Sprint(n), content(c.tokens[noun+1:]))
}

// worked is what a clause that speaks of ways does in them: "the orders" of
// "the orders in two ways".
func (c *clause) worked(ways int) string {
	end := c.counted(ways)
	for end > 0 && slices.Contains(prepositions, c.tokens[end-1].low) {
		end--
	}
	return content(c.tokens[:end])
}

// branch is what a clause says of one of the results that it is done for, each
// on its own: "the users" where it says "both", "response 2" where it says
// "each response".
func (c *clause) branch(before *step, label string) string {
	l := words()
	at, n := find(c.tokens, l.Both)
	if at < 0 {
		at, n = find(c.tokens, l.Each)
	}
	if at < 0 {
		at, n = find(c.tokens, []string{"them", "they", "these", "those", "it"})
	}
	if at < 0 && c.each != nil {
		return c.does(content(c.tokens), "for", label)
	}
	if at < 0 {
		return c.does(content(c.tokens), "("+label+")")
	}
	noun := ""
	for rest := c.tokens[at+n:]; len(rest) > 0 && rest[0].kind == word && !slices.Contains(prepositions, rest[0].low); rest = rest[1:] {
		noun = strings.TrimSpace(noun + " " + rest[0].text)
		n++
	}
	after := c.tokens[at+n:]
	switch {
	case strings.Trim(label, "0123456789") == "":
		label = cmp.Or(singular(noun), "result") + " " + label
	case before.clause.family() != source || slices.ContainsFunc(scan(label), token.literal):
		label = "the " + cmp.Or(singular(noun), "result") + " of " + label
		if slices.ContainsFunc(after, token.literal) { // which name all of them
			after = nil
		}
	}
	return c.does(content(c.tokens[:at]), label, content(after))
}

// trimmed is a clause's text without the words that lead to the next one.
func trimmed(text string) string {
	for {
		before := text
		text = strings.TrimRight(text, " ,.;:!?→")
		for _, word := range []string{" and", " then", " while", " but", " otherwise", " else"} {
			text = strings.TrimSuffix(text, word)
		}
		if text == before {
			return text
		}
	}
}

// alone is a text without "in parallel", which is said of several tasks and not
// of the one that it names.
func alone(text string) string {
	fields := strings.Fields(text)
	for i := range fields {
		for _, phrase := range words().Openers["together"] {
			n := len(strings.Fields(phrase))
			if i > 0 && i+n <= len(fields) && strings.EqualFold(strings.Trim(strings.Join(fields[i:i+n], " "), ",.;:!?"), phrase) {
				return strings.Join(slices.Concat(fields[:i], fields[i+n:]), " ")
			}
		}
	}
	return text
}

// shortened ends a text that is too long at a word, with addresses that would
// be most of it cut in their middle.
func shortened(text string, most int) string {
	if len([]rune(text)) <= most {
		return text
	}
	var kept []string
	left := most - 1 // the mark of the cut
	for _, each := range strings.Fields(text) {
		runes := []rune(each)
		if len(runes) > longestWord {
			runes = slices.Concat(runes[:longestWord/2], []rune("…"), runes[len(runes)-longestWord/2+1:])
		}
		if left -= len(runes) + 1; left < -1 {
			return strings.TrimRight(strings.Join(ended(kept), " "), ",.;:") + "…"
		}
		kept = append(kept, string(runes))
	}
	return strings.Join(kept, " ")
}

// ended is a text without the last words that lead on to what was cut off.
func ended(fields []string) []string {
	leads := slices.Concat(prepositions, strings.Fields("and or the a an then if when while but that which is are more than"))
	end := len(fields)
	for end > 1 && slices.Contains(leads, strings.ToLower(strings.Trim(fields[end-1], ",.;:"))) {
		end--
	}
	return fields[:end]
}

// titled begins a text with a capital.
func titled(text string) string {
	runes := []rune(text)
	if len(runes) > 0 {
		runes[0] = unicode.ToUpper(runes[0])
	}
	return string(runes)
}
