package parse

import (
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/chain/internal/typing"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// typer types the references of a tree against the output schemas of its tasks.
type typer struct {
	*parser
	schemas map[*executors.Schema]any              // decoded input schemas
	outputs map[*executors.Definition]*typing.Type // by executor
	tasks   []typed
	inputs  *typing.Type // of the run
	run     *typing.Type // of run, in handlers
}

// typed is what is known of a task.
type typed struct {
	result  *typing.Type // of a call that completed
	item    *typing.Type // of its for_each
	started bool         // its result is being found
	// views are its type as others read it: when it has ended; completed.
	views [2]*typing.Type
	// requires are the tasks that have completed when the task runs.
	requires map[int]bool
}

// types reports references that can't be right: to a field that no result has,
// and to a value of a kind that is refused where it stands.
func (p *parser) types() {
	t := &typer{
		parser: p, schemas: map[*executors.Schema]any{}, outputs: map[*executors.Definition]*typing.Type{},
		tasks: make([]typed, len(p.tree.Tasks)), inputs: typing.Any,
	}
	if s := p.tree.InputSchema; s != nil {
		// Names that it does not declare have a warning already.
		t.inputs = typing.FromSchema(t.schema(s), "the inputs", false).Open()
	}
	if p.tree.Handlers > 0 {
		t.run = t.runType()
	}
	for i := range p.tree.Tasks {
		t.task(i)
	}
	for _, out := range p.tree.Outputs {
		for e := range out.Value.Expressions() {
			t.check(-1, field("outputs", out.Name), e)
		}
	}
}

// task checks the references of a task.
func (t *typer) task(i int) {
	task := &t.tree.Tasks[i]
	if task.ForEach != nil {
		for e := range task.ForEach.Expressions() {
			if of := t.check(i, "for_each", e); e.Whole && e.Path == "" {
				t.array(i, of)
			}
		}
	}
	if task.When != nil {
		for e := range task.When.Expressions() {
			t.check(i, "when", e)
		}
	}
	if task.Approval != nil {
		for e := range task.Approval.Message.Expressions() {
			t.check(i, "approval.message", e)
		}
	}
	for e := range task.Inputs.Expressions() {
		if of := t.check(i, "inputs", e); e.Whole && task.Definition != nil {
			t.fits(i, e, of)
		}
	}
}

// check reports what can't be right in an expression, and returns its type.
func (t *typer) check(i int, name string, e expr.Expression) *typing.Type {
	of, found := t.infer(i, e)
	for _, f := range found {
		hint, certain := f.Hint, true
		if f.Unknown != "" && hint == "" {
			if hint = t.suggest(f.Unknown, f.Known); hint == "" && len(f.Known) > 0 {
				const most = 12
				hint = "it has " + shorten.Names(f.Known[:min(most, len(f.Known))], len(f.Known))
				certain = !f.Default // perhaps it is written for several shapes
			}
		}
		code := chain.CodeTypeMismatch
		if f.Unknown != "" {
			code = chain.CodeUnknownResult
		}
		t.report(i, under(name, e.Spot), code, certain && !f.Soft, hint, f.Message)
	}
	return of
}

// report reports a problem, or a warning where it is not certain.
func (t *typer) report(i int, where spot, code string, certain bool, hint, message string) {
	if certain {
		t.problemAt(i, where, code, hint, "%s", message)
	} else {
		t.warnAt(i, where, code, hint, "%s", message)
	}
}

// infer types an expression of a task; of an output, if i is -1.
func (t *typer) infer(i int, e expr.Expression) (*typing.Type, []typing.Finding) {
	env := typing.Env{Task: func(ref string) *typing.Type { return t.view(i, ref) }, Inputs: t.inputs, Item: t.item(i), Run: t.run}
	if e.Walk != nil {
		return typing.Path(e.Walk, env)
	}
	return typing.Check(e.Source, env)
}

// array checks the value of a for_each.
func (t *typer) array(i int, of *typing.Type) {
	if kinds := of.Kinds(); kinds == 0 || kinds&typing.Array != 0 || kinds == typing.Null {
		return
	}
	hint := ""
	if names := of.Arrays(); len(names) > 0 {
		hint = "the array is in " + strings.Join(names, " or ")
	}
	t.report(i, spot{field: "for_each", nth: 1}, chain.CodeTypeMismatch, !of.Soft(), hint, fmt.Sprintf("must be an array; %s is %s", of.What(), of.Kinds()&^typing.Null))
}

// fits checks that a value can have a kind that its input accepts. Null is not
// looked at: it stands for an input that is left out.
func (t *typer) fits(i int, e expr.Expression, of *typing.Type) {
	kinds := of.Kinds() &^ typing.Null
	if kinds == 0 || of == typing.Any {
		return
	}
	wanted := typing.Accepts(t.schema(t.tree.Tasks[i].Definition.Input), e.Steps)
	if kinds&wanted != 0 {
		return
	}
	hint := ""
	if wanted&typing.String != 0 && kinds&(typing.Number|typing.Bool) == kinds {
		hint = "make text of it: tostring"
	}
	t.report(i, under("inputs", e.Spot), chain.CodeTypeMismatch, !of.Soft(), hint,
		fmt.Sprintf("must be %s; %s is %s", wanted&^typing.Null, of.What(), kinds))
}

func (t *typer) schema(s *executors.Schema) any {
	doc, ok := t.schemas[s]
	if !ok {
		doc, _ = strictjson.Decode(s.JSON()) // it compiled
		t.schemas[s] = doc
	}
	return doc
}

// view returns the type of a task as a task i reads it.
func (t *typer) view(i int, ref string) *typing.Type {
	task, ok := t.tree.Index(ref)
	if !ok || task == i {
		return typing.Any
	}
	completed := 0
	if t.requires(i)[task] {
		completed = 1
	}
	at := &t.tasks[task]
	if at.views[completed] != nil {
		return at.views[completed]
	}
	result := t.result(task)
	if t.tree.Tasks[task].ForEach != nil {
		result = typing.ArrayOf(result.OrNull()).Named(t.resultOf(task))
	}
	if completed == 0 {
		result = result.OrNull()
	}
	text := typing.Of(typing.String | typing.Null)
	at.views[completed] = typing.ObjectOf("a task", map[string]*typing.Type{
		"status": typing.Of(typing.String).Named("the status"), "result": result, "error": text.Named("the error"), "error_type": text,
		"errors": typing.ArrayOf(typing.ObjectOf("an error of an element", map[string]*typing.Type{
			"index": typing.Of(typing.Number), "error": text, "error_type": text,
		})),
	})
	return at.views[completed]
}

// requires returns the tasks that have completed when a task runs.
func (t *typer) requires(i int) map[int]bool {
	if i < 0 {
		return nil
	}
	at := &t.tasks[i]
	if at.requires == nil {
		at.requires = map[int]bool{}
		for _, d := range t.tree.Tasks[i].Dependencies {
			if d.Required {
				at.requires[d.Task] = true
			}
		}
	}
	return at.requires
}

// resultOf says what the result of a task is.
func (t *typer) resultOf(task int) string {
	if t.tree.Tasks[task].ForEach != nil {
		return "the result of a task with for_each"
	}
	return "the result of " + t.tree.Tasks[task].Executor
}

// result returns the type of the result of one call of a task.
func (t *typer) result(task int) *typing.Type {
	at, def := &t.tasks[task], t.tree.Tasks[task].Definition
	switch {
	case at.result != nil:
		return at.result
	case at.started || def == nil: // a cycle is reported elsewhere
		return typing.Any
	}
	at.started = true
	out, ok := t.outputs[def]
	if !ok {
		out = typing.FromSchema(t.schema(def.Output), "the result of "+def.ID, !def.BuiltIn)
		if def.BuiltIn && out.Closed() { // a result that is too large is shortened
			out = out.With("truncated", typing.Of(typing.Bool|typing.Null))
		}
		t.outputs[def] = out
	}
	if def.BuiltIn && def.ID == "data_processor" {
		out = out.With("result", t.processed(task))
	}
	at.result = out
	return out
}

// item returns the type of an element of a task's for_each.
func (t *typer) item(i int) *typing.Type {
	if i < 0 {
		return typing.Any
	}
	at, each := &t.tasks[i], t.tree.Tasks[i].ForEach
	if each == nil || at.item != nil {
		return orAny(at.item)
	}
	at.item = typing.Any // for the for_each itself
	if v, static := each.Static(); static {
		at.item = typing.FromValue(v).Items()
	} else if each.Whole() {
		for e := range each.Expressions() {
			of, _ := t.infer(i, e)
			at.item = of.Items()
		}
	}
	if at.item.Kinds() == 0 {
		at.item = typing.Any
	}
	return at.item
}

func orAny(t *typing.Type) *typing.Type {
	if t == nil {
		return typing.Any
	}
	return t
}
