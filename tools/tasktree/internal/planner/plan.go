// Package planner makes a task tree from a requirement without a model: by
// rules, always the same tree for the same words.
//
// A requirement is read completely or refused. It is split into tokens (scan).
// Each clause begins with a verb (read), and the verb's shape consumes the rest
// of the clause (sources, transforms, sinks, programs). A word that no shape
// consumes refuses the whole requirement. A value that the requirement does not
// name (an address, a recipient, a table) becomes a required input of the run.
// The English that the planner knows is in lexicon.yaml.
package planner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Options are the options of a plan. Registry is required.
type Options struct {
	Registry *executors.Registry
	// Allowed limits the executors; empty allows all.
	Allowed []string
	// Exclude are executors that no plan may use.
	Exclude  []string
	MaxTasks int // 0: defaultMaxTasks
	UserID   string
}

const defaultMaxTasks = 1000

// Plan is a valid tree.
type Plan struct {
	// Tree is an object with tasks in it, of decoded JSON.
	Tree     map[string]any
	Parsed   *chain.Tree
	Warnings []string
}

// Make plans a requirement. A requirement that is not understood completely is
// a validation_error on the field requirement.
func Make(requirement string, opts Options) (*Plan, *executors.Error) {
	p := &planner{opts: opts, text: requirement, tokens: scan(requirement), asked: map[string]any{}, ids: map[string]bool{}, numbers: map[string]int{}}
	if p.opts.MaxTasks <= 0 {
		p.opts.MaxTasks = defaultMaxTasks
	}
	p.read()
	if p.err != nil {
		return nil, p.err
	}
	return p.finish()
}

// planner holds a plan while it is made. Its methods read tokens from at on.
// The first error stops reading.
type planner struct {
	opts     Options
	text     string
	tokens   []token
	at       int
	err      *executors.Error
	steps    []*step
	ids      map[string]bool
	numbers  map[string]int // how many ids each verb has
	asked    map[string]any // the run inputs by name
	warnings []string
	flow
	clause
}

// step is a task.
type step struct {
	id, name, executor string
	inputs             map[string]any
	order, needs       []dependency // by the order of the words, and for data
	when               string
	each               string // the list of a for_each
	parallel           int
	fallback           bool // its failure does not fail the run
	acts               bool // changes something or reports: it can have a condition
}

// dependency is the index of a step that another one waits for.
type dependency struct {
	step int
	soft bool // for any end, not only for success
}

// howToPlan ends every refusal.
const howToPlan = "docs/planning.md lists what the built-in planner reads. To plan any wording, configure a model (OPENAI_API_KEY, ANTHROPIC_API_KEY, or a local Ollama), " +
	"or get the brief and write the tree yourself: llm_provider caller, or --provider caller at the command line"

// refuse records why the requirement is not planned. The first reason stays.
func (p *planner) refuse(format string, args ...any) {
	if p.err == nil {
		p.err = executors.Errorf(executors.ValidationError, format, args...).WithField("requirement").WithHint(howToPlan)
	}
}

// unread refuses the words from at on.
func (p *planner) unread() {
	from := p.at
	to := from + 1
	for to < len(p.tokens) && p.tokens[to].kind != mark && to < from+8 {
		to++
	}
	if from >= len(p.tokens) {
		p.refuse("the built-in planner did not understand the end of %q", p.said(p.begin, len(p.tokens)))
		return
	}
	if from <= p.begin {
		p.refuse("the built-in planner did not understand %q", p.said(from, to))
		return
	}
	p.refuse("the built-in planner did not understand %q in %q", p.said(from, to), p.said(p.begin, to))
}

// said returns the requirement's text from one token up to another.
func (p *planner) said(from, to int) string {
	to = min(to, len(p.tokens))
	if from = max(from, 0); from >= to {
		return ""
	}
	return shorten.Line(p.text[p.tokens[from].from:p.tokens[to-1].to], 200)
}

// add makes a step that uses data. Before it run the steps of the stage before,
// and those that the data is from.
func (p *planner) add(verb, executor string, inputs map[string]any, uses ...*data) *step {
	if p.err == nil && len(p.steps) >= p.opts.MaxTasks {
		p.err = executors.Errorf(executors.ValidationError, "the requirement takes %d tasks or more, and at most %d are allowed", len(p.steps)+1, p.opts.MaxTasks).
			WithField("max_tasks").WithHint("allow more tasks, or ask for less")
	}
	if _, known := p.opts.Registry.Lookup(executor); !known || slices.Contains(p.opts.Exclude, executor) || len(p.opts.Allowed) > 0 && !slices.Contains(p.opts.Allowed, executor) {
		p.refuse("%q needs the executor %s, which is not allowed here", p.said(p.begin, p.at), executor)
	}
	s := &step{id: p.newID(verb), executor: executor, inputs: inputs}
	for _, i := range p.before {
		if pure(executor) {
			break // it only needs its data
		}
		s.order = append(s.order, dependency{i, p.steps[i].when != "" || p.steps[i].fallback})
	}
	for _, d := range uses {
		d.used = true
		s.needs = append(s.needs, d.from...)
	}
	if p.loop != nil {
		s.each, s.parallel = p.loop.value, p.loop.parallel
		s.needs = append(s.needs, p.loop.from...)
	}
	p.steps = append(p.steps, s)
	p.stage = append(p.stage, len(p.steps)-1)
	return s
}

// pure reports whether an executor only works on what it is given.
func pure(executor string) bool {
	return executor == "data_processor" || executor == "aggregate_results_executor"
}

// newID makes an id of a verb that no other step has.
func (p *planner) newID(verb string) string {
	base := strings.ReplaceAll(Slug(verb), "-", "_")
	for {
		p.numbers[base]++
		id := base
		if n := p.numbers[base]; n > 1 {
			id = fmt.Sprintf("%s_%d", base, n)
		}
		if !p.ids[id] {
			p.ids[id] = true
			return id
		}
	}
}

// ask makes a required input of the run, and returns a reference to it. The
// kinds of inputs are the lexicon's asks.
func (p *planner) ask(s *step, kind string) string {
	return "${{ " + p.askFor(s.id+"_"+kind, kind) + " }}"
}

func (p *planner) askFor(name, kind string) string {
	about := words().Asks[kind]
	schema := map[string]any{"type": "string", "minLength": 1, "description": about}
	if kind == "threshold" {
		schema = map[string]any{"type": "number", "description": about}
	}
	p.asked[name] = schema
	p.fresh = append(p.fresh, name)
	p.warnings = append(p.warnings, fmt.Sprintf("the run needs the input %s: %s", name, about))
	return "inputs." + name
}

// finish writes the tree and has it validated.
func (p *planner) finish() (*Plan, *executors.Error) {
	raw, err := plainjson.Marshal(p.tree())
	if err != nil {
		return nil, executors.AsError(fmt.Errorf("writing the tree: %w", err))
	}
	decoded, err := strictjson.Decode(raw)
	if err != nil {
		return nil, executors.AsError(fmt.Errorf("reading the tree: %w", err))
	}
	tree, report := parse.Value(decoded, p.opts.Registry)
	if !report.Valid() {
		p.refuse("the plan of the built-in planner is not valid: %s", report.Problems[0])
		return nil, p.err
	}
	for _, warning := range report.Warnings {
		p.warnings = append(p.warnings, warning.String())
	}
	var value map[string]any
	if err := json.Unmarshal(tree.Source(), &value); err != nil {
		return nil, executors.AsError(fmt.Errorf("reading the tree: %w", err))
	}
	return &Plan{Tree: value, Parsed: tree, Warnings: p.warnings}, nil
}

func (p *planner) tree() map[string]any {
	tasks := make([]any, 0, len(p.steps))
	for _, s := range p.steps {
		tasks = append(tasks, p.task(s))
	}
	tree := map[string]any{"name": Slug(p.text), "description": shorten.Line(p.text, 1000), "tasks": tasks}
	if len(p.asked) > 0 {
		required := make([]string, 0, len(p.asked))
		for name := range p.asked {
			required = append(required, name)
		}
		slices.Sort(required)
		tree["inputs"] = map[string]any{"type": "object", "additionalProperties": false, "properties": p.asked, "required": required}
	}
	return tree
}

func (p *planner) task(s *step) map[string]any {
	task := map[string]any{"id": s.id, "name": s.name, "schemas": map[string]any{"method": s.executor}, "inputs": s.inputs}
	var deps []any
	all := append(slices.Clone(s.needs), s.order...)
	for i, d := range all {
		if slices.ContainsFunc(all[:i], func(other dependency) bool { return other.step == d.step }) {
			continue
		}
		if d.soft {
			deps = append(deps, map[string]any{"id": p.steps[d.step].id, "required": false})
		} else {
			deps = append(deps, p.steps[d.step].id)
		}
	}
	for name, value := range map[string]any{"dependencies": deps, "when": s.when, "for_each": s.each, "max_parallel": s.parallel, "allow_failure": s.fallback, "user_id": p.opts.UserID} {
		if value != "" && value != 0 && value != false && (name != "dependencies" || len(deps) > 0) {
			task[name] = value
		}
	}
	return task
}
