package typing

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// Env has the types of what expressions read.
type Env struct {
	Task         func(id string) *Type
	Inputs, Item *Type
	Run          *Type // nil: anything
}

// Finding is a part of an expression that can't be right.
type Finding struct {
	Message string
	// Unknown is the name of a field that no value has, and Known those that
	// there are; for other findings, Hint says what to write.
	Unknown string
	Known   []string
	Hint    string
	// Default: the expression says what holds if it fails (// or ?).
	Default bool
	// Soft: the finding is about a value that may be other than its schema says.
	Soft bool
}

// maxSteps bounds the work of one expression. What is beyond it is Any.
const maxSteps = 20_000

// checker types one expression.
type checker struct {
	env      Env
	left     int
	findings []Finding
}

// place is where in an expression a part stands.
type place struct {
	in    *Type
	vars  *binding
	funcs *definition
	// sure: the part is evaluated, whatever the values are.
	sure bool
	// guarded: something before decides by the value whether the part is
	// evaluated.
	guarded bool
	// otherwise: the expression says what holds if the part fails.
	otherwise bool
}

type binding struct {
	name  string
	of    *Type
	outer *binding
}

// definition is a function that the expression defines, or a parameter of one.
type definition struct {
	name  string
	args  int
	outer *definition
}

// maybe returns the place with parts that may not be evaluated.
func (p place) maybe() place {
	p.sure, p.guarded = false, true
	return p
}

func (p place) with(in *Type) place {
	p.in = in
	return p
}

// Path types an expression of keys and indexes: tasks, fetch, result, 0.
func Path(steps []any, env Env) (*Type, []Finding) {
	c := checker{env: env, left: maxSteps}
	p := place{in: Of(Null), sure: true}
	t := c.root(steps[0].(string), p)
	for _, step := range steps[1:] {
		switch step := step.(type) {
		case string:
			t = c.field(t, step, p)
		default:
			t = c.element(t, p)
		}
	}
	return t, c.findings
}

// Check types an expression. An expression that does not parse has the type Any.
func Check(src string, env Env) (t *Type, found []Finding) {
	defer func() {
		if recover() != nil { // the parser has no limit of its own for what it reads
			t, found = Any, nil
		}
	}()
	query, err := gojq.Parse(src)
	if err != nil {
		return Any, nil
	}
	c := checker{env: env, left: maxSteps}
	t = c.query(query, place{in: Of(Null), sure: true})
	return t, c.findings
}

func (c *checker) root(name string, p place) *Type {
	switch name {
	case "tasks":
		return Fields(c.env.Task)
	case "inputs":
		return c.env.Inputs
	case "item":
		return c.env.Item
	case "index":
		return Of(Number)
	case "run":
		if c.env.Run != nil {
			return c.env.Run
		}
	}
	return Any
}

func (c *checker) union(a, b *Type) *Type { return union(a, b, &c.left) }

// field types the reading of a field.
func (c *checker) field(t *Type, name string, p place) *Type {
	switch {
	case t.kinds&Object != 0:
		field, ok := t.field(name)
		if !ok {
			c.unknown(t, name, p)
			return Any
		}
		if t.kinds&Null != 0 {
			return field.OrNull()
		}
		return field
	case t.kinds&^Null == 0:
		return t // null, or nothing
	}
	hint := ""
	switch {
	case name == "length" || name == "size":
		hint = "write … | length"
	case t.kinds&^Null == Array:
		hint = fmt.Sprintf("read one element, [0].%s, or all of them: [….[].%s]", name, name)
	}
	c.misfit(t, p, hint, "%s is %s, which has no field %q", t.What(), t.kinds&^Null, name)
	return Any
}

// unknown reports a field that no value has.
func (c *checker) unknown(t *Type, name string, p place) {
	known := slices.Sorted(maps.Keys(t.fields))
	if t.of == "" && len(known) == 0 {
		return // {} may stand for nothing
	}
	what := t.What()
	f := Finding{Message: fmt.Sprintf("%s has no field %q", what, name), Unknown: name, Known: known, Default: p.otherwise, Soft: t.soft}
	for _, outer := range known {
		if inner := t.fields[outer]; inner.kinds&Object != 0 && inner.fields[name] != nil {
			f.Hint = fmt.Sprintf("did you mean %s.%s?", outer, name)
			break
		}
	}
	c.findings = append(c.findings, f)
}

// misfit reports a part that fails, or reads nothing, for every value.
func (c *checker) misfit(t *Type, p place, hint, format string, args ...any) {
	if !p.guarded && !p.otherwise {
		c.findings = append(c.findings, Finding{Message: fmt.Sprintf(format, args...), Hint: hint, Soft: t.soft})
	}
}

// element types the reading of an element by its number.
func (c *checker) element(t *Type, p place) *Type {
	switch {
	case t.kinds&(Array|String) != 0:
		out := t.Items().OrNull()
		if t.kinds&String != 0 { // gojq reads a character
			out = c.union(out, Of(String))
		}
		return out
	case t.kinds&^Null == 0:
		return t
	}
	hint := ""
	if names := t.Arrays(); len(names) > 0 {
		hint = "the array is in " + strings.Join(names, " or ")
	}
	c.misfit(t, p, hint, "%s is %s, which has no elements by number", t.What(), t.kinds&^Null)
	return Any
}

// each types the elements of an array, or the values of an object.
func (c *checker) each(t *Type, p place) *Type {
	if t.kinds&(Array|Object) == 0 {
		if t.kinds&^Null == 0 {
			return never
		}
		c.misfit(t, p, "", "%s is %s, which has no elements", t.What(), t.kinds&^Null)
		return Any
	}
	all := never
	if t.kinds&Array != 0 {
		all = t.Items()
	}
	if t.kinds&Object != 0 {
		all = c.union(all, t.values(&c.left))
	}
	return all
}

// query types the outputs of a query.
func (c *checker) query(q *gojq.Query, p place) *Type {
	if c.left--; q == nil || c.left < 0 {
		return Any
	}
	for _, def := range q.FuncDefs {
		p = c.define(def, p)
	}
	if q.Term != nil {
		return c.term(q.Term, p)
	}
	switch q.Op {
	case gojq.OpPipe:
		left := c.query(q.Left, p)
		right := p
		right.sure = p.sure && single(q.Left, p)
		right.guarded = p.guarded || filters(q.Left, p)
		if len(q.Patterns) > 0 {
			right.vars = c.bind(q.Patterns, left, p)
			return c.query(q.Right, right)
		}
		return c.query(q.Right, right.with(left))
	case gojq.OpComma:
		return c.union(c.query(q.Left, p), c.query(q.Right, p))
	case gojq.OpAlt:
		left := p
		left.otherwise = true
		first := c.query(q.Left, left)
		right := p
		right.sure, right.guarded = false, true
		return c.union(first.only(first.kinds&^Null), c.query(q.Right, right))
	case gojq.OpAnd, gojq.OpOr:
		c.query(q.Left, p)
		c.query(q.Right, p.maybe())
		return Of(Bool)
	case gojq.OpEq, gojq.OpNe, gojq.OpGt, gojq.OpLt, gojq.OpGe, gojq.OpLe:
		c.query(q.Left, p)
		c.query(q.Right, p)
		return Of(Bool)
	case gojq.OpAdd, gojq.OpSub, gojq.OpMul, gojq.OpDiv, gojq.OpMod:
		left, right := c.query(q.Left, p), c.query(q.Right, p)
		p.sure = p.sure && single(q.Left, p) && single(q.Right, p)
		return c.operator(q.Op, left, right, p)
	}
	// An assignment. Its left side names what is set, which may be new.
	c.query(q.Left, p.maybe().with(Any))
	right := p
	if q.Op == gojq.OpModify {
		right = p.maybe().with(Any)
	}
	c.query(q.Right, right)
	return Any
}

// operator types left OP right.
func (c *checker) operator(op gojq.Operator, left, right *Type, p place) *Type {
	if left == Any || right == Any || left.kinds == 0 || right.kinds == 0 {
		return Any
	}
	both := left.kinds & right.kinds
	switch op {
	case gojq.OpAdd:
		return c.sum(left, right, p)
	case gojq.OpSub:
		if both&(Number|Array) == 0 {
			c.failed(left, right, p, "subtract %[2]s from %[1]s")
			return Any
		}
		return Of(both & (Number | Array))
	case gojq.OpMod:
		return Of(Number)
	}
	if left.kinds|right.kinds == Number {
		return Of(Number)
	}
	return Any
}

func (c *checker) sum(left, right *Type, p place) *Type {
	// null + x and x + null are x.
	kinds := left.kinds & right.kinds & (Number | String | Array | Object)
	if left.kinds&Null != 0 {
		kinds |= right.kinds
	}
	if right.kinds&Null != 0 {
		kinds |= left.kinds
	}
	switch {
	case kinds == 0:
		c.failed(left, right, p, "add %[1]s and %[2]s")
		return Any
	case kinds&Object != 0:
		return Any
	case kinds&Array != 0:
		return &Type{kinds: kinds, items: c.union(left.Items(), right.Items())}
	}
	return Of(kinds)
}

// failed reports an operator that no operands have.
func (c *checker) failed(left, right *Type, p place, format string) {
	if !p.sure {
		return
	}
	soft := *left
	soft.soft = left.soft || right.soft
	hint := ""
	if (left.kinds|right.kinds)&String != 0 {
		hint = `write a value into text with \(…), or make text of it with tostring`
	}
	c.misfit(&soft, p, hint, "jq can't "+format, left.kinds, right.kinds)
}

// define types the body of a function, of which no input is known, and returns
// the place that knows the function.
func (c *checker) define(def *gojq.FuncDef, p place) place {
	p.funcs = &definition{def.Name, len(def.Args), p.funcs}
	body := p.maybe().with(Any)
	for _, arg := range def.Args {
		body.funcs = &definition{arg, 0, body.funcs}
		if strings.HasPrefix(arg, "$") {
			body.vars = &binding{arg, Any, body.vars}
			body.funcs = &definition{arg[1:], 0, body.funcs}
		}
	}
	c.query(def.Body, body)
	return p
}

// bind returns the variables with those of patterns.
func (c *checker) bind(patterns []*gojq.Pattern, t *Type, p place) *binding {
	if len(patterns) == 1 && patterns[0].Name != "" {
		return &binding{patterns[0].Name, t, p.vars}
	}
	for _, pattern := range patterns {
		p.vars = names(pattern, p.vars)
	}
	return p.vars
}

// names binds the names in a pattern, whose values are not known.
func names(pattern *gojq.Pattern, vars *binding) *binding {
	if pattern.Name != "" {
		vars = &binding{pattern.Name, Any, vars}
	}
	for _, part := range pattern.Array {
		vars = names(part, vars)
	}
	for _, field := range pattern.Object {
		if strings.HasPrefix(field.Key, "$") {
			vars = &binding{field.Key, Any, vars}
		}
		if field.Val != nil {
			vars = names(field.Val, vars)
		}
	}
	return vars
}

func (p place) variable(name string) *Type {
	for b := p.vars; b != nil; b = b.outer {
		if b.name == name {
			return b.of
		}
	}
	return Any
}

func (p place) defines(name string, args int) bool {
	for d := p.funcs; d != nil; d = d.outer {
		if d.name == name && d.args == args {
			return true
		}
	}
	return false
}
