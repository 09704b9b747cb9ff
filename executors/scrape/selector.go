package scrape

import (
	"context"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"github.com/chainwright/chainwright/executors/web"
)

// selector is a list of alternatives, each a chain of steps. The library
// matches what stands in one step; the way from step to step is walked here,
// once over the page for each, since going back and forth takes hostile pages
// and selectors to any time at all.
type selector [][]step

// step is one compound of a selector and how it follows the one before.
type step struct {
	matches    cascadia.Sel
	combinator byte // ' ', '>', '+', '~'; 0 for the first
}

// parseSelector reads a CSS selector.
func parseSelector(text string) (selector, error) {
	var parsed selector
	alternatives, err := split(text)
	if err != nil {
		return nil, err
	}
	for _, each := range alternatives {
		var chain []step
		for _, compound := range each {
			sel, err := cascadia.Parse(compound.text)
			if err != nil {
				return nil, web.Invalid("selector", "selector is no CSS selector at %q: %w", compound.text, err)
			}
			chain = append(chain, step{sel, compound.combinator})
		}
		parsed = append(parsed, chain)
	}
	return parsed, nil
}

type compound struct {
	text       string
	combinator byte
}

// split cuts a selector at its commas and combinators. Inside parentheses
// there may be only one compound more: nesting is what takes time.
func split(text string) ([][]compound, error) {
	var (
		all     [][]compound
		chain   []compound
		start   = 0
		pending = byte(0)
		quote   = byte(0)
		inside  = 0 // brackets
		parens  = 0
	)
	add := func(end int) bool {
		piece := strings.TrimSpace(text[start:end])
		if piece == "" {
			return pending == 0 || pending == ' '
		}
		chain = append(chain, compound{piece, pending})
		pending = 0
		return true
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[':
			inside++
		case c == ']':
			inside--
		case inside > 0:
		case c == '(':
			if parens++; parens > 1 {
				return nil, web.Invalid("selector", "selector has parentheses inside parentheses, which is not supported")
			}
			if name := text[strings.LastIndexByte(text[:i], ':')+1 : i]; !strings.HasPrefix(name, "nth-") && strings.ContainsAny(argument(text[i+1:]), " >+~") {
				return nil, web.Invalid("selector", "selector has more than one step inside :%s(), which is not supported", name)
			}
		case c == ')':
			parens--
		case parens > 0:
		case c == ',', isSpace(c), c == '>', c == '+', c == '~':
			had := len(chain)
			if !add(i) {
				if !isSpace(c) {
					return nil, web.Invalid("selector", "selector has %q where a name should be", c)
				}
				start = i + 1
				continue
			}
			start = i + 1
			switch {
			case c == ',':
				if len(chain) == 0 {
					return nil, web.Invalid("selector", "selector has an empty alternative")
				}
				all, chain, pending = append(all, chain), nil, 0
			case len(chain) == 0 && !isSpace(c):
				return nil, web.Invalid("selector", "selector begins with %q", c)
			case len(chain) > had:
				pending = ' '
			}
			if c == '>' || c == '+' || c == '~' {
				pending = c
			}
		}
	}
	if !add(len(text)) || len(chain) == 0 || quote != 0 || parens != 0 || inside != 0 {
		return nil, web.Invalid("selector", "selector does not end as it should")
	}
	return append(all, chain), nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// argument is what stands in parentheses that were just opened.
func argument(text string) string {
	inside, _, _ := strings.Cut(text, ")")
	return strings.TrimSpace(inside)
}

// find gives what a selector matches, in the page's order, without what is
// inside another match.
func (s selector) find(ctx context.Context, root *html.Node) ([]*html.Node, error) {
	matched := map[*html.Node]bool{}
	for _, chain := range s {
		var before map[*html.Node]bool
		for _, each := range chain {
			now := map[*html.Node]bool{}
			if err := each.walk(ctx, root, before, now, false); err != nil {
				return nil, err
			}
			before = now
		}
		for n := range before {
			matched[n] = true
		}
	}
	var found []*html.Node
	var collect func(*html.Node)
	collect = func(n *html.Node) {
		if matched[n] {
			found = append(found, n)
			return
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			collect(c)
		}
	}
	collect(root)
	return found, nil
}

// walk puts the elements that match a step into now; below says that one
// above matched the step before.
func (s step) walk(ctx context.Context, n *html.Node, before, now map[*html.Node]bool, below bool) error {
	below = below || before[n]
	earlier, last := false, false // whether a sibling before, or the one just before, matched
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != html.ElementNode {
			continue
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		follows := false
		switch s.combinator {
		case 0:
			follows = true
		case ' ':
			follows = below
		case '>':
			follows = before[n]
		case '+':
			follows = last
		case '~':
			follows = earlier
		}
		if follows && s.matches.Match(c) {
			now[c] = true
		}
		last = before[c]
		earlier = earlier || last
		if err := s.walk(ctx, c, before, now, below); err != nil {
			return err
		}
	}
	return nil
}
