package promptchain

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/bind"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/tools"
)

// The executor that asks models, and its settings for steps that are only a
// prompt.
const (
	asking             = "llm_executor"
	plainTemperature   = 0.7
	plainMaxTokens     = 4000
	onStop, onFallback = "stop", "fallback"
)

// Step is one step of a chain.
type Step struct {
	Name         string         `json:"name"`
	Prompt       string         `json:"prompt"`
	System       string         `json:"system"`
	Model        string         `json:"model"`
	Temperature  *float64       `json:"temperature"`
	MaxTokens    int            `json:"max_tokens"`
	OutputSchema map[string]any `json:"output_schema"`
	Gate         map[string]any `json:"gate"`
	Timeout      float64        `json:"timeout"`
	Retry        map[string]any `json:"retry"`
	Executor     string         `json:"executor"`
	Inputs       map[string]any `json:"inputs"`

	plain    bool // the step is a string
	onFail   string
	fallback int // index of the step to continue at, 0: none
}

// compiled is a chain and its task tree.
type compiled struct {
	steps []Step
	tree  *chain.Tree
	// branches means that a gate may stop the chain, or continue at a later
	// step.
	branches bool
}

func wrongStep(i int, field, format string, args ...any) *executors.Error {
	return executors.Errorf(executors.ValidationError, format, args...).WithField(at(i, field))
}

func at(i int, field string) string {
	path := "steps[" + strconv.Itoa(i) + "]"
	if field != "" {
		path += "." + field
	}
	return path
}

// compile builds the tree of a chain. It finds every mistake that can be found
// before a model is asked.
func (g *Generator) compile(ctx context.Context, in Input) (*compiled, *executors.Error) {
	return g.compileWithout(slices.Concat(g.opts.Exclude, tools.CallerFrom(ctx).Narrow.Withheld(g.opts.Registry)), in)
}

// compileWithout is compile for a caller to whom some executors are closed.
func (g *Generator) compileWithout(exclude []string, in Input) (*compiled, *executors.Error) {
	c := &compiled{}
	for i, each := range in.Steps {
		s := Step{}
		if text, ok := each.(string); ok {
			s.Prompt, s.plain = text, true
		} else if err := bind.Into(&s, each); err != nil {
			return nil, wrongStep(i, "", "%w", err)
		}
		if s.Name == "" {
			s.Name = "step_" + strconv.Itoa(i+1)
		}
		c.steps = append(c.steps, s)
	}
	for i := range c.steps {
		if wrong := c.check(i, exclude); wrong != nil {
			return nil, wrong
		}
	}
	tasks := make([]any, len(c.steps))
	for i := range c.steps {
		task, wrong := c.task(i, in)
		if wrong != nil {
			return nil, wrong
		}
		tasks[i] = task
	}
	raw, err := plainjson.Marshal(map[string]any{"name": "prompt chain", "tasks": tasks})
	if err != nil {
		return nil, executors.AsError(fmt.Errorf("encoding the chain as a tree: %w", err))
	}
	tree, report := parse.Parse(raw, g.opts.Registry, parse.Options{})
	if !report.Valid() {
		return nil, c.explain(report.Problems)
	}
	for task := range tree.Every() {
		if slices.Contains(exclude, task.Executor) { // in a saved tree
			return nil, executors.Errorf(executors.PermissionDenied, "the executor %s is not allowed here", task.Executor).WithField("steps")
		}
	}
	c.tree = tree
	return c, nil
}

// check checks what the schema of a step can't check.
func (c *compiled) check(i int, exclude []string) *executors.Error {
	s := &c.steps[i]
	if slices.ContainsFunc(c.steps[:i], func(o Step) bool { return o.Name == s.Name }) {
		return wrongStep(i, "name", "two steps have the name %q; names must be different", s.Name)
	}
	switch {
	case s.Executor == "" && strings.TrimSpace(s.Prompt) == "":
		return wrongStep(i, "prompt", "the step needs a prompt, or an executor with inputs")
	case s.Executor == "" && s.Inputs != nil:
		return wrongStep(i, "inputs", "inputs are only allowed with an executor")
	case s.Executor != "" && (s.Prompt != "" || s.System != "" || s.Model != "" || s.Temperature != nil || s.MaxTokens != 0 || s.OutputSchema != nil || s.Gate != nil):
		return wrongStep(i, "executor", "a step with an executor may only have inputs, name, timeout and retry")
	case slices.Contains(exclude, s.Executor):
		return wrongStep(i, "executor", "the executor %s is not allowed here", s.Executor)
	}
	if s.OutputSchema != nil {
		raw, err := plainjson.Marshal(s.OutputSchema)
		if err == nil {
			_, err = llm.NewSchema("reply", raw)
		}
		if err != nil {
			return wrongStep(i, "output_schema", "%w", err)
		}
	}
	if s.Gate != nil {
		return c.gate(i)
	}
	return nil
}

// gate checks a step's gate, and converts it to the gate of llm_executor.
func (c *compiled) gate(i int) *executors.Error {
	s := &c.steps[i]
	s.onFail, _ = s.Gate["on_failure"].(string)
	target, named := s.Gate["fallback"].(string)
	gate := map[string]any{}
	for key, value := range s.Gate {
		if key != "fallback" {
			gate[key] = value
		}
	}
	if s.onFail == "" && named {
		s.onFail = onFallback
	}
	switch {
	case s.onFail == onFallback && !named:
		return wrongStep(i, "gate.fallback", "must be the name of the later step to continue at")
	case s.onFail != onFallback && named:
		return wrongStep(i, "gate.fallback", "is only allowed with on_failure: fallback")
	case named:
		s.fallback = slices.IndexFunc(c.steps, func(o Step) bool { return o.Name == target })
		if s.fallback <= i {
			return wrongStep(i, "gate.fallback", "there is no later step named %q", target)
		}
	}
	if s.onFail == onFallback || s.onFail == onStop {
		gate["on_failure"] = llm.GateKeep
		c.branches = true
	}
	s.Gate = gate
	var as llm.GateInput
	if err := bind.Into(&as, gate); err != nil {
		return wrongStep(i, "gate", "%w", err)
	}
	if _, wrong := llm.NewGate(as); wrong != nil {
		return wrong.WithField(at(i, wrong.Field))
	}
	return nil
}

// task returns the task of a step.
func (c *compiled) task(i int, in Input) (map[string]any, *executors.Error) {
	s := &c.steps[i]
	from := c.before(i)
	r := &rewriter{prev: c.prev(i, from), steps: map[string]string{}}
	for k := range i {
		r.steps[c.steps[k].Name] = c.reply(k)
	}
	task := map[string]any{"id": s.Name, "name": s.Name}
	if s.Timeout > 0 {
		task["timeout"] = s.Timeout
	}
	if s.Retry != nil {
		task["retry"] = s.Retry
	}
	method, inputs := asking, map[string]any(nil)
	var wrong *executors.Error
	if s.Executor != "" {
		method = s.Executor
		value, err := r.value(s.Inputs)
		if err != nil {
			return nil, wrongStep(i, "inputs", "%w", err)
		}
		inputs, _ = value.(map[string]any)
	} else if inputs, wrong = s.ask(i, r, in); wrong != nil {
		return nil, wrong
	}
	task["schemas"] = map[string]any{"method": method}
	if inputs != nil {
		task["inputs"] = inputs
	}
	c.order(i, task, from, r.read)
	return task, nil
}

// ask returns the inputs of llm_executor.
func (s *Step) ask(i int, r *rewriter, in Input) (map[string]any, *executors.Error) {
	input := "\nInput:\n${{ " + r.prev + " }}"
	inputs := map[string]any{"stream": true}
	set := func(name string, value any, given bool) {
		if given {
			inputs[name] = value
		}
	}
	set("provider", in.Provider, in.Provider != "")
	set("model", in.Model, in.Model != "")
	if s.plain { // the prompt is sent as it is
		inputs["prompt"] = expr.Escape(s.Prompt).(string) + input
		inputs["temperature"], inputs["max_tokens"] = plainTemperature, plainMaxTokens
		return inputs, nil
	}
	prompt, err := r.prompt(s.Prompt)
	if err != nil {
		return nil, wrongStep(i, "prompt", "%w", err)
	}
	if !r.used {
		prompt += input
	}
	system, err := r.prompt(s.System)
	if err != nil {
		return nil, wrongStep(i, "system", "%w", err)
	}
	inputs["prompt"] = prompt
	set("system", system, system != "")
	set("model", s.Model, s.Model != "")
	set("temperature", s.Temperature, s.Temperature != nil)
	set("max_tokens", s.MaxTokens, s.MaxTokens != 0)
	set("output_schema", expr.Escape(s.OutputSchema), s.OutputSchema != nil)
	set("gate", expr.Escape(s.Gate), s.Gate != nil)
	return inputs, nil
}

var taskPath = regexp.MustCompile(`^tasks\[(\d+)\]\.?(.*)$`)

// explain builds one error from the problems of a tree, with the paths of the
// chain.
func (c *compiled) explain(problems []chain.Problem) *executors.Error {
	const told = 3
	list := shorten.List(problems, told, func(p chain.Problem) string { return c.path(p.Path) + ": " + p.Message })
	return executors.Errorf(executors.ValidationError, "the chain is not valid: %s", list).
		WithField(c.path(problems[0].Path)).WithHint(problems[0].Hint)
}

func (c *compiled) path(path string) string {
	found := taskPath.FindStringSubmatch(path)
	if found == nil {
		return "steps"
	}
	i, err := strconv.Atoi(found[1])
	if err != nil || i >= len(c.steps) {
		return "steps"
	}
	field := found[2]
	switch {
	case c.steps[i].plain:
		field = ""
	case field == "schemas.method":
		field = "executor"
	case c.steps[i].Executor == "":
		field = strings.TrimPrefix(field, "inputs.")
	}
	return at(i, field)
}
