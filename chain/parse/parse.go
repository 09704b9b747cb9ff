// Package parse reads task trees in JSON or YAML and validates them. It reports
// all problems at once.
package parse

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// The limits of a tree. chain.MaxElements is another.
const (
	MaxTasks = 10_000
	MaxBytes = 8 << 20
	MaxDepth = strictjson.MaxDepth
	MaxName  = 200 // characters of a name or an id
)

// Options change how a tree is validated.
type Options struct {
	// ReadOnly adds a warning for every task that may change something, as
	// policy.read_only does.
	ReadOnly bool
}

// Parse reads and validates a tree in JSON or YAML: an array of tasks, or an
// object with a field tasks. It reports all problems and warnings at once. The
// tree is nil if there are problems.
func Parse(data []byte, reg *executors.Registry, opts Options) (*chain.Tree, chain.Report) {
	if len(data) > MaxBytes {
		return nil, failure(chain.CodeTooLarge, fmt.Sprintf("the tree has %d bytes; at most %d are read", len(data), MaxBytes),
			"keep large data in files or at URLs, and read it in a task")
	}
	v, places, err := readText(data)
	if err != nil {
		return nil, unreadable(data, err)
	}
	return parseValue(v, reg, opts, func(list []placed) { locate(data, places, list) })
}

// unreadable returns the report of a text that is neither JSON nor YAML.
func unreadable(data []byte, err error) chain.Report {
	message, at := err.Error(), chain.Position{}
	var syntax *strictjson.SyntaxError
	if errors.As(err, &syntax) {
		if at = syntaxAt(data, syntax); at.Line > 0 {
			message = syntax.Message
		}
	}
	report := failure(chain.CodeSyntax, "the tree can't be read: "+message, "a tree is JSON or YAML: an array of tasks, or an object with tasks in it")
	if syntax != nil && strings.HasPrefix(syntax.Message, "nested deeper") {
		report = failure(chain.CodeTooLarge, message, "")
	}
	report.Problems[0].Position = at
	return report
}

// Value validates a tree that is decoded already, into nil, bool, string,
// json.Number, []any and map[string]any. The tree keeps the value, so the caller
// must not change it.
func Value(v any, reg *executors.Registry) (*chain.Tree, chain.Report) {
	return parseValue(v, reg, Options{}, func([]placed) {})
}

// parseValue validates a value. locate sets the positions of problems.
func parseValue(v any, reg *executors.Registry, opts Options, locate func([]placed)) (*chain.Tree, chain.Report) {
	return parseNested(v, reg, opts, &nest{known: map[string]*choice{}}, locate)
}

func parseNested(v any, reg *executors.Registry, opts Options, within *nest, locate func([]placed)) (*chain.Tree, chain.Report) {
	if strictjson.Depth(v) > MaxDepth {
		return nil, failure(chain.CodeTooLarge, fmt.Sprintf("values are nested more than %d deep", MaxDepth), "")
	}
	p := &parser{
		reg: reg, opts: opts, nest: within, compiler: expr.NewCompiler(),
		tree: chain.NewTree(v), executors: map[string]*choice{}, hints: 1000,
	}
	p.parse(v)
	locate(p.problems)
	locate(p.warnings)
	report := p.sorted()
	if !report.Valid() {
		return nil, report
	}
	return p.tree, report
}

// readText decodes JSON or YAML. YAML may also start with a bracket or a brace;
// then a word without quotes follows it.
func readText(data []byte) (any, *strictjson.Places, error) {
	start := bytes.TrimLeft(data, " \t\r\n")
	if len(start) == 0 || start[0] != '[' && start[0] != '{' {
		return strictjson.FromYAMLPlaces(data)
	}
	inside := bytes.TrimLeft(start, " \t\r\n[{")
	if len(inside) > 0 && ('a' <= inside[0]|0x20 && inside[0]|0x20 <= 'z' || inside[0] == '_') {
		return strictjson.FromYAMLPlaces(data)
	}
	return strictjson.DecodePlaces(data)
}

func failure(code, message, hint string) chain.Report {
	return chain.Report{Problems: []chain.Problem{{Code: code, Message: message, Hint: hint}}}
}

// parser builds a tree and its report.
type parser struct {
	reg      *executors.Registry
	opts     Options
	nest     *nest
	compiler *expr.Compiler
	tree     *chain.Tree
	drafts   []draft
	lists    []list

	problems, warnings []placed
	executors          map[string]*choice
	// hints and refHints are the numbers of hints that may still be computed.
	hints, refHints int
	refNames        []string
	dropped         int // problems past maxProblems
	needs           map[string]bool
	closedInputs    bool // the schema of the inputs allows no others
}

// placed is a problem and the task it belongs to, -1 for none.
type placed struct {
	task int
	spot
	chain.Problem
}

// maxProblems limits a report: a hostile tree could have a problem in every few
// bytes.
const maxProblems = 100_000

func (p *parser) problem(task int, field, code, hint, format string, args ...any) {
	p.problemAt(task, spot{field: field}, code, hint, format, args...)
}

func (p *parser) problemAt(task int, where spot, code, hint, format string, args ...any) {
	if len(p.problems) == maxProblems {
		p.dropped++
		return
	}
	p.problems = append(p.problems, p.place(task, where, code, hint, fmt.Sprintf(format, args...)))
}

func (p *parser) warn(task int, field, code, hint, format string, args ...any) {
	p.warnAt(task, spot{field: field}, code, hint, format, args...)
}

func (p *parser) warnAt(task int, where spot, code, hint, format string, args ...any) {
	if len(p.warnings) == maxProblems {
		return
	}
	p.warnings = append(p.warnings, p.place(task, where, code, hint, fmt.Sprintf(format, args...)))
}

// aboutNames are the codes of problems with a field that should not be there: they
// are about its name.
var aboutNames = []string{chain.CodeUnknownField, chain.CodeReferenceInKey, chain.CodeIgnored, chain.CodeNoEffect}

func (p *parser) place(task int, where spot, code, hint, message string) placed {
	where.named = where.named || slices.Contains(aboutNames, code)
	return placed{task, where, chain.Problem{Path: p.at(task, where.field), Code: code, Message: message, Hint: hint}}
}

// sorted returns the report in the order of the tasks.
func (p *parser) sorted() chain.Report {
	inOrder := func(list []placed) []chain.Problem {
		slices.SortStableFunc(list, func(a, b placed) int { return a.task - b.task })
		var out []chain.Problem
		for _, each := range list {
			out = append(out, each.Problem)
		}
		return out
	}
	report := chain.Report{Problems: inOrder(p.problems), Warnings: inOrder(p.warnings)}
	if p.dropped > 0 {
		report.Problems = append(report.Problems, chain.Problem{Code: chain.CodeTooLarge, Message: fmt.Sprintf("and %d more problems", p.dropped)})
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
		p.problem(-1, "", chain.CodeEmpty, "a tree is an array of tasks, or an object with tasks in it", "the tree is empty")
		return
	default:
		p.problem(-1, "", chain.CodeWrongType, "a tree is an array of tasks, or an object with tasks in it", "the tree must be an array or an object; got %s", describeKind(v))
		return
	}
	switch {
	case len(tasks) == 0:
		p.problem(-1, "tasks", chain.CodeEmpty, "a task needs at least the name of an executor and its inputs", "there are no tasks")
		return
	}
	all := p.order(tasks)
	if all > MaxTasks {
		p.problem(-1, "tasks", chain.CodeTooLarge, "one task with for_each can have up to 10,000 elements", "there are %d tasks; at most %d are allowed", all, MaxTasks)
		return
	}
	p.tree.Tasks = make([]chain.Task, all)
	p.drafts = make([]draft, all)
	for k := range p.lists {
		l := &p.lists[k]
		for n, each := range l.tasks {
			if k > 0 {
				p.tree.Tasks[l.first+n].Handler = l.name
			}
			p.task(l.first+n, each)
		}
	}
	p.countAll()
	p.assignIDs()
	p.connect()
	p.outputReads()
	p.scheduleInputs()
	p.checkParents()
	p.checkCycles()
	p.types()
	p.checkFiles()
}

// treeFields are the fields of a tree. resultFields, those of a generator's
// result, are accepted and ignored.
var treeFields = append([]string{"name", "description", "inputs", "outputs", "schedule", "tasks"}, chain.HandlerLists...)

var resultFields = []string{
	"status", "count", "provider", "model", "attempts", "warnings", "usage", "diagram", "requirement", "mode",
	"saved", "run_id", "run", "user_id", "cost", "version", "$schema",
}

func (p *parser) object(v map[string]any) (tasks []any, ok bool) {
	for _, key := range sortedKeys(v) {
		if !slices.Contains(treeFields, key) && !slices.Contains(resultFields, key) {
			p.problem(-1, key, chain.CodeUnknownField, p.suggest(key, treeFields), "a tree has no field %q", key)
		}
	}
	p.tree.Name = p.stringField(-1, "name", v["name"])
	if n := len([]rune(p.tree.Name)); n > MaxName {
		p.problem(-1, "name", chain.CodeTooLong, "", "the name has %d characters; at most %d are allowed", n, MaxName)
	}
	p.tree.Description = p.stringField(-1, "description", v["description"])
	p.inputSchema(v["inputs"])
	p.outputs(v["outputs"])
	p.schedule(v["schedule"])
	p.handlers(v)
	list, there := v["tasks"]
	if !there {
		p.problem(-1, "", chain.CodeMissingField, "put the array of tasks under tasks", "the tree has no tasks")
		return nil, false
	}
	tasks, ok = list.([]any)
	if !ok {
		p.problem(-1, "tasks", chain.CodeWrongType, "", "must be an array; got %s", describeKind(list))
	}
	return tasks, ok
}

func (p *parser) stringField(task int, field string, v any) string {
	s, ok := v.(string)
	if !ok && v != nil {
		p.problem(task, field, chain.CodeWrongType, "", "must be a string; got %s", describeKind(v))
	}
	return s
}
