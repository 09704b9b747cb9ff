package expr

import (
	"strconv"
	"strings"
)

// path is an expression of keys and indexes only, such as
// tasks.fetch.result.items[0], the most common kind. It is evaluated without jq,
// with the same result.
type path struct {
	root  string // tasks, inputs, item, index or run
	steps []step
}

// step is a key, or an index of an array.
type step struct {
	key    string
	place  int
	places bool // the step is an index
}

// parsePath parses an expression. It returns false if it is not a path.
func parsePath(src string) (*path, bool) {
	s := src
	root := identifier(s)
	switch root {
	case "tasks", "inputs", "item", "index", "run":
	default:
		return nil, false
	}
	p := &path{root: root}
	for s = s[len(root):]; s != ""; {
		var next step
		switch {
		case strings.HasPrefix(s, `["`):
			n := strings.IndexByte(s[2:], '"')
			if n < 0 || !strings.HasPrefix(s[2+n:], `"]`) || !simple(s[2:2+n]) {
				return nil, false
			}
			next.key = s[2 : 2+n]
			s = s[2+n+2:]
		case s[0] == '[':
			n := strings.IndexByte(s, ']')
			if n < 2 || n > 10 || !digits(s[1:n]) {
				return nil, false
			}
			next.place, _ = strconv.Atoi(s[1:n])
			next.places = true
			s = s[n+1:]
		case s[0] == '.':
			next.key = identifier(s[1:])
			if next.key == "" {
				return nil, false
			}
			s = s[1+len(next.key):]
		default:
			return nil, false
		}
		p.steps = append(p.steps, next)
	}
	return p, true
}

// follow walks the steps from v. It returns false where jq would fail.
func follow(v any, steps []step) (any, bool) {
	for _, s := range steps {
		switch at := v.(type) {
		case nil:
			return nil, true
		case map[string]any:
			if s.places {
				return nil, false
			}
			v = at[s.key]
		case []any:
			if !s.places {
				return nil, false
			}
			if s.place >= len(at) {
				return nil, true
			}
			v = at[s.place]
		default:
			return nil, false
		}
	}
	return v, true
}

// identifier returns the identifier that s starts with.
func identifier(s string) string {
	n := 0
	for n < len(s) && (s[n] == '_' || 'a' <= s[n]|0x20 && s[n]|0x20 <= 'z' || n > 0 && '0' <= s[n] && s[n] <= '9') {
		n++
	}
	return s[:n]
}

// simple reports whether a text needs no escapes between quotes.
func simple(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '\\' || r == '"' || r == 0x7f || r == '\uFFFD' })
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// walk returns the root and the steps: keys (string) and indexes (int).
func (p *path) walk() []any {
	walk := make([]any, 1, 1+len(p.steps))
	walk[0] = p.root
	for _, s := range p.steps {
		if s.places {
			walk = append(walk, s.place)
		} else {
			walk = append(walk, s.key)
		}
	}
	return walk
}
