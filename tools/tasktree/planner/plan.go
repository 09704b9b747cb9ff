// Package planner makes a task tree of a requirement without a model: by
// rules, always the same way for the same words.
//
// It reads the requirement as clauses, each a verb and what it is about (scan,
// split), lays them out as steps with what each waits for (layOut), finds an
// executor for each step among those that are there (choose), and writes its
// inputs (fill). What the requirement does not say becomes an input of the run
// and a warning; nothing is made up, and no work is left out in silence. What
// English it knows is in lexicon.yaml, what it writes in offers.yaml.
package planner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools/tasktree/rank"
)

// Options are what a plan is made with. Registry is required.
type Options struct {
	Registry *executors.Registry
	// Allowed limits the executors; empty is all.
	Allowed []string
	// Exclude are executors that are never picked.
	Exclude  []string
	MaxTasks int // 0: as many as a tree may have
	UserID   string
}

// Plan is a valid tree, and what its reader has to know.
type Plan struct {
	// Tree is an object with tasks in it, of decoded JSON.
	Tree     map[string]any
	Parsed   *chain.Tree
	Warnings []string
}

// Make plans a requirement. One that says too little is a validation_error on
// it, which names what is missing.
func Make(requirement string, opts Options) (*Plan, *executors.Error) {
	p := &planner{opts: opts, asked: map[string]any{}}
	p.candidates()
	plain := againForm().ReplaceAllString(scheduleForm().ReplaceAllString(requirement, " "), "")
	for _, each := range words().Rewrites {
		plain = each.form.ReplaceAllString(plain, each.To)
	}
	tokens := scan(plain)
	clauses, stray := split(tokens, p.index.Knows)
	if err := enough(tokens, clauses, stray); err != nil {
		return nil, err
	}
	p.leftOut(clauses, stray)
	p.graph = layOut(clauses)
	if most := opts.MaxTasks; most > 0 && len(p.graph.steps) > most {
		return nil, executors.Errorf(executors.ValidationError, "the requirement takes %d tasks, and at most %d are allowed", len(p.graph.steps), most).
			WithField("max_tasks").WithHint("allow more tasks, or ask for less")
	}
	p.name()
	for _, s := range p.graph.steps {
		if err := p.choose(s); err != nil {
			return nil, err
		}
	}
	for _, s := range p.graph.steps {
		p.fill(s)
	}
	p.extras(requirement)
	p.unused(clauses)
	return p.finish(requirement)
}

// planner holds one plan while it is made.
type planner struct {
	opts     Options
	index    *rank.Index
	graph    *graph
	at       *step          // whose inputs are being written
	asked    map[string]any // the run's inputs
	warnings []string
	retry    map[string]any
	parallel int
	lasting  bool // failures don't fail the run
}

func (p *planner) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(p.warnings, text) {
		p.warnings = append(p.warnings, text)
	}
}

// enough refuses a requirement that says too little to plan.
func enough(tokens []token, clauses []*clause, stray []string) *executors.Error {
	missing := func(what string) *executors.Error {
		return executors.Errorf(executors.ValidationError, "the requirement is too vague to plan: %s", what).WithField("requirement").
			WithHint("say where the data comes from, what is done with it and where the result goes, as: Fetch https://api.example.com/orders, sum up the totals and save them to totals.json")
	}
	if len(tokens) == 0 {
		return missing("it is empty")
	}
	work := 0
	for _, c := range clauses {
		if c.class == metaClass || c.class == noClass {
			continue
		}
		if concrete(c) {
			return nil
		}
		work++
	}
	switch {
	case work > 0:
		return missing("it says neither what the work is done on nor what comes of it")
	case len(clauses) > 0:
		return missing("it wishes for a plan, and does not say what is to be done")
	case len(stray) > 0:
		return missing("no word in it is an action that is known here (the built-in planner reads English; with a model, or as a hand-off to the assistant that calls, any wording will do)")
	}
	return missing("it does not say what is to be done")
}

// concrete: the clause names something to work with.
func concrete(c *clause) bool {
	if c.class == "" {
		return true // by an executor's own name
	}
	class := words().Classes[c.class]
	rest := c.substance()
	rest = append(rest, slices.Concat(c.detail...)...)
	if slices.ContainsFunc(rest, token.literal) || topicIn(class, rest) != "" {
		return true
	}
	named := slices.ContainsFunc(rest, func(t token) bool {
		return !slices.Contains([]string{"data", "information", "useful", "result", "results", "input", "job", "work"}, t.low) && !slices.Contains(words().Meta, t.low)
	})
	return named && !class.Vague
}

// leftOut warns of words that were no work for any executor.
func (p *planner) leftOut(clauses []*clause, stray []string) {
	for _, text := range stray {
		p.warn("not planned: %q: the built-in planner does not know what to do here", text)
	}
	for _, c := range clauses {
		if c.class == noClass {
			p.warn("not planned: %q: no executor does that", c.text)
		}
	}
}

// maxMending is how often one task's inputs may have to be mended.
const maxMending = 10

// finish writes the tree and has it validated.
func (p *planner) finish(requirement string) (*Plan, *executors.Error) {
	for range len(p.graph.steps) + maxMending {
		raw, err := json.Marshal(p.tree(requirement))
		if err != nil {
			return nil, executors.AsError(fmt.Errorf("writing the tree: %w", err))
		}
		tree, report := chain.Parse(raw, p.opts.Registry, chain.ParseOptions{})
		if report.Valid() {
			for _, warning := range report.Warnings {
				p.warn("%s", warning)
			}
			var value map[string]any
			if err := json.Unmarshal(tree.Source(), &value); err != nil {
				return nil, executors.AsError(fmt.Errorf("reading the tree: %w", err))
			}
			return &Plan{Tree: value, Parsed: tree, Warnings: p.warnings}, nil
		}
		if !p.mend(report.Problems) {
			return nil, executors.Errorf(executors.ExecutionError, "the plan is not valid, which is a defect of the planner: %s", report.Problems[0])
		}
	}
	return nil, executors.Errorf(executors.ExecutionError, "the plan is not valid, which is a defect of the planner")
}

// mend turns inputs that an executor refuses into inputs of the run, and says
// so.
func (p *planner) mend(problems []chain.Problem) bool {
	mended := false
	for _, problem := range problems {
		var i int
		var rest string
		if n, _ := fmt.Sscanf(problem.Path, "tasks[%d].inputs.%s", &i, &rest); n != 2 || problem.Code != chain.CodeInvalidInput {
			continue
		}
		name, _, _ := strings.Cut(rest, ".")
		name, _, _ = strings.Cut(name, "[")
		s := p.graph.steps[i]
		if text, ok := s.inputs[name].(string); ok && strings.HasPrefix(text, "${{") {
			continue
		}
		p.require(s, name)
		mended = true
	}
	return mended
}

func (p *planner) tree(requirement string) map[string]any {
	tasks := make([]any, 0, len(p.graph.steps))
	for _, s := range p.graph.steps {
		tasks = append(tasks, p.task(s))
	}
	tree := map[string]any{"name": Slug(requirement), "description": clip(strings.Join(strings.Fields(requirement), " "), 1000), "tasks": tasks}
	if len(p.asked) > 0 {
		var required []string
		for name, schema := range p.asked {
			if _, ok := schema.(map[string]any)["default"]; !ok {
				required = append(required, name)
			}
		}
		slices.Sort(required)
		inputs := map[string]any{"type": "object", "properties": p.asked}
		if len(required) > 0 {
			inputs["required"] = required
		}
		tree["inputs"] = inputs
	}
	return tree
}

func (p *planner) task(s *step) map[string]any {
	p.at = s
	task := map[string]any{"id": s.id, "name": s.name, "schemas": map[string]any{"method": s.def.ID}, "inputs": s.inputs}
	var deps []any
	for _, i := range s.deps {
		if slices.Contains(s.soft, i) {
			deps = append(deps, map[string]any{"id": p.graph.steps[i].id, "required": false})
		} else {
			deps = append(deps, p.graph.steps[i].id)
		}
	}
	if len(deps) > 0 {
		task["dependencies"] = deps
	}
	if s.condition != "" {
		task["when"] = s.condition
	}
	if s.each != nil {
		task["for_each"] = p.elements(s)
		if p.parallel > 0 {
			task["max_parallel"] = p.parallel
		}
	}
	if p.retry != nil && s.def.EffectOf(s.inputs).Idempotent {
		task["retry"] = p.retry
	}
	if p.lasting {
		task["allow_failure"] = true
	}
	if p.opts.UserID != "" {
		task["user_id"] = p.opts.UserID
	}
	return task
}

func clip(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
