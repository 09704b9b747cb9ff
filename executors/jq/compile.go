package jq

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/itchyny/gojq"
)

// maxSource bounds a program's text; the parser's cost grows with it.
const maxSource = 64 << 10

func compile(src string, names []string, opts []gojq.CompilerOption) (program *Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			program, err = nil, &Error{Kind: Invalid, Message: fmt.Sprintf("the program could not be compiled: %v", r), Offset: -1}
		}
	}()
	if len(src) > maxSource {
		return nil, &Error{Kind: Invalid, Message: fmt.Sprintf("the program is longer than %d bytes", maxSource), Offset: -1}
	}
	query, err := gojq.Parse(src)
	if err != nil {
		return nil, invalid(err)
	}
	if err := refuseImports(query); err != nil {
		return nil, err
	}
	w := rewriter{called: map[string]bool{}}
	w.query(query)
	if w.err != nil {
		return nil, &Error{Kind: Invalid, Message: w.err.Message, Offset: -1}
	}
	defs := prelude(w.called)
	if len(names) > 0 {
		variables := make([]string, len(names))
		for i, name := range names {
			variables[i] = "$" + name
			defs = append(defs, &gojq.FuncDef{Name: name, Body: call("$" + name)})
		}
		opts = append([]gojq.CompilerOption{gojq.WithVariables(variables)}, opts...)
	}
	query.FuncDefs = append(defs, query.FuncDefs...)
	code, err := gojq.Compile(query, append(guards(), opts...)...)
	if err != nil {
		return nil, invalid(err)
	}
	return &Program{code: code}, nil
}

//go:embed prelude.jq
var preludeText string

type guarded struct {
	def   *gojq.FuncDef
	calls map[string]bool
}

var guardedDefs = sync.OnceValue(func() []guarded {
	query, err := gojq.Parse(preludeText + ".")
	if err != nil {
		panic(fmt.Errorf("parsing prelude.jq: %w", err))
	}
	defs := make([]guarded, len(query.FuncDefs))
	for i, def := range query.FuncDefs {
		w := rewriter{called: map[string]bool{}}
		w.query(def.Body)
		defs[i] = guarded{def, w.called}
	}
	return defs
})

// prelude returns the definitions of prelude.jq that a program which calls
// these names needs, in their order.
func prelude(called map[string]bool) []*gojq.FuncDef {
	var needed []*gojq.FuncDef
	for _, g := range slices.Backward(guardedDefs()) {
		if called[g.def.Name] {
			maps.Copy(called, g.calls)
			needed = append(needed, g.def)
		}
	}
	slices.Reverse(needed)
	return needed
}

func refuseImports(query *gojq.Query) error {
	if query.Meta != nil || len(query.Imports) > 0 {
		return &Error{Kind: Invalid, Message: "modules can't be imported", Offset: -1}
	}
	return nil
}

func invalid(err error) *Error {
	offset := -1
	var parse *gojq.ParseError
	if errors.As(err, &parse) {
		offset = parse.Offset
	}
	return &Error{Kind: Invalid, Message: strings.TrimPrefix(err.Error(), "invalid query: "), Offset: offset}
}
