package scrape

import (
	"context"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"github.com/chainwright/chainwright/executors/internal/web"
)

// selector is a list of alternatives, each a chain of steps. The library matches
// single steps; walk follows the combinators in one pass per step, because
// backtracking would take unlimited time on hostile pages and selectors.
type selector [][]step

// step is one compound selector with the combinator before it.
type step struct {
	matches    cascadia.Sel
	combinator byte // ' ', '>', '+', '~'; 0 for the first
}

// parseSelector parses a CSS selector.
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
				return nil, web.Invalid("selector", "selector is invalid at %q: %w", compound.text, err)
			}
			chain = append(chain, step{sel, compound.combinator})
		}
		parsed = append(parsed, chain)
	}
	return parsed, nil
}

// errPattern refuses the library's regular expressions: matching one to a long
// text can't be interrupted.
var errPattern = web.Invalid("selector", "regular expressions (#=, :matches) and escapes before a parenthesis are not supported in selector")

type compound struct {
	text       string
	combinator byte
}

// split divides a selector at commas and combinators. Parentheses may contain one
// compound only, because nested selectors can take unlimited time.
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
		case inside > 0 && strings.HasPrefix(text[i:], "#="):
			return nil, errPattern
		case inside > 0:
		case c == '(':
			if parens++; parens > 1 {
				return nil, web.Invalid("selector", "nested parentheses are not supported in selector")
			}
			name := text[strings.LastIndexByte(text[:i], ':')+1 : i]
			if strings.ContainsRune(name, '\\') || strings.HasPrefix(strings.ToLower(name), "matches") {
				return nil, errPattern
			}
			if !strings.HasPrefix(name, "nth-") && strings.ContainsAny(argument(text[i+1:]), " >+~") {
				return nil, web.Invalid("selector", "combinators inside :%s() are not supported in selector", name)
			}
		case c == ')':
			parens--
		case parens > 0:
		case c == ',', isSpace(c), c == '>', c == '+', c == '~':
			had := len(chain)
			if !add(i) {
				if !isSpace(c) {
					return nil, web.Invalid("selector", "selector has %q instead of a name", c)
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
		return nil, web.Invalid("selector", "selector is incomplete")
	}
	return append(all, chain), nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// argument returns the text up to the closing parenthesis.
func argument(text string) string {
	inside, _, _ := strings.Cut(text, ")")
	return strings.TrimSpace(inside)
}

// find returns the matching elements in document order, without matches inside
// other matches.
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

// walk adds the elements that match a step to now. below says that an ancestor
// matched the previous step.
func (s step) walk(ctx context.Context, n *html.Node, before, now map[*html.Node]bool, below bool) error {
	below = below || before[n]
	earlier, last := false, false // a previous sibling, or the last one, matched
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
