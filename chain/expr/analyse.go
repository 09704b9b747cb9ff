package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// names are the functions that an expression has in addition to those of jq, in
// the order in which a program receives their values.
var names = []string{"tasks", "inputs", "item", "index", "run"}

// analysis walks a parsed expression and records what it reads.
type analysis struct {
	reads Reads
	// optional counts the enclosing places where a missing value is allowed:
	// the left side of //.
	optional int
	issues   []Issue
}

// scope holds the variables that are bound at a place.
type scope struct {
	name  string
	outer *scope
}

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return true
		}
	}
	return false
}

func (a *analysis) issue(code Code, hint, format string, args ...any) {
	a.issues = append(a.issues, Issue{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (a *analysis) query(q *gojq.Query, s *scope) {
	if q == nil {
		return
	}
	if q.Meta != nil || len(q.Imports) > 0 {
		a.issue(Syntax, "", "modules can't be imported")
	}
	for _, def := range q.FuncDefs {
		a.function(def, s)
	}
	if q.Term != nil {
		a.term(q.Term, s)
		return
	}
	if q.Op == gojq.OpPipe {
		q = joined(q)
	}
	if q.Op == gojq.OpAlt {
		a.optional++
		a.query(q.Left, s)
		a.optional--
	} else {
		a.query(q.Left, s)
	}
	a.query(q.Right, a.bind(q.Patterns, s))
}

// joined turns `tasks.fetch | .result | f` into `tasks.fetch.result | f`, so that
// one term holds all that is read of a task.
func joined(q *gojq.Query) *gojq.Query {
	for q.Op == gojq.OpPipe && len(q.Patterns) == 0 && readsTasks(q.Left) {
		rest := q.Right
		if len(rest.FuncDefs) > 0 || len(rest.Imports) > 0 {
			return q
		}
		head := rest
		if rest.Term == nil && rest.Op == gojq.OpPipe {
			head = rest.Left
		}
		if head.Term == nil || head.Term.Type != gojq.TermTypeIndex || len(head.FuncDefs) > 0 {
			return q
		}
		left := *q.Left.Term
		left.SuffixList = slices.Concat(left.SuffixList, []*gojq.Suffix{{Index: head.Term.Index}}, head.Term.SuffixList)
		term := &gojq.Query{Term: &left}
		if head == rest {
			// The term alone, as a pipe into itself.
			return &gojq.Query{Op: gojq.OpPipe, Left: term}
		}
		q = &gojq.Query{Op: rest.Op, Left: term, Patterns: rest.Patterns, Right: rest.Right}
	}
	return q
}

func readsTasks(q *gojq.Query) bool {
	return q.Term != nil && len(q.FuncDefs) == 0 && q.Term.Type == gojq.TermTypeFunc &&
		q.Term.Func.Name == "tasks" && len(q.Term.Func.Args) == 0
}

func (a *analysis) function(def *gojq.FuncDef, s *scope) {
	if len(def.Args) == 0 && slices.Contains(names, def.Name) {
		a.issue(Syntax, "give the function another name", "the expression defines %s, which is a built-in name", def.Name)
	}
	for _, arg := range def.Args {
		if slices.Contains(names, strings.TrimPrefix(arg, "$")) {
			a.issue(Syntax, "give the argument another name", "the expression names an argument %s, which is a built-in name", arg)
		}
		if strings.HasPrefix(arg, "$") {
			s = &scope{arg, s}
		}
	}
	a.query(def.Body, s)
}

func (a *analysis) bind(patterns []*gojq.Pattern, s *scope) *scope {
	for _, p := range patterns {
		s = a.pattern(p, s)
	}
	return s
}

func (a *analysis) pattern(p *gojq.Pattern, s *scope) *scope {
	if p.Name != "" {
		s = &scope{p.Name, s}
	}
	s = a.bind(p.Array, s)
	for _, field := range p.Object {
		if strings.HasPrefix(field.Key, "$") {
			s = &scope{field.Key, s}
		}
		a.text(field.KeyString, s)
		a.query(field.KeyQuery, s)
		if field.Val != nil {
			s = a.pattern(field.Val, s)
		}
	}
	return s
}

func (a *analysis) term(t *gojq.Term, s *scope) {
	switch t.Type {
	case gojq.TermTypeFunc:
		a.call(t, s)
	case gojq.TermTypeIndex:
		a.index(t.Index, s)
	case gojq.TermTypeObject:
		for _, kv := range t.Object.KeyVals {
			if kv.Val == nil {
				a.variable(kv.Key, s)
			}
			a.text(kv.KeyString, s)
			a.query(kv.KeyQuery, s)
			a.query(kv.Val, s)
		}
	case gojq.TermTypeArray:
		a.query(t.Array.Query, s)
	case gojq.TermTypeUnary:
		a.term(t.Unary.Term, s)
	case gojq.TermTypeFormat, gojq.TermTypeString:
		a.text(t.Str, s)
	case gojq.TermTypeIf:
		a.query(t.If.Cond, s)
		a.query(t.If.Then, s)
		for _, branch := range t.If.Elif {
			a.query(branch.Cond, s)
			a.query(branch.Then, s)
		}
		a.query(t.If.Else, s)
	case gojq.TermTypeTry:
		a.query(t.Try.Body, s)
		a.query(t.Try.Catch, s)
	case gojq.TermTypeReduce:
		a.query(t.Reduce.Query, s)
		a.query(t.Reduce.Start, s)
		a.query(t.Reduce.Update, a.bind(t.Reduce.Patterns, s))
	case gojq.TermTypeForeach:
		a.query(t.Foreach.Query, s)
		a.query(t.Foreach.Start, s)
		bound := a.bind(t.Foreach.Patterns, s)
		a.query(t.Foreach.Update, bound)
		a.query(t.Foreach.Extract, bound)
	case gojq.TermTypeLabel:
		a.query(t.Label.Body, s)
	case gojq.TermTypeQuery:
		a.query(t.Query, s)
	}
	for _, suffix := range t.SuffixList {
		if suffix.Index != nil {
			a.index(suffix.Index, s)
		}
	}
}

func (a *analysis) text(str *gojq.String, s *scope) {
	if str != nil {
		for _, q := range str.Queries {
			a.query(q, s)
		}
	}
}

func (a *analysis) index(x *gojq.Index, s *scope) {
	a.text(x.Str, s)
	a.query(x.Start, s)
	a.query(x.End, s)
}

func (a *analysis) call(t *gojq.Term, s *scope) {
	f := t.Func
	for _, arg := range f.Args {
		a.query(arg, s)
	}
	if len(f.Args) > 0 {
		return
	}
	switch f.Name {
	case "tasks":
		a.task(t.SuffixList)
	case "inputs":
		a.input(t.SuffixList)
	case "item":
		a.reads.Item = true
	case "index":
		a.reads.Index = true
	case "run":
		a.reads.Run = true
	case "secrets":
		a.issue(Misplaced, "write only the placeholder, in text if necessary: Bearer ${{ secrets.NAME }}",
			"a secret can't be read in an expression")
	case "env", "$ENV":
		a.issue(Syntax, "declare a run input and read inputs.NAME", "expressions have no environment")
	default:
		a.variable(f.Name, s)
	}
}

// variable records the use of $tasks and the like if they are not bound.
func (a *analysis) variable(name string, s *scope) {
	if plain, ok := strings.CutPrefix(name, "$"); ok && slices.Contains(names, plain) && !s.has(name) {
		a.issue(Syntax, "write "+plain, "variable not defined: %s", name)
	}
}

func (a *analysis) task(suffixes []*gojq.Suffix) {
	id, rest, ok := constantKey(suffixes)
	if !ok {
		a.issue(Computed, `read each task by its id: tasks.fetch or tasks["fetch-data"]`,
			"a task can only be read by a constant id")
		return
	}
	field, _, ok := constantKey(rest)
	a.reads.task(Ref{Task: id, StatusOnly: ok && statusField(field)})
}

func (a *analysis) input(suffixes []*gojq.Suffix) {
	name, rest, ok := constantKey(suffixes)
	if !ok {
		return
	}
	optional := a.optional > 0
	for _, suffix := range rest {
		optional = optional || suffix.Optional
	}
	a.reads.input(name, optional)
}

// constantKey returns the key that a list of suffixes starts with.
func constantKey(suffixes []*gojq.Suffix) (key string, rest []*gojq.Suffix, ok bool) {
	for len(suffixes) > 0 && suffixes[0].Optional {
		suffixes = suffixes[1:]
	}
	if len(suffixes) == 0 || suffixes[0].Index == nil {
		return "", nil, false
	}
	x, rest := suffixes[0].Index, suffixes[1:]
	switch {
	case x.Name != "":
		return x.Name, rest, true
	case x.Str != nil:
		return x.Str.Str, rest, x.Str.Queries == nil
	case x.IsSlice || x.Start == nil || x.Start.Term == nil:
		return "", nil, false
	}
	t := x.Start.Term
	if t.Type != gojq.TermTypeString || t.Str.Queries != nil || len(t.SuffixList) > 0 || len(x.Start.FuncDefs) > 0 {
		return "", nil, false
	}
	return t.Str.Str, rest, true
}

func statusField(name string) bool {
	return name == "status" || name == "error" || name == "error_type" || name == "errors"
}
