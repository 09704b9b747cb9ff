package jq

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/itchyny/gojq"
)

// maxSource is the longest program, in bytes. The parser's cost grows with the
// length.
const maxSource = 64 << 10

func compile(src string, names []string) (program *Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			program, err = nil, &Error{Kind: Invalid, Message: fmt.Sprintf("the program could not be compiled: %v", r)}
		}
	}()
	if len(src) > maxSource {
		return nil, &Error{Kind: Invalid, Message: fmt.Sprintf("the program is longer than %d bytes", maxSource)}
	}
	query, err := gojq.Parse(src)
	if err != nil {
		return nil, invalid(src, err)
	}
	if err := refuseImports(query); err != nil {
		return nil, err
	}
	w := rewriter{called: map[string]bool{}}
	w.query(query)
	defs := prelude(w.called)
	variables := []string{budget}
	for _, name := range names {
		variables = append(variables, "$"+name)
		defs = append(defs, &gojq.FuncDef{Name: name, Body: call("$" + name)})
	}
	query.FuncDefs = append(defs, query.FuncDefs...)
	code, err := gojq.Compile(query, append(guardFunctions(), gojq.WithVariables(variables))...)
	if err != nil {
		return nil, invalid(src, err)
	}
	return &Program{code: code, dynamic: w.dynamic}, nil
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
		w := rewriter{called: map[string]bool{}, own: true}
		w.query(def.Body)
		defs[i] = guarded{def, w.called}
	}
	return defs
})

// prelude returns those definitions of prelude.jq that a program with these
// calls needs, in their order.
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
		return &Error{Kind: Invalid, Message: "modules can't be imported"}
	}
	return nil
}

// undefined matches the compiler's errors about a name. They have no position.
var undefined = regexp.MustCompile(`^(?:function|variable) not defined: ([$@]?[\w:]+)`)

// invalid returns the error of a program that does not parse or compile, with
// its position. The position of an unknown name is its first appearance.
func invalid(src string, err error) *Error {
	message := strings.TrimPrefix(err.Error(), "invalid query: ")
	at := -1
	var parse *gojq.ParseError
	if errors.As(err, &parse) {
		at = parse.Offset - len(parse.Token)
	} else if name := undefined.FindStringSubmatch(message); name != nil {
		if found := regexp.MustCompile(`(?:^|[^\w$.])` + "(" + regexp.QuoteMeta(name[1]) + `)(?:\W|$)`).FindStringSubmatchIndex(src); found != nil {
			at = found[2]
		}
	}
	if at >= 0 && at <= len(src) {
		before := src[:at]
		line := strings.LastIndexByte(before, '\n') + 1
		message += fmt.Sprintf(" (line %d, column %d)", strings.Count(before, "\n")+1, utf8.RuneCountInString(before[line:])+1)
	}
	return &Error{Kind: Invalid, Message: message}
}
