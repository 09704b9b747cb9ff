package typing

import (
	"strings"

	"github.com/itchyny/gojq"
)

// term types the outputs of a term.
func (c *checker) term(t *gojq.Term, p place) *Type {
	for _, suffix := range t.SuffixList {
		p.otherwise = p.otherwise || suffix.Optional
	}
	out := c.base(t, p)
	for _, suffix := range t.SuffixList {
		switch {
		case suffix.Iter:
			out = c.each(out, p)
		case suffix.Index != nil:
			out = c.index(suffix.Index, out, p)
		}
	}
	return out
}

// base types a term without its suffixes.
func (c *checker) base(t *gojq.Term, p place) *Type {
	if c.left--; c.left < 0 {
		return Any
	}
	switch t.Type {
	case gojq.TermTypeIdentity:
		return p.in
	case gojq.TermTypeNull:
		return Of(Null)
	case gojq.TermTypeTrue, gojq.TermTypeFalse:
		return Of(Bool)
	case gojq.TermTypeNumber:
		return Of(Number)
	case gojq.TermTypeString, gojq.TermTypeFormat:
		c.text(t.Str, p)
		return Of(String)
	case gojq.TermTypeIndex:
		return c.index(t.Index, p.in, p)
	case gojq.TermTypeFunc:
		return c.call(t.Func, p)
	case gojq.TermTypeArray:
		if t.Array.Query == nil {
			return ArrayOf(never)
		}
		return ArrayOf(c.query(t.Array.Query, p))
	case gojq.TermTypeObject:
		return c.object(t.Object, p)
	case gojq.TermTypeUnary:
		c.term(t.Unary.Term, p)
		return Of(Number)
	case gojq.TermTypeQuery:
		return c.query(t.Query, p)
	case gojq.TermTypeIf:
		return c.branches(t.If, p)
	case gojq.TermTypeTry:
		body := p.maybe()
		body.otherwise = true
		out := c.query(t.Try.Body, body)
		if t.Try.Catch != nil {
			out = c.union(out, c.query(t.Try.Catch, p.maybe().with(Any)))
		}
		return out
	}
	c.loop(t, p)
	return Any
}

func (c *checker) branches(t *gojq.If, p place) *Type {
	branch := p.maybe()
	c.query(t.Cond, p)
	out := c.query(t.Then, branch)
	for _, elif := range t.Elif {
		c.query(elif.Cond, branch)
		out = c.union(out, c.query(elif.Then, branch))
	}
	if t.Else == nil {
		return c.union(out, p.in)
	}
	return c.union(out, c.query(t.Else, branch))
}

// loop looks at the parts of reduce, foreach and label. What they return is not
// known.
func (c *checker) loop(t *gojq.Term, p place) {
	inner := p.maybe().with(Any)
	switch t.Type {
	case gojq.TermTypeReduce:
		inner.vars = c.bind(t.Reduce.Patterns, c.query(t.Reduce.Query, p), p)
		c.query(t.Reduce.Start, p)
		c.query(t.Reduce.Update, inner)
	case gojq.TermTypeForeach:
		inner.vars = c.bind(t.Foreach.Patterns, c.query(t.Foreach.Query, p), p)
		c.query(t.Foreach.Start, p)
		c.query(t.Foreach.Update, inner)
		c.query(t.Foreach.Extract, inner)
	case gojq.TermTypeLabel:
		c.query(t.Label.Body, p.maybe())
	}
}

func (c *checker) text(s *gojq.String, p place) {
	if s != nil {
		for _, q := range s.Queries {
			c.query(q, p)
		}
	}
}

// index types .NAME, .["NAME"], .[0], .[1:3] and .[QUERY] of a value.
func (c *checker) index(x *gojq.Index, t *Type, p place) *Type {
	switch {
	case x.Name != "":
		return c.field(t, x.Name, p)
	case x.Str != nil && x.Str.Queries == nil:
		return c.field(t, x.Str.Str, p)
	case x.Str != nil:
		c.text(x.Str, p)
		return Any
	case x.IsSlice:
		c.query(x.Start, p)
		c.query(x.End, p)
		if t.kinds&(Array|String|Null) == 0 && t.kinds != 0 {
			c.misfit(t, p, "", "%s is %s, of which no part can be cut", t.What(), t.kinds)
			return Any
		}
		return t.only(t.kinds & (Array | String | Null))
	}
	if key, ok := constant(x.Start); ok {
		return c.field(t, key, p)
	}
	if isNumber(x.Start) {
		return c.element(t, p)
	}
	c.query(x.Start, p)
	return Any
}

// constant returns the text of a query that is one.
func constant(q *gojq.Query) (string, bool) {
	if q == nil || q.Term == nil || q.Term.Type != gojq.TermTypeString || q.Term.Str.Queries != nil || len(q.Term.SuffixList) > 0 {
		return "", false
	}
	return q.Term.Str.Str, true
}

// isNumber reports whether a query is a number that is written.
func isNumber(q *gojq.Query) bool {
	if q == nil || q.Term == nil || len(q.Term.SuffixList) > 0 {
		return false
	}
	t := q.Term
	return t.Type == gojq.TermTypeNumber || t.Type == gojq.TermTypeUnary && t.Unary.Term.Type == gojq.TermTypeNumber && len(t.Unary.Term.SuffixList) == 0
}

func (c *checker) object(o *gojq.Object, p place) *Type {
	out := ObjectOf("", map[string]*Type{})
	for _, kv := range o.KeyVals {
		key, known := kv.Key, kv.Key != ""
		switch {
		case kv.KeyString != nil:
			key, known = kv.KeyString.Str, kv.KeyString.Queries == nil
			c.text(kv.KeyString, p)
		case kv.KeyQuery != nil:
			c.query(kv.KeyQuery, p)
		}
		value := Any
		switch {
		case kv.Val != nil:
			value, known = c.query(kv.Val, p), known && !strings.HasPrefix(key, "$")
		case strings.HasPrefix(key, "$"):
			value, key = p.variable(key), key[1:]
		case known:
			value = c.field(p.in, key, p)
		}
		if known {
			out.fields[key] = value
		} else {
			out.closed = false
		}
	}
	return out
}

// single reports whether a query has exactly one output if it does not fail.
func single(q *gojq.Query, p place) bool {
	switch {
	case q == nil || len(q.FuncDefs) > 0 || len(q.Patterns) > 0:
		return false
	case q.Term != nil:
		return singleTerm(q.Term, p)
	}
	switch q.Op {
	case gojq.OpPipe, gojq.OpAdd, gojq.OpSub, gojq.OpMul, gojq.OpDiv, gojq.OpMod,
		gojq.OpEq, gojq.OpNe, gojq.OpGt, gojq.OpLt, gojq.OpGe, gojq.OpLe:
		return single(q.Left, p) && single(q.Right, p)
	}
	return false
}

func singleTerm(t *gojq.Term, p place) bool {
	for _, suffix := range t.SuffixList {
		if suffix.Iter || suffix.Optional || !plain(suffix.Index) {
			return false
		}
	}
	switch t.Type {
	case gojq.TermTypeIdentity, gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeNumber, gojq.TermTypeArray:
		return true
	case gojq.TermTypeString:
		return t.Str.Queries == nil
	case gojq.TermTypeIndex:
		return plain(t.Index)
	case gojq.TermTypeQuery:
		return single(t.Query, p)
	case gojq.TermTypeFunc:
		return strings.HasPrefix(t.Func.Name, "$") || len(t.Func.Args) == 0 && !p.defines(t.Func.Name, 0) && one[t.Func.Name]
	}
	return false
}

// plain reports whether an index is a key or a number that is written.
func plain(x *gojq.Index) bool {
	if x == nil {
		return true
	}
	_, key := constant(x.Start)
	return x.Name != "" || x.Str != nil && x.Str.Queries == nil || key || isNumber(x.Start) && !x.IsSlice
}

// filters reports whether a query may have no output because of its input's kind.
func filters(q *gojq.Query, p place) bool {
	switch {
	case q == nil || len(q.FuncDefs) > 0:
		return true
	case q.Term == nil:
		switch q.Op {
		case gojq.OpPipe, gojq.OpComma, gojq.OpAlt:
			return filters(q.Left, p) || filters(q.Right, p)
		}
		return false
	}
	for _, suffix := range q.Term.SuffixList {
		if suffix.Optional {
			return true
		}
	}
	switch t := q.Term; t.Type {
	case gojq.TermTypeIf, gojq.TermTypeTry, gojq.TermTypeReduce, gojq.TermTypeForeach, gojq.TermTypeLabel, gojq.TermTypeBreak, gojq.TermTypeRecurse:
		return true
	case gojq.TermTypeQuery:
		return filters(t.Query, p)
	case gojq.TermTypeFunc:
		if strings.HasPrefix(t.Func.Name, "$") {
			return false
		}
		if p.defines(t.Func.Name, len(t.Func.Args)) {
			return true
		}
		if len(t.Func.Args) == 0 {
			return !one[t.Func.Name]
		}
		_, known := kindsOf[t.Func.Name]
		return !known && !overElements[t.Func.Name]
	}
	return false
}
