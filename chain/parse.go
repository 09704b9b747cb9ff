package chain

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// The limits of a tree.
const (
	MaxTasks    = 10_000
	MaxBytes    = 8 << 20
	MaxDepth    = strictjson.MaxDepth
	MaxElements = 10_000 // of one for_each
	MaxName     = 200    // characters of a name or an id
)

// ParseOptions change how a tree is validated.
type ParseOptions struct {
	// ReadOnly warns of every task that may change something, as a policy
	// that is read-only does.
	ReadOnly bool
}

// Parse reads and validates a tree in JSON or YAML: an array of tasks, or an
// object with the tasks in it. It reports all problems and warnings at once;
// the tree is nil where there are problems.
func Parse(data []byte, reg *executors.Registry, opts ParseOptions) (*Tree, Report) {
	if len(data) > MaxBytes {
		return nil, failure(CodeTooLarge, fmt.Sprintf("the tree has %d bytes; at most %d are read", len(data), MaxBytes),
			"keep large data in files or behind addresses, and read it in a task")
	}
	v, err := readText(data)
	if err != nil {
		var syntax *strictjson.SyntaxError
		if errors.As(err, &syntax) && strings.HasPrefix(syntax.Message, "nested deeper") {
			return nil, failure(CodeTooLarge, err.Error(), "")
		}
		return nil, failure(CodeSyntax, "the tree can't be read: "+err.Error(), "a tree is JSON or YAML: an array of tasks, or an object with tasks in it")
	}
	return parseValue(v, reg, opts)
}

// ParseValue is Parse of a value that is decoded already: nil, bool, string,
// json.Number, []any and map[string]any. The tree keeps the value; nobody may
// change it afterwards.
func ParseValue(v any, reg *executors.Registry) (*Tree, Report) {
	return parseValue(v, reg, ParseOptions{})
}

func parseValue(v any, reg *executors.Registry, opts ParseOptions) (*Tree, Report) {
	if strictjson.Depth(v) > MaxDepth {
		return nil, failure(CodeTooLarge, fmt.Sprintf("values are nested more than %d deep", MaxDepth), "")
	}
	p := &parser{
		reg: reg, opts: opts, compiler: expr.NewCompiler(),
		tree: &Tree{value: v}, executors: map[string]*choice{}, hints: 1000,
	}
	p.parse(v)
	report := p.sorted()
	if !report.Valid() {
		return nil, report
	}
	return p.tree, report
}

// readText reads JSON where the text starts like JSON, else YAML. YAML can start
// with brackets and braces too; then what comes first inside them is a bare
// word.
func readText(data []byte) (any, error) {
	start := bytes.TrimLeft(data, " \t\r\n")
	if len(start) == 0 || start[0] != '[' && start[0] != '{' {
		return strictjson.FromYAML(data)
	}
	inside := bytes.TrimLeft(start, " \t\r\n[{")
	if len(inside) > 0 && ('a' <= inside[0]|0x20 && inside[0]|0x20 <= 'z' || inside[0] == '_') {
		return strictjson.FromYAML(data)
	}
	return strictjson.Decode(data)
}

func failure(code, message, hint string) Report {
	return Report{Problems: []Problem{{Code: code, Message: message, Hint: hint}}}
}

// parser builds a tree and its report.
type parser struct {
	reg      *executors.Registry
	opts     ParseOptions
	compiler *expr.Compiler
	tree     *Tree
	drafts   []draft

	problems, warnings []placed
	executors          map[string]*choice
	// How many more hints may be looked for.
	hints, refHints int
	refNames        []string
	more            int // problems past the most that are told
	needs           map[string]bool
	closedInputs    bool // the tree's schema takes no others than it names
}

// placed is a problem with the task it belongs to, -1 for none.
type placed struct {
	task int
	Problem
}

// maxProblems bounds a report. Trees that people or models write have far
// fewer; a hostile one could have a problem in every few bytes.
const maxProblems = 100_000

func (p *parser) problem(task int, field, code, hint, format string, args ...any) {
	if len(p.problems) == maxProblems {
		p.more++
		return
	}
	p.problems = append(p.problems, placed{task, Problem{at(task, field), code, fmt.Sprintf(format, args...), hint}})
}

func (p *parser) warn(task int, field, code, hint, format string, args ...any) {
	if len(p.warnings) == maxProblems {
		return
	}
	p.warnings = append(p.warnings, placed{task, Problem{at(task, field), code, fmt.Sprintf(format, args...), hint}})
}

// at is the path of a field of a task.
func at(task int, field string) string {
	if task < 0 {
		return field
	}
	path := fmt.Sprintf("tasks[%d]", task)
	if field == "" {
		return path
	}
	if field[0] == '[' {
		return path + field
	}
	return path + "." + field
}

// sorted is the report in the order of the tasks.
func (p *parser) sorted() Report {
	inOrder := func(list []placed) []Problem {
		slices.SortStableFunc(list, func(a, b placed) int { return a.task - b.task })
		var out []Problem
		for _, each := range list {
			out = append(out, each.Problem)
		}
		return out
	}
	report := Report{Problems: inOrder(p.problems), Warnings: inOrder(p.warnings)}
	if p.more > 0 {
		report.Problems = append(report.Problems, Problem{Code: CodeTooLarge, Message: fmt.Sprintf("and %d more problems", p.more)})
	}
	return report
}

func (p *parser) parse(v any) {
	var tasks []any
	switch v := v.(type) {
	case []any:
		tasks = v
	case map[string]any:
		var ok bool
		if tasks, ok = p.object(v); !ok {
			return
		}
	case nil:
		p.problem(-1, "", CodeEmpty, "a tree is an array of tasks, or an object with tasks in it", "the tree is empty")
		return
	default:
		p.problem(-1, "", CodeWrongType, "a tree is an array of tasks, or an object with tasks in it", "the tree must be an array or an object; got %s", describeKind(v))
		return
	}
	switch {
	case len(tasks) == 0:
		p.problem(-1, "tasks", CodeEmpty, "a task is at least the name of an executor and its inputs", "there are no tasks")
		return
	case len(tasks) > MaxTasks:
		p.problem(-1, "tasks", CodeTooLarge, "one task with for_each can stand for up to 10,000 elements", "there are %d tasks; at most %d are allowed", len(tasks), MaxTasks)
		return
	}
	p.tree.Tasks = make([]Task, len(tasks))
	p.drafts = make([]draft, len(tasks))
	for i, each := range tasks {
		p.task(i, each)
	}
	p.name()
	p.connect()
	p.checkParents()
	p.checkCycles()
}

// Further keys of an object with tasks in it: those of a generator's result.
var treeFields = []string{"name", "description", "inputs", "tasks"}

var resultFields = []string{
	"status", "count", "provider", "model", "attempts", "warnings", "usage", "diagram", "requirement", "mode",
	"saved", "run_id", "run", "user_id", "cost", "version", "$schema",
}

func (p *parser) object(v map[string]any) (tasks []any, ok bool) {
	for _, key := range sortedKeys(v) {
		if !slices.Contains(treeFields, key) && !slices.Contains(resultFields, key) {
			p.problem(-1, key, CodeUnknownField, p.meant(key, treeFields), "a tree has no field %q", key)
		}
	}
	p.tree.Name = p.stringField(-1, "name", v["name"])
	if n := len([]rune(p.tree.Name)); n > MaxName {
		p.problem(-1, "name", CodeTooLong, "", "the name has %d characters; at most %d are allowed", n, MaxName)
	}
	p.tree.Description = p.stringField(-1, "description", v["description"])
	p.inputSchema(v["inputs"])
	list, there := v["tasks"]
	if !there {
		p.problem(-1, "", CodeMissingField, "put the array of tasks under tasks", "the tree has no tasks")
		return nil, false
	}
	tasks, ok = list.([]any)
	if !ok {
		p.problem(-1, "tasks", CodeWrongType, "", "must be an array; got %s", describeKind(list))
	}
	return tasks, ok
}

func (p *parser) stringField(task int, field string, v any) string {
	s, ok := v.(string)
	if !ok && v != nil {
		p.problem(task, field, CodeWrongType, "", "must be a string; got %s", describeKind(v))
	}
	return s
}
