package expr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/jq"
	"github.com/chainwright/chainwright/executors/shorten"
)

// maxSource is the largest text of an expression in bytes; its cost grows with it.
const maxSource = 16 << 10

// maxTime limits one evaluation. Most take microseconds; the limit allows for a
// busy machine.
const maxTime = 5 * time.Second

// mostShown is the number of bytes of an expression that an error shows.
const mostShown = 80

// expression is one compiled ${{ EXPR }}.
type expression struct {
	src    string // without the marks and the space around it
	reads  Reads
	path   *path // nil: it is not a path
	walk   []any // of the path
	issues []Issue
}

// compile compiles an expression. Errors are issues of the expression.
func compile(src string) *expression {
	e := &expression{src: strings.Trim(src, " \t\r\n")} // the space of jq
	if p, ok := parsePath(e.src); ok {
		if p.root != "tasks" || len(p.steps) > 0 && !p.steps[0].places {
			e.path, e.walk = p, p.walk()
			e.noteReads()
			return e
		}
	}
	query, err := parse(e.src)
	if err != nil {
		e.issues = []Issue{{Code: Syntax, Message: "the expression does not parse: " + err.Error(), Hint: hint(e.src)}}
		return e
	}
	var a analysis
	a.query(query, nil)
	e.reads, e.issues = a.reads, a.issues
	if len(e.issues) > 0 {
		return e
	}
	if err := check(query); err != nil {
		e.issues = []Issue{{Code: Syntax, Message: "the expression does not compile: " + err.Error(), Hint: hint(e.src)}}
	} else if nothing(query) {
		e.issues = []Issue{{
			Code: ReadsNothing, Message: fmt.Sprintf("%s reads from null", shorten.Bytes(e.src, mostShown)),
			Hint: "start from tasks, inputs, item or index: inputs.city",
		}}
	}
	return e
}

func (e *expression) noteReads() {
	switch p := e.path; p.root {
	case "tasks":
		ref := Ref{Task: p.steps[0].key}
		ref.StatusOnly = len(p.steps) > 1 && statusField(p.steps[1].key)
		e.reads.Tasks = []Ref{ref}
	case "inputs":
		if len(p.steps) > 0 && !p.steps[0].places {
			e.reads.Inputs = []string{p.steps[0].key}
		}
	case "item":
		e.reads.Item = true
	case "index":
		e.reads.Index = true
	case "run":
		e.reads.Run = true
	}
}

func parse(src string) (query *gojq.Query, err error) {
	switch {
	case src == "":
		return nil, errors.New("it is empty")
	case strings.ContainsRune(src, 0):
		return nil, errors.New("it has a null character in it") // gojq would end there
	case len(src) > maxSource:
		return nil, fmt.Errorf("it is longer than %d bytes", maxSource)
	}
	defer func() {
		if r := recover(); r != nil {
			query, err = nil, fmt.Errorf("%v", r)
		}
	}()
	return gojq.Parse(src)
}

// check compiles a query to find unknown functions and variables.
func check(query *gojq.Query) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	variables := make([]string, len(names))
	defs := make([]*gojq.FuncDef, len(names), len(names)+len(query.FuncDefs))
	for i, name := range names {
		variables[i] = "$" + name
		defs[i] = &gojq.FuncDef{Name: name, Body: &gojq.Query{
			Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: "$" + name}},
		}}
	}
	whole := *query
	whole.FuncDefs = append(defs, query.FuncDefs...)
	_, err = gojq.Compile(&whole, gojq.WithVariables(variables))
	return err
}

// nothing reports whether a query starts by reading a key of its input, which is
// null.
func nothing(q *gojq.Query) bool {
	for q.Term == nil {
		q = q.Left
	}
	return q.Term.Type == gojq.TermTypeIndex
}

// forTheTask finds the names of templates that executors fill in themselves.
var forTheTask = regexp.MustCompile(`(?:^|[\s(|,])(?:prev|input|steps)(?:$|[\s.)\[|,])`)

func hint(src string) string {
	switch {
	case forTheTask.MatchString(src):
		return "an expression reads tasks, inputs, item and index; a template that the task itself is to fill in, as prompt_chain does, has a dollar sign more: $${{ " + shorten.Bytes(src, mostShown) + " }}"
	case strings.Contains(src, "secrets."):
		return "write only the placeholder of the secret: ${{ secrets.NAME }}"
	case strings.ContainsRune(src, '\''):
		return `jq has strings in double quotes only: "text"`
	case strings.Contains(src, "&&") || strings.Contains(src, "||"):
		return "jq writes and, or, not"
	case strings.Contains(src, "-"):
		return `an id with a dash is read as tasks["fetch-data"]`
	}
	return "expressions are jq: tasks.fetch.result.items | length"
}

// eval returns the one value of the expression.
func (e *expression) eval(ctx context.Context, env *Env) (any, *executors.Error) {
	if e.path != nil {
		root, err := e.root(env)
		if err != nil {
			return nil, e.failed(err)
		}
		if v, ok := follow(root, e.steps()); ok {
			return v, nil
		}
	}
	program, err := jq.CompileValues(e.src, names...)
	if err != nil {
		return nil, e.failed(err)
	}
	tasks := make(map[string]any, len(e.reads.Tasks))
	for _, ref := range e.reads.Tasks {
		view, err := env.Task(ref)
		if err != nil {
			return nil, e.failed(err)
		}
		tasks[ref.Task] = view
	}
	inputs := env.Inputs
	if inputs == nil {
		inputs = map[string]any{}
	}
	values, err := program.Within(jq.Bounds{Outputs: 2, Time: maxTime}).Run(ctx, nil, tasks, inputs, env.Item, number(env.Index), orNull(env.Run))
	switch {
	case err != nil:
		return nil, e.failed(err)
	case len(values) == 0:
		return nil, e.failed(errors.New("it returns no value")).WithHint("write [EXPR] for an array of all values, or EXPR // null")
	case len(values) > 1:
		return nil, e.several()
	}
	return values[0], nil
}

// number converts a number to the form of decoded JSON.
func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// orNull returns an object as a value, nil for none.
func orNull(object map[string]any) any {
	if object == nil {
		return nil
	}
	return object
}

func (e *expression) root(env *Env) (any, error) {
	switch e.path.root {
	case "tasks":
		return env.Task(e.reads.Tasks[0])
	case "inputs":
		return env.Inputs, nil
	case "item":
		return env.Item, nil
	case "run":
		return orNull(env.Run), nil
	}
	return number(env.Index), nil
}

// steps returns the steps after the root.
func (e *expression) steps() []step {
	if e.path.root == "tasks" {
		return e.path.steps[1:]
	}
	return e.path.steps
}

// readNothing returns the error of an expression inside a text that is null. The
// text without it would be another one: /users/ instead of /users/7.
func (e *expression) readNothing() *executors.Error {
	return e.failed(errors.New("it reads nothing (null), and stands inside a text")).
		WithHint("correct the reference; " + opening + " " + shorten.Bytes(e.src, mostShown) + ` // "" ` + closing + " inserts nothing")
}

func (e *expression) several() *executors.Error {
	return e.failed(errors.New("it returns more than one value")).WithHint("write [EXPR] for an array of them, or first(EXPR)")
}

// failed returns the error of an expression that has no value.
func (e *expression) failed(cause error) *executors.Error {
	kind := executors.ValidationError
	var why *jq.Error
	var typed *executors.Error
	switch {
	case errors.As(cause, &why):
		switch {
		case why.Kind == jq.TimedOut:
			kind = executors.TimeoutError
		case why.Kind == jq.TooMuch && strings.HasSuffix(why.Message, "outputs"):
			return e.several()
		}
	case errors.As(cause, &typed):
		kind = typed.Type
	case errors.Is(cause, context.Canceled), errors.Is(cause, context.DeadlineExceeded):
		kind = executors.AsError(cause).Type
	}
	return executors.Errorf(kind, "%s %s: %w", opening, shorten.Bytes(e.src, mostShown)+" "+closing, cause)
}
