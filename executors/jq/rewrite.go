package jq

import (
	"strconv"

	"github.com/itchyny/gojq"
)

// rewriter puts checks (guard.go) around the operators of a parsed program,
// whose names can't be redefined as a builtin's can, and notes the names that
// the program calls.
type rewriter struct {
	called map[string]bool
	err    *Error
}

func call(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

func pipe(l, r *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: l, Op: gojq.OpPipe, Right: r}
}

func element(i int) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIndex, Index: &gojq.Index{
		Start: &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeNumber, Number: strconv.Itoa(i)}},
	}}}
}

// constant reports whether q is a single scalar written in the program.
func constant(q *gojq.Query) bool {
	if q == nil || q.Term == nil || len(q.Term.SuffixList) > 0 || len(q.FuncDefs) > 0 {
		return false
	}
	switch q.Term.Type {
	case gojq.TermTypeNumber, gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse:
		return true
	case gojq.TermTypeString:
		return q.Term.Str.Queries == nil
	}
	return false
}

func number(q *gojq.Query) bool {
	return constant(q) && q.Term.Type == gojq.TermTypeNumber && len(q.Term.Number) < 3
}

// query rewrites q in place.
func (w *rewriter) query(q *gojq.Query) {
	if q == nil {
		return
	}
	for _, def := range q.FuncDefs {
		w.query(def.Body)
	}
	w.term(q.Term)
	w.query(q.Left)
	w.query(q.Right)
	w.patterns(q.Patterns)
	w.operator(q)
}

func (w *rewriter) operator(q *gojq.Query) {
	l, r, op := q.Left, q.Right, q.Op
	set := func(left *gojq.Query, op gojq.Operator, right *gojq.Query) {
		q.Left, q.Op, q.Right = left, op, right
	}
	switch op {
	case gojq.OpAdd:
		if !number(l) && !number(r) {
			set(&gojq.Query{Left: l, Op: op, Right: r}, gojq.OpPipe, call("_small"))
		}
	case gojq.OpSub, gojq.OpDiv, gojq.OpMul:
		switch {
		case op != gojq.OpMul && (number(l) || number(r)):
		case number(l) || number(r):
			set(&gojq.Query{Left: l, Op: op, Right: r}, gojq.OpPipe, call("_small"))
		default:
			set(call("_pair", l, r), gojq.OpPipe, &gojq.Query{Left: element(0), Op: op, Right: element(1)})
		}
	case gojq.OpEq, gojq.OpNe, gojq.OpGt, gojq.OpLt, gojq.OpGe, gojq.OpLe:
		if !constant(l) && !constant(r) {
			set(call("_compare", l, r), op, &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeNumber, Number: "0"}})
		}
	case gojq.OpModify:
		// Where the right side gives nothing, the parts are deleted, which
		// walks the whole value and writes into all of it.
		if mayBeEmpty(r) {
			set(call("_copied"), gojq.OpPipe, &gojq.Query{Left: l, Op: op, Right: r})
		}
	case gojq.OpUpdateAdd:
		w.called["_add"] = true
	case gojq.OpUpdateSub:
		w.called["_subtract"] = true
	case gojq.OpUpdateMul:
		w.called["_multiply"] = true
	case gojq.OpUpdateDiv:
		w.called["_divide"] = true
	}
}

// mayBeEmpty reports whether q could have no outputs: it can't where it is
// made of constants, indexing and operators alone.
func mayBeEmpty(q *gojq.Query) bool {
	if q == nil {
		return false
	}
	if len(q.FuncDefs) > 0 || len(q.Patterns) > 0 {
		return true
	}
	if q.Term == nil {
		return mayBeEmpty(q.Left) || mayBeEmpty(q.Right)
	}
	for _, s := range q.Term.SuffixList {
		if s.Iter || s.Optional || s.Index != nil && (s.Index.Start != nil || s.Index.End != nil || s.Index.Str != nil) {
			return true
		}
	}
	switch q.Term.Type {
	case gojq.TermTypeIdentity, gojq.TermTypeNumber, gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeArray:
		return false
	case gojq.TermTypeString:
		return q.Term.Str.Queries != nil
	case gojq.TermTypeIndex:
		return q.Term.Index.Name == ""
	case gojq.TermTypeFunc:
		return len(q.Term.Func.Args) > 0 || !total[q.Term.Func.Name] && q.Term.Func.Name[0] != '$'
	case gojq.TermTypeQuery:
		return mayBeEmpty(q.Term.Query)
	}
	return true
}

// total are some builtins that give exactly one output, or an error.
var total = map[string]bool{
	"length": true, "not": true, "type": true, "keys": true, "tostring": true, "tonumber": true, "tojson": true,
	"_small": true, "ascii_downcase": true, "ascii_upcase": true, "floor": true, "ceil": true, "round": true,
	"abs": true, "add": true, "sort": true, "unique": true, "reverse": true, "trim": true,
}

func (w *rewriter) term(t *gojq.Term) {
	if t == nil {
		return
	}
	w.index(t.Index)
	for _, s := range t.SuffixList {
		w.index(s.Index)
	}
	w.text(t.Str)
	w.query(t.Query)
	switch {
	case t.Func != nil:
		w.called[t.Func.Name] = true
		for _, arg := range t.Func.Args {
			w.query(arg)
		}
	case t.Object != nil:
		for _, kv := range t.Object.KeyVals {
			w.text(kv.KeyString)
			w.query(kv.KeyQuery)
			w.query(kv.Val)
		}
	case t.Array != nil:
		w.query(t.Array.Query)
	case t.Unary != nil:
		w.term(t.Unary.Term)
	case t.If != nil:
		w.query(t.If.Cond)
		w.query(t.If.Then)
		for _, e := range t.If.Elif {
			w.query(e.Cond)
			w.query(e.Then)
		}
		w.query(t.If.Else)
	case t.Try != nil:
		w.query(t.Try.Body)
		w.query(t.Try.Catch)
	case t.Reduce != nil:
		w.query(t.Reduce.Query)
		w.patterns(t.Reduce.Patterns)
		w.query(t.Reduce.Start)
		w.query(t.Reduce.Update)
	case t.Foreach != nil:
		w.query(t.Foreach.Query)
		w.patterns(t.Foreach.Patterns)
		w.query(t.Foreach.Start)
		w.query(t.Foreach.Update)
		w.query(t.Foreach.Extract)
	case t.Label != nil:
		w.query(t.Label.Body)
	}
	if t.Format != "" {
		w.called[formatter(t.Format)] = true
	}
}

func formatter(format string) string {
	switch format {
	case "@text":
		return "tostring"
	case "@json":
		return "tojson"
	case "@html", "@uri", "@urid", "@csv", "@tsv", "@sh", "@base64", "@base64d":
		return "_to" + format[1:]
	}
	return "format"
}

func (w *rewriter) text(s *gojq.String) {
	if s == nil || s.Queries == nil {
		return
	}
	w.called["tostring"] = true
	for _, q := range s.Queries {
		if q.Term != nil && q.Term.Str != nil && len(q.Term.SuffixList) == 0 && q.Term.Str.Queries == nil {
			continue // a literal piece, which the compiler tells by its shape
		}
		w.query(q)
	}
}

func (w *rewriter) patterns(patterns []*gojq.Pattern) {
	for _, p := range patterns {
		w.patterns(p.Array)
		for _, kv := range p.Object {
			w.text(kv.KeyString)
			w.query(kv.KeyQuery)
			if kv.Val != nil {
				w.patterns([]*gojq.Pattern{kv.Val})
			}
		}
	}
}

// index puts a check behind a computed index, and refuses a constant one that
// is too large: setting it would fill an array up to there.
func (w *rewriter) index(x *gojq.Index) {
	if x == nil {
		return
	}
	w.text(x.Str)
	w.query(x.End)
	w.query(x.Start)
	if x.IsSlice || x.Start == nil {
		return
	}
	if constant(x.Start) {
		if x.Start.Term.Type == gojq.TermTypeNumber {
			if n, err := strconv.ParseFloat(x.Start.Term.Number, 64); err != nil || n > maxArray {
				w.err = tooLarge("the index %.20s is larger than %d", x.Start.Term.Number, maxArray)
			}
		}
		return
	}
	x.Start = pipe(x.Start, call("_key"))
}
