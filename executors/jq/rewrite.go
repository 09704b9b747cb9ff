package jq

import (
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// rewriter puts checks (guard.go) around the operators of a parsed program,
// which can't be redefined as a builtin can, and collects the names that the
// program calls.
type rewriter struct {
	called map[string]bool
	// own is set for prelude.jq, which may call what starts with an underscore.
	own bool
	// dynamic says that the program computes regular expressions.
	dynamic bool
}

func call(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

// check calls a guard with the budget of the run.
func check(name string, args ...*gojq.Query) *gojq.Query {
	return call(name, append([]*gojq.Query{call(budget)}, args...)...)
}

// name returns the name of a function of the program. Those that start with an
// underscore get one that can't be written: a caller must reach neither the
// guards nor what they guard, and must not replace them.
func (w *rewriter) name(name string) string {
	if !w.own && strings.HasPrefix(name, "_") {
		return name + " "
	}
	return name
}

func pipe(l, r *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: l, Op: gojq.OpPipe, Right: r}
}

func element(i int) *gojq.Query {
	return at(&gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeNumber, Number: strconv.Itoa(i)}})
}

func at(key *gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIndex, Index: &gojq.Index{Start: key}}}
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
		def.Name = w.name(def.Name)
		for i, arg := range def.Args {
			def.Args[i] = w.name(arg)
		}
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
			set(&gojq.Query{Left: l, Op: op, Right: r}, gojq.OpPipe, check("_small"))
		}
	case gojq.OpSub, gojq.OpDiv, gojq.OpMul:
		switch {
		case op != gojq.OpMul && (number(l) || number(r)):
		case number(l) || number(r):
			set(&gojq.Query{Left: l, Op: op, Right: r}, gojq.OpPipe, check("_small"))
		default:
			set(check("_pair", l, r), gojq.OpPipe, &gojq.Query{Left: element(0), Op: op, Right: element(1)})
		}
	case gojq.OpEq, gojq.OpNe, gojq.OpGt, gojq.OpLt, gojq.OpGe, gojq.OpLe:
		guard := "_compare"
		if !w.own && op != gojq.OpEq && op != gojq.OpNe {
			guard = "_ordered"
		}
		if constant(l) && constant(r) || guard == "_compare" && (constant(l) || constant(r)) {
			return
		}
		set(check(guard, l, r), op, &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeNumber, Number: "0"}})
	case gojq.OpModify, gojq.OpAssign, gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv, gojq.OpUpdateMod, gojq.OpUpdateAlt:
		w.called[updates[op]] = true
		guard := "_touched"
		if op == gojq.OpModify && mayBeEmpty(r) {
			// If the right side has no output, the parts are deleted, which walks
			// and copies the whole value.
			guard = "_copied"
		}
		set(check(guard), gojq.OpPipe, &gojq.Query{Left: l, Op: op, Right: r})
	}
}

// updates are the functions that the update operators call.
var updates = map[gojq.Operator]string{
	gojq.OpUpdateAdd: "_add", gojq.OpUpdateSub: "_subtract", gojq.OpUpdateMul: "_multiply", gojq.OpUpdateDiv: "_divide",
}

// mayBeEmpty reports whether q can have no outputs. A query of constants,
// indexes and operators always has some.
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

// total are builtins that return exactly one output, or an error.
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
		w.function(t.Func)
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
	w.reach(t)
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
			continue // a literal piece, which the compiler recognizes by its shape
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

// matching are the builtins whose first argument is a regular expression.
var matching = map[string]bool{"match": true, "test": true, "capture": true, "scan": true, "split": true, "splits": true, "sub": true, "gsub": true}

func (w *rewriter) function(f *gojq.Func) {
	f.Name = w.name(f.Name)
	w.called[f.Name] = true
	for _, arg := range f.Args {
		w.query(arg)
	}
	if matching[f.Name] && len(f.Args) > 0 && !constant(f.Args[0]) {
		w.dynamic = true
	}
	if _, ok := guards[f.Name]; ok && w.own {
		f.Args = append([]*gojq.Query{call(budget)}, f.Args...)
	}
}

func (w *rewriter) index(x *gojq.Index) {
	if x != nil {
		w.text(x.Str)
		w.query(x.End)
		w.query(x.Start)
	}
}

// near is the largest constant index that isn't checked.
const near = 1000

// far reports whether an index may be large, or an array that is searched for.
func far(x *gojq.Index) bool {
	if x == nil || x.IsSlice || x.Start == nil {
		return false
	}
	if !constant(x.Start) {
		return true
	}
	if x.Start.Term.Type != gojq.TermTypeNumber {
		return false
	}
	n, err := strconv.ParseFloat(x.Start.Term.Number, 64)
	return err != nil || n > near
}

// reach puts a check before an index that may be far: TERM[KEY] becomes
// KEY as $k | TERM | check($k) | .[$k].
func (w *rewriter) reach(t *gojq.Term) {
	if t.Type == gojq.TermTypeIndex && far(t.Index) {
		t.Query = reached(&gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}}, t.Index.Start)
		t.Type, t.Index = gojq.TermTypeQuery, nil
	}
	for i, s := range t.SuffixList {
		if !far(s.Index) {
			continue
		}
		before, rest := *t, t.SuffixList[i+1:]
		before.SuffixList = t.SuffixList[:i:i]
		key, term := s.Index.Start, &gojq.Query{Term: &before}
		if len(rest) > 0 && rest[0].Optional {
			// TERM[KEY]? is TERM | .[KEY]? for gojq.
			last := reached(&gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}}, key)
			*t = gojq.Term{Type: gojq.TermTypeQuery, Query: pipe(term, &gojq.Query{Term: &gojq.Term{
				Type: gojq.TermTypeQuery, Query: last, SuffixList: rest[:1:1],
			}}), SuffixList: rest[1:]}
		} else {
			*t = gojq.Term{Type: gojq.TermTypeQuery, Query: reached(term, key), SuffixList: rest}
		}
		w.reach(t)
		return
	}
}

func reached(term, key *gojq.Query) *gojq.Query {
	const name = "$__key"
	return &gojq.Query{
		Left: key, Op: gojq.OpPipe, Patterns: []*gojq.Pattern{{Name: name}},
		Right: pipe(term, pipe(check("_reach", call(name)), at(call(name)))),
	}
}
