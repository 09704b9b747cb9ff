package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// part is one of the steps that a clause stands for.
type part struct {
	tokens []token
	label  string
	says   string  // empty: what the clause says
	verb   *clause // a way of its own to do it
}

// several: the clause itself stands for steps beside each other.
func (c *clause) several() bool { return len(c.parts(1)) > 1 }

// parts are the steps that a clause stands for: one, or several that it
// counts or lists.
func (c *clause) parts(before int) []part {
	all := slices.Concat(append([][]token{c.tokens}, c.detail...)...)
	one := []part{{tokens: all}}
	n, at := c.number()
	if at >= 0 && c.tokens[at].low == "ways" {
		return c.ways(n, at)
	}
	if c.each != nil || c.own && before > 1 || has(c.tokens, words().Both) && before > 1 {
		return one
	}
	if list := c.listed(); len(list) > 1 {
		return list
	}
	if n > 1 && c.family() == source {
		many := make([]part, n)
		for i := range many {
			many[i] = part{tokens: all, label: fmt.Sprint(i + 1), says: c.numbered(at, i+1)}
		}
		return many
	}
	return one
}

func (c *clause) number() (n, noun int) { return counting(c.tokens) }

// counting reads how many of what words speak of: "from two different APIs".
func counting(tokens []token) (n, noun int) {
	l := words()
	for i, t := range tokens {
		n, ok := l.Numbers[t.low]
		if !ok && t.kind == number {
			if _, err := fmt.Sscanf(t.text, "%d", &n); err != nil || n < 2 || n > 20 {
				continue
			}
			ok = true
		}
		if !ok {
			continue
		}
		for k := i + 1; k < min(i+4, len(tokens)); k++ {
			if slices.Contains(l.Countable, tokens[k].low) {
				return n, k
			}
			if !slices.Contains(l.Between, tokens[k].low) {
				break
			}
		}
	}
	return 1, -1
}

// ways are branches that do the same in different ways, which the clause may
// name: "(filter and aggregate)".
func (c *clause) ways(n, at int) []part {
	var list []part
	object := c.worked(at)
	for _, detail := range c.detail {
		inner, _ := split(detail, func(string) bool { return false })
		for _, each := range inner {
			list = append(list, part{tokens: each.tokens, label: each.verb, says: each.does(cmp.Or(content(each.tokens), object)), verb: each})
		}
	}
	for len(list) < n {
		label := fmt.Sprint(len(list) + 1)
		list = append(list, part{label: label, says: c.does(object, "(way "+label+")")})
	}
	return list
}

func plural(noun string) string {
	switch {
	case strings.HasSuffix(noun, "s"):
		return noun
	case strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ey"):
		return strings.TrimSuffix(noun, "y") + "ies"
	}
	return noun + "s"
}

func singular(noun string) string {
	switch {
	case strings.HasSuffix(noun, "ies"):
		return strings.TrimSuffix(noun, "ies") + "y"
	case strings.HasSuffix(noun, "ss"), !strings.HasSuffix(noun, "s"):
		return noun
	}
	return strings.TrimSuffix(noun, "s")
}
