package expr

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/shorten"
)

// Compiler compiles the values of one tree. Equal expressions are compiled once.
type Compiler struct {
	cache map[string]*expression
}

// NewCompiler returns a Compiler.
func NewCompiler() *Compiler { return &Compiler{cache: map[string]*expression{}} }

// Value compiles a when or a for_each. Secrets are not allowed in it.
func (c *Compiler) Value(v any) (*Value, []Issue) {
	value, issues := c.compile(v, true)
	return &value, issues
}

// Template compiles a task's inputs.
func (c *Compiler) Template(inputs map[string]any) (Template, []Issue) {
	value, issues := c.compile(inputs, false)
	return Template{value}, issues
}

func (c *Compiler) compile(v any, data bool) (Value, []Issue) {
	if !marked(v) {
		return Value{literal: v}, nil
	}
	b := builder{compiler: c, data: data, reads: &collector{}}
	literal, n := b.build(v)
	value := Value{literal: literal, node: n, reads: b.reads.reads}
	if n != nil && !b.evaluates {
		// Only placeholders of secrets, which are kept.
		value.literal, _ = n.eval(context.Background(), bounded(Env{}))
	}
	return value, b.issues
}

// marked reports whether there is any opening mark in v.
func marked(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, opening)
	case []any:
		return slices.ContainsFunc(v, marked)
	case map[string]any:
		for key, each := range v {
			if strings.Contains(key, opening) || marked(each) {
				return true
			}
		}
	}
	return false
}

// builder compiles one value.
type builder struct {
	compiler *Compiler
	data     bool
	path     []string
	reads    *collector
	issues   []Issue
	// evaluates is set if there is a reference.
	evaluates bool
}

// build returns v as a literal if nothing in it is evaluated, else as a node.
func (b *builder) build(v any) (literal any, n node) {
	switch v := v.(type) {
	case string:
		return b.text(v)
	case []any:
		a := &array{fixed: make([]any, len(v))}
		for i, each := range v {
			b.path = append(b.path, placeStep(i))
			fixed, n := b.build(each)
			b.path = b.path[:len(b.path)-1]
			a.fixed[i] = fixed
			if n != nil {
				a.slots = append(a.slots, slot{i, n})
			}
		}
		if a.slots == nil {
			return a.fixed, nil
		}
		return nil, a
	case map[string]any:
		o := &object{fixed: make(map[string]any, len(v))}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b.path = append(b.path, keyStep(key))
			if strings.Contains(key, opening) {
				b.issue(Issue{Code: InKey, Message: "a key is plain text: the reference in it is not evaluated", Hint: "make the object with an expression: ${{ {(inputs.name): 1} }}"})
			}
			fixed, n := b.build(v[key])
			b.path = b.path[:len(b.path)-1]
			if n != nil {
				o.fields = append(o.fields, field{key, n})
			} else {
				o.fixed[key] = fixed
			}
		}
		if o.fields == nil {
			return o.fixed, nil
		}
		return nil, o
	}
	return v, nil
}

func (b *builder) text(s string) (literal any, n node) {
	if !strings.Contains(s, opening) {
		return s, nil
	}
	parts, unclosed := scan(s)
	if unclosed >= 0 {
		b.issue(Issue{Mark: strings.Count(s[:unclosed], opening) + 1, Code: Syntax, Message: fmt.Sprintf("the reference that starts with %s is not closed", shorten.Bytes(s[unclosed:], mostShown)), Hint: "close it with }}, or write $${{ for a plain ${{"})
		return s, nil
	}
	t := &text{pieces: parts, refs: make([]*expression, len(parts)), data: b.data}
	open := false
	for i, p := range parts {
		switch p.kind {
		case reference:
			t.refs[i] = b.expression(p)
			b.evaluates, open = true, true
		case hidden:
			b.secret(p)
			open = true
		}
	}
	if !open {
		// Escapes only.
		whole := ""
		if len(parts) > 0 {
			whole = parts[0].text
		}
		if !b.data {
			whole = sealText(whole)
		}
		return whole, nil
	}
	if len(parts) == 1 && t.refs[0] != nil {
		if b.data {
			return nil, t.refs[0]
		}
		return nil, sealed{t.refs[0]}
	}
	return nil, t
}

func (b *builder) secret(p part) {
	if b.data {
		b.issue(Issue{Mark: p.mark, Code: Misplaced, Message: fmt.Sprintf("secrets.%s can't be read here", p.name), Hint: "secrets are for the inputs of executors only"})
		return
	}
	b.reads.secrets.add(&b.reads.reads.Secrets, []string{p.name})
}

func (b *builder) expression(p part) *expression {
	e := b.compiler.cache[p.text]
	if e == nil {
		e = compile(p.text)
		b.compiler.cache[p.text] = e
	}
	b.reads.add(&e.reads)
	for _, issue := range e.issues {
		issue.Mark = p.mark
		b.issue(issue)
	}
	return e
}

// issue adds an issue at the current path.
func (b *builder) issue(issue Issue) {
	issue.Path = ""
	for _, step := range slices.Backward(b.path) {
		issue.Path = join(step, issue.Path)
	}
	b.issues = append(b.issues, issue)
}
