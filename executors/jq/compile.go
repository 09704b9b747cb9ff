package jq

import (
	"errors"
	"fmt"
	"strings"

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
	if len(names) > 0 {
		variables := make([]string, len(names))
		defs := make([]*gojq.FuncDef, 0, len(names)+len(query.FuncDefs))
		for i, name := range names {
			variables[i] = "$" + name
			defs = append(defs, &gojq.FuncDef{Name: name, Body: &gojq.Query{
				Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: "$" + name}},
			}})
		}
		query.FuncDefs = append(defs, query.FuncDefs...)
		opts = append([]gojq.CompilerOption{gojq.WithVariables(variables)}, opts...)
	}
	code, err := gojq.Compile(query, opts...)
	if err != nil {
		return nil, invalid(err)
	}
	return &Program{code: code}, nil
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
