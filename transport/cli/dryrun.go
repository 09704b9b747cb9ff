package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/tools"
)

// planned is what a run would do, as --dry-run prints it.
type planned struct {
	DryRun bool              `json:"dry_run"`
	Name   string            `json:"name,omitempty"`
	Inputs map[string]any    `json:"inputs,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Tasks  []plannedTask     `json:"tasks"`
	// Question is what a person would be asked before the run starts.
	Question string   `json:"question,omitempty"`
	Warnings []string `json:"warnings,omitempty"`

	tree *chain.Tree
}

// plannedTask is a task that would run. Inputs are the inputs as they are known
// before the run: a reference that only the run can evaluate stays as it is
// written.
type plannedTask struct {
	ID       string         `json:"id"`
	Name     string         `json:"name,omitempty"`
	Executor string         `json:"executor"`
	Handler  string         `json:"handler,omitempty"`
	After    []string       `json:"after,omitempty"`
	Inputs   map[string]any `json:"inputs,omitempty"`
	Effect   string         `json:"effect"`
	// Elements is how many elements a for_each has, if that is known.
	Elements *int `json:"elements,omitempty"`
	// When is false if the condition of the task is known to be false.
	When *bool `json:"when,omitempty"`
	// Asks is what the task asks a person during the run.
	Asks string `json:"asks,omitempty"`
}

// dryRun checks a run in the way in which it is started, and shows what it would
// do.
func (s *session) dryRun(p *program, arguments map[string]any, asJSON bool, change func(*tools.Request)) error {
	raw, err := plainjson.Marshal(arguments)
	if err != nil {
		return err
	}
	req := &tools.Request{Arguments: raw}
	change(req)
	pending, ok := p.tools.Prepare(s.ctx, tools.RunTaskTree, req)
	if !ok {
		return p.missing(tools.RunTaskTree)
	}
	run, warnings, ok := pending.Run()
	if !ok {
		_, err := started(pending.Start(s.ctx))
		return s.allProblems(p, arguments, err)
	}
	plan := p.plan(s.ctx, run)
	plan.Labels, plan.Warnings = req.Labels, warnings
	if pending.Question != nil {
		plan.Question = pending.Question.Message
	}
	if asJSON {
		return s.printJSON(plan)
	}
	return plan.tell(s)
}

// plan returns what a prepared run would do.
func (p *program) plan(ctx context.Context, run chain.PreparedRun) *planned {
	tree, inputs, tasks := run.Target()
	outline := tree.Outline()
	written, env := tools.TaskSources(tree.Source()), &expr.Env{Inputs: inputs}
	plan := &planned{DryRun: true, Name: tree.Name, Inputs: inputs, Tasks: []plannedTask{}, tree: tree}
	for _, i := range tasks {
		task := &tree.Tasks[i]
		at := plannedTask{
			ID: task.ID, Executor: task.Executor, Handler: task.Handler, After: awaitedBy(outline, i),
			Effect: effect(task.Definition.EffectOf(task.Inputs.Known())),
		}
		if task.Name != task.ID && task.Name != task.Executor {
			at.Name = task.Name
		}
		if i < len(written) && written[i] != nil {
			at.Inputs = p.filledIn(ctx, written[i], env)
		}
		if known, ok := evaluated(ctx, task.When, env); ok {
			when := known != nil && known != false
			at.When = &when
		}
		if known, ok := evaluated(ctx, task.ForEach, env); ok {
			if list, ok := known.([]any); ok {
				n := len(list)
				at.Elements = &n
			}
		}
		if task.Approval != nil {
			at.Asks = "a question that is made during the run"
			if known, ok := evaluated(ctx, task.Approval.Message, env); ok {
				at.Asks = fmt.Sprint(known)
			}
		}
		plan.Tasks = append(plan.Tasks, at)
	}
	return plan
}

// evaluated evaluates a value that reads nothing but the run's inputs.
func evaluated(ctx context.Context, v *expr.Value, env *expr.Env) (any, bool) {
	if v == nil || !ahead(v.Reads()) {
		return nil, false
	}
	value, err := v.Eval(ctx, env)
	return value, err == nil
}

// ahead reports whether what a value reads is known before the run.
func ahead(r *expr.Reads) bool { return len(r.Tasks) == 0 && !r.Item && !r.Index && !r.Run }

// decodedInputs returns the inputs of a task in the source of a tree.
func decodedInputs(task json.RawMessage) any {
	var source struct {
		Inputs map[string]any `json:"inputs"`
	}
	if json.Unmarshal(task, &source) != nil || source.Inputs == nil {
		return nil
	}
	return source.Inputs
}

// filledIn returns the inputs of a task with the references evaluated that are known before the
// run, and without the values of secrets.
func (p *program) filledIn(ctx context.Context, written json.RawMessage, env *expr.Env) map[string]any {
	inputs := decodedInputs(written)
	if inputs == nil {
		return nil
	}
	compiler := expr.NewCompiler()
	var fill func(v any) any
	fill = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for key := range v {
				v[key] = fill(v[key])
			}
		case []any:
			for i := range v {
				v[i] = fill(v[i])
			}
		case string:
			value, issues := compiler.Template(map[string]any{"": v})
			if len(issues) > 0 || !ahead(value.Reads()) {
				return v
			}
			if known, err := value.Eval(ctx, env); err == nil {
				return known[""]
			}
		}
		return v
	}
	var shown map[string]any
	if json.Unmarshal(p.registry.Policy().Redact(plainjson.Must(fill(inputs))), &shown) != nil {
		return nil
	}
	return shown
}

// tell prints the plan as text.
func (plan *planned) tell(s *session) error {
	name := "the tree"
	if plan.Name != "" {
		name = plan.Name
	}
	fmt.Fprintf(s.out, "%s would run %s; nothing was started\n", name, plural(len(plan.Tasks), "task"))
	for _, key := range slices.Sorted(maps.Keys(plan.Inputs)) {
		fmt.Fprintf(s.out, "input %s: %s\n", key, shorten.Line(string(plainjson.Must(plan.Inputs[key])), 200))
	}
	if err := drawTree(s.out, plan.tree); err != nil {
		return err
	}
	for i := range plan.Tasks {
		if i == maxPicture {
			fmt.Fprintf(s.out, "\n… and the inputs of %s\n", plural(len(plan.Tasks)-i, "more task"))
			break
		}
		plan.Tasks[i].tell(s)
	}
	for _, warning := range plan.Warnings {
		fmt.Fprintf(s.err, "warning: %s\n", warning)
	}
	if plan.Question != "" {
		fmt.Fprintf(s.out, "\nbefore it starts, you would be asked:\n%s\n", indent(plan.Question))
	}
	return nil
}

func (t *plannedTask) tell(s *session) {
	notes := []string{t.Executor}
	switch {
	case t.When != nil && !*t.When:
		notes = append(notes, "skipped: its condition is false")
	case t.Elements != nil:
		notes = append(notes, plural(*t.Elements, "element"))
	}
	fmt.Fprintf(s.out, "\n%s (%s)\n", t.ID, listed(notes))
	limit := max(width(s.out), 100) - 2
	for _, key := range slices.Sorted(maps.Keys(t.Inputs)) {
		text, ok := t.Inputs[key].(string)
		if !ok {
			text = string(plainjson.Must(t.Inputs[key]))
		}
		fmt.Fprintf(s.out, "  %s: %s\n", key, shorten.Line(text, max(40, limit-len(key)-2)))
	}
	if t.Asks != "" {
		fmt.Fprintf(s.out, "  asks a person: %s\n", shorten.Line(t.Asks, limit))
	}
}

// indent indents the lines of a text.
func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}
