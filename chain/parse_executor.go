package chain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
)

// choice is an executor that tasks ask for, looked up once for all of them.
type choice struct {
	def     *executors.Definition // nil where there is none
	hint    string
	setting string // what opens it, where it is closed
	closed  bool
}

func (p *parser) choose(id string) *choice {
	if c, ok := p.executors[id]; ok {
		return c
	}
	c := &choice{}
	p.executors[id] = c
	e, ok := p.reg.Lookup(id)
	if !ok {
		c.hint = "the executors command lists what there is"
		if p.hints--; p.hints >= 0 {
			if names := p.reg.Nearest(id); len(names) > 0 {
				c.hint = "did you mean " + strings.Join(names, ", ") + "?"
			}
		}
		return c
	}
	c.def = e.Definition()
	c.setting, c.closed = p.reg.Closed(c.def.ID)
	return c
}

// executor finds the task's executor: schemas.method, else
// params.executor_id, else the name.
func (p *parser) executor(i int, fields map[string]any) {
	t := &p.tree.Tasks[i]
	method := p.named(i, "schemas", "method", fields["schemas"])
	chosen := p.named(i, "params", "executor_id", fields["params"])
	if method != "" && chosen != "" && method != chosen {
		p.problem(i, "params.executor_id", CodeExecutorConflict, "leave one of them out",
			"params.executor_id is %q and schemas.method is %q", chosen, method)
	}
	path := "name"
	switch {
	case method != "":
		t.Executor, path = method, "schemas.method"
	case chosen != "":
		t.Executor, path = chosen, "params.executor_id"
	case t.Name != "":
		t.Executor = t.Name
	default:
		if d := &p.drafts[i]; !d.named && !d.asked { // else a problem already
			p.problem(i, "", CodeNoExecutor, `name the executor: {"name": "rest_executor", …} or {"schemas": {"method": "rest_executor"}, …}`,
				"the task has neither a name nor an executor")
		}
		return
	}
	if !p.drafts[i].named {
		t.Name = t.Executor
	}
	c := p.choose(t.Executor)
	if c.def == nil {
		p.problem(i, path, CodeUnknownExecutor, c.hint, "there is no executor %q", t.Executor)
		return
	}
	t.Definition = c.def
	t.Executor = c.def.ID // what came may be an alias
}

// What schemas and params can say in the protocol that has a meaning there.
// Everything in params goes to the executor, in schemas these do.
var meaningful = map[string][]string{
	"schemas": {"type", "input_schema", "output_schema", "model"},
	"params":  nil,
}

// named reads the executor's id in schemas or params.
func (p *parser) named(i int, name, key string, v any) string {
	if v == nil {
		return ""
	}
	object, ok := v.(map[string]any)
	if !ok {
		p.problem(i, name, CodeWrongType, "", "must be an object; got %s", describeKind(v))
		return ""
	}
	if len(object) > 1 || object[key] == nil {
		p.ignored(i, name, key, object)
	}
	id := object[key]
	if id == nil {
		return ""
	}
	p.drafts[i].asked = true
	text, ok := id.(string)
	switch {
	case !ok:
		p.problem(i, name+"."+key, CodeWrongType, "", "must be a string; got %s", describeKind(id))
	case text == "":
		p.problem(i, name+"."+key, CodeOutOfRange, "leave it out, or name an executor", "must not be empty")
	}
	return text
}

func (p *parser) ignored(i int, name, key string, object map[string]any) {
	for _, other := range sortedKeys(object) {
		means := name == "params" || slices.Contains(meaningful[name], other)
		// Executors of one's own process are what there is here.
		local := name == "schemas" && other == "type" && (object[other] == "local" || object[other] == "core")
		if other != key && means && !local && object[other] != nil {
			p.warn(i, field(name, other), CodeIgnored, "what an executor should know goes into inputs", "%s.%s has no meaning here", name, other)
		}
	}
}

// inputs compiles the task's inputs and holds them to the executor's schema.
func (p *parser) inputs(i int, v any) {
	t := &p.tree.Tasks[i]
	var fields map[string]any
	switch v := v.(type) {
	case nil:
		fields = map[string]any{}
	case map[string]any:
		fields = v
	default:
		p.problem(i, "inputs", CodeWrongType, "", "must be an object; got %s", describeKind(v))
		return
	}
	template, issues := p.compiler.Template(fields)
	t.Inputs = template
	p.issues(i, "inputs", issues)
	p.secrets(i)
	if t.Definition == nil {
		return
	}
	known := template.Known()
	refused := false // the time-out, by the schema
	if len(t.Definition.Input.Validate(known)) > 0 {
		// Again with the defaults: an input that is missing may have one.
		_, violations := t.Definition.Input.Apply(known)
		for _, violation := range violations {
			refused = refused || violation.Path == "timeout"
			p.problem(i, under("inputs", violation.Path), CodeInvalidInput, "", "%s", violation.Message)
		}
	}
	if n, ok := known["timeout"].(json.Number); ok && !refused && t.Definition.Input.HasProperty("timeout") {
		p.ceiling(i, "inputs.timeout", n)
	}
	p.allowed(i, known)
	p.repeatable(i, known)
}

// repeatable warns of a retry that never comes about.
func (p *parser) repeatable(i int, known map[string]any) {
	t := &p.tree.Tasks[i]
	if t.Retry == nil || t.Retry.MaxAttempts < 2 {
		return
	}
	if _, static := t.Inputs.Static(); static && !t.Definition.EffectOf(known).Idempotent {
		p.warn(i, "retry", CodeNoEffect, "", "%s is not tried again with these inputs: doing it twice is not the same as once", t.Executor)
	}
}

// allowed warns of what policy closes.
func (p *parser) allowed(i int, known map[string]any) {
	t := &p.tree.Tasks[i]
	c := p.choose(t.Executor)
	switch readOnly := p.opts.ReadOnly || p.reg.Policy().ReadOnly(); {
	case c.closed:
		p.warn(i, "", CodeNotAllowed, "open "+c.setting, "%s is closed by policy", t.Executor)
	case readOnly && !t.Definition.EffectOf(known).ReadOnly:
		p.warn(i, "", CodeNotAllowed, "open policy.read_only, by setting it to false", "%s may change something here, and only reading is allowed", t.Executor)
	}
}

func (p *parser) secrets(i int) {
	inputs := &p.tree.Tasks[i].Inputs
	names := inputs.Reads().Secrets
	if len(names) == 0 {
		return
	}
	known := p.reg.Policy().SecretNames()
	paths := reader{"inputs", inputs.Reads(), inputs.References()}.places(secretNames)
	for _, name := range names {
		if !slices.Contains(known, name) {
			p.warn(i, paths[name], CodeUnknownSecret, "the operator sets it: policy.secrets."+name, "the secret %s is not configured", name)
		}
	}
}

// value compiles a when or a for_each.
func (p *parser) value(i int, name string, v any) *expr.Value {
	value, issues := p.compiler.Value(v)
	p.issues(i, name, issues)
	return value
}

// codes are the codes of what can be wrong with references.
var codes = map[expr.Code]string{
	expr.Syntax:       CodeBadExpression,
	expr.Computed:     CodeComputedReference,
	expr.Misplaced:    CodeMisplacedSecret,
	expr.ReadsNothing: CodeReadsNothing,
	expr.InKey:        CodeReferenceInKey,
}

func (p *parser) issues(i int, name string, issues []expr.Issue) {
	for _, issue := range issues {
		path := under(name, issue.Path)
		if issue.Code.Warning() {
			p.warn(i, path, codes[issue.Code], issue.Hint, "%s", issue.Message)
		} else {
			p.problem(i, path, codes[issue.Code], issue.Hint, "%s", issue.Message)
		}
	}
}

// under puts a path below a name.
func under(name, path string) string {
	if path == "" || path[0] == '[' {
		return name + path
	}
	return name + "." + path
}

// timing reads timeout and retry.
func (p *parser) timing(i int, fields map[string]any) {
	t := &p.tree.Tasks[i]
	if v := fields["timeout"]; v != nil {
		n, ok := v.(json.Number)
		if !ok {
			p.problem(i, "timeout", CodeWrongType, "", "must be a number of seconds; got %s", describeKind(v))
		} else if d, ok := seconds(n); !ok || d <= 0 {
			p.problem(i, "timeout", CodeOutOfRange, "", "must be more than 0 seconds; got %s", n)
		} else {
			t.Timeout = d
			p.ceiling(i, "timeout", n)
		}
	}
	if v := fields["retry"]; v != nil {
		p.retry(i, v)
	}
}

func (p *parser) ceiling(i int, path string, n json.Number) {
	def := p.tree.Tasks[i].Definition
	if def == nil || def.Timeout.Ceiling <= 0 {
		return
	}
	if d, ok := seconds(n); ok && d > def.Timeout.Ceiling {
		p.problem(i, path, CodeTimeout, fmt.Sprintf("at most %v", def.Timeout.Ceiling),
			"%s seconds are over the ceiling of %s, which is %v", n, def.ID, def.Timeout.Ceiling)
	}
}
