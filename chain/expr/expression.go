package expr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/jq"
	"github.com/chainwright/chainwright/executors/lazyregexp"
)

// maxSource bounds the text of one expression; its cost grows with it.
const maxSource = 16 << 10

// maxTime bounds one evaluation. Most take microseconds; the rest is for a
// machine that has much else to do.
const maxTime = 5 * time.Second

// expression is one compiled ${{ EXPR }}.
type expression struct {
	src    string // without the marks and the space around it
	reads  Reads
	path   *path // set where it is one
	issues []Issue
}

// compile reads an expression. It never fails: what is wrong with it is in
// its issues.
func compile(src string) *expression {
	e := &expression{src: strings.Trim(src, " \t\r\n")} // the space of jq
	if p, ok := parsePath(e.src); ok {
		if p.root != "tasks" || len(p.steps) > 0 && !p.steps[0].places {
			e.path = p
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
			Code: ReadsNothing, Message: fmt.Sprintf("%s reads from null", cut(e.src)),
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

// check compiles a query for what only shows then: functions and variables
// that are not there.
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

// nothing reports whether a query starts by reading a key of its input, of
// which there is none.
func nothing(q *gojq.Query) bool {
	for q.Term == nil {
		q = q.Left
	}
	return q.Term.Type == gojq.TermTypeIndex
}

// forTheTask finds the names of templates that executors fill in themselves.
var forTheTask = lazyregexp.New(`(?:^|[\s(|,])(?:prev|input|steps)(?:$|[\s.)\[|,])`)

func hint(src string) string {
	switch {
	case forTheTask().MatchString(src):
		return "an expression reads tasks, inputs, item and index; a template that the task itself is to fill in, as prompt_chain does, has a dollar sign more: $${{ " + cut(src) + " }}"
	case strings.Contains(src, "secrets."):
		return "write the placeholder of a secret by itself: ${{ secrets.NAME }}"
	case strings.ContainsRune(src, '\''):
		return `jq has strings in double quotes only: "text"`
	case strings.Contains(src, "&&") || strings.Contains(src, "||"):
		return "jq writes and, or, not"
	case strings.Contains(src, "-"):
		return `an id with a dash is read as tasks["fetch-data"]`
	}
	return "expressions are jq: tasks.fetch.result.items | length"
}

// eval evaluates the expression to its one value.
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
	values, err := program.Within(jq.Bounds{Outputs: 2, Time: maxTime}).Run(ctx, nil, tasks, inputs, env.Item, number(env.Index))
	switch {
	case err != nil:
		return nil, e.failed(err)
	case len(values) == 0:
		return nil, e.failed(errors.New("it gives no value")).WithHint("write [EXPR] for an array of what there is, or EXPR // null")
	case len(values) > 1:
		return nil, e.several()
	}
	return values[0], nil
}

// number is how numbers are written in decoded JSON.
func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

func (e *expression) root(env *Env) (any, error) {
	switch e.path.root {
	case "tasks":
		return env.Task(e.reads.Tasks[0])
	case "inputs":
		return env.Inputs, nil
	case "item":
		return env.Item, nil
	}
	return number(env.Index), nil
}

// steps are those that lead on from the root.
func (e *expression) steps() []step {
	if e.path.root == "tasks" {
		return e.path.steps[1:]
	}
	return e.path.steps
}

func (e *expression) several() *executors.Error {
	return e.failed(errors.New("it gives more than one value")).WithHint("write [EXPR] for an array of them, or first(EXPR)")
}

// failed tells why the expression has no value.
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
	return executors.Errorf(kind, "%s %s: %w", opening, cut(e.src)+" "+closing, cause)
}

// cut shortens an expression for a message.
func cut(src string) string {
	const most = 80
	if len(src) <= most {
		return src
	}
	return strings.ToValidUTF8(src[:most], "") + "…"
}
