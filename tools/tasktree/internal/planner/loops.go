package planner

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// loop is a for_each that a clause stands in.
type loop struct {
	value    string
	from     []dependency
	parallel int
	noun     string
	step     int // of the list
}

// loopOver reads the list after "for each": "url in urls.txt", "customer".
func (p *planner) loopOver() *loop {
	t, ok := p.kind(word)
	if !ok || !plainWord(t) {
		p.unread()
		return nil
	}
	noun := stem(t.low)
	l := &loop{noun: noun, step: -1}
	if start := p.at; p.eat("in", "of", "from") {
		p.phrase(words().Determiners)
		if f := p.place(); len(f) == 1 && f[0].kind != "api" {
			p.hand(p.open("read", f))
			p.sources = false // what is done with its elements waits for it
		} else {
			p.at = start
			p.unread()
			return nil
		}
	} else if named := p.called(t); len(named) == 1 {
		p.last = named
	} else if len(p.heads) == 0 {
		p.at--
		name := strings.ToLower(t.text) + "s"
		p.asked[name] = map[string]any{"type": "array", "description": "The list to go through, one " + noun + " at a time"}
		p.fresh = append(p.fresh, name)
		p.at++
		l.value = "${{ inputs." + name + " }}"
		return l
	} else if !slices.Contains(words().Lists, t.low) && !slices.Contains(words().Any, t.low) && t.low != "one" {
		p.at--
		p.unread()
		return nil
	}
	d := p.single(subject{data: p.last})
	d.used = true
	value := listed(d)
	if d.lines {
		value = "(" + value + ` | [splits("\r?\n") | select(. != "")])`
	}
	l.value, l.from, l.step = "${{ "+value+" }}", d.from, d.step
	return l
}

// atOnce reads "at most 5 at a time".
func (p *planner) atOnce() bool {
	return p.try(func() bool {
		if !p.match("at most", nil) {
			return false
		}
		_, err := fmt.Sscan(p.peek(0).text, &p.loop.parallel)
		p.at++
		return err == nil && p.loop.parallel > 0 && p.match("at a|the time|once", nil)
	})
}

var placeholder = regexp.MustCompile(`\{([A-Za-z_]\w*)\}`)

// template writes an address: {id} is a field of the element, or else an input
// of the run.
func (p *planner) template(address string) string {
	return placeholder.ReplaceAllStringFunc(literal(address), func(part string) string {
		name := strings.Trim(part, "{}")
		if p.loop != nil {
			return "${{ " + element(name) + " | tostring | @uri }}"
		}
		p.asked[name] = map[string]any{"type": "string", "minLength": 1, "description": "The " + name + " in " + address}
		return "${{ inputs." + name + " | tostring | @uri }}"
	})
}

// element is a field of the element of a loop, or the element itself where it
// is a text or a number.
func element(name string) string {
	return fmt.Sprintf(`(item | if type == "object" then .[%s] else . end // error("an element has no %s"))`, quote(name), name)
}
