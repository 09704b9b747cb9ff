package parse

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
)

// choice is an executor that tasks name. It is looked up once for all of them.
type choice struct {
	def     *executors.Definition // nil: not registered
	check   executors.Checker     // nil: it has no checks of its own
	hint    string
	setting string // the setting that opens it, if policy closes it
	closed  bool
	tree    *chain.Tree // of a saved tree
	// wrong is the code of the problem of a saved tree, and message says what it is.
	wrong, message string
}

func (p *parser) choose(id string) *choice {
	if c, ok := p.executors[id]; ok {
		return c
	}
	if name, ok := chain.SavedName(id); ok {
		c := p.saved(id, name)
		p.executors[id] = c
		return c
	}
	c := &choice{}
	p.executors[id] = c
	e, ok := p.reg.Lookup(id)
	if !ok {
		c.hint = "the executors command lists the executors"
		if p.hints--; p.hints >= 0 {
			if names := p.reg.Nearest(id); len(names) > 0 {
				c.hint = "did you mean " + strings.Join(names, ", ") + "?"
			}
		}
		return c
	}
	c.def = e.Definition()
	c.check, _ = e.(executors.Checker)
	c.setting, c.closed = p.reg.Closed(c.def.ID)
	return c
}

// executor reads the task's executor: executor, else schemas.method, else
// params.executor_id, else the name. Those that are there must agree.
func (p *parser) executor(i int, fields map[string]any) {
	t := &p.tree.Tasks[i]
	path := "name"
	for _, from := range []struct{ path, id string }{
		{"executor", p.short(i, fields["executor"])},
		{"schemas.method", p.named(i, "schemas", "method", fields["schemas"])},
		{"params.executor_id", p.named(i, "params", "executor_id", fields["params"])},
	} {
		switch {
		case from.id == "":
		case t.Executor == "":
			t.Executor, path = from.id, from.path
		case from.id != t.Executor && !p.same(from.id, t.Executor):
			p.problem(i, from.path, chain.CodeExecutorConflict, "leave one of them out",
				"%s is %q and %s is %q", from.path, from.id, path, t.Executor)
		}
	}
	switch d := &p.drafts[i]; {
	case t.Executor != "":
	case d.hasExecutor: // it is reported already
		return
	case t.Name != "":
		t.Executor = t.Name
	default:
		if !d.hasName { // else it is reported already
			p.problem(i, "", chain.CodeNoExecutor, `name the executor: {"name": "rest_executor", …} or {"executor": "rest_executor", …}`,
				"the task has neither a name nor an executor")
		}
		return
	}
	if !p.drafts[i].hasName {
		t.Name = t.Executor
	}
	c := p.choose(t.Executor)
	if c.wrong != "" {
		p.problem(i, path, c.wrong, c.hint, "%s", c.message)
		return
	}
	if c.def == nil {
		p.problem(i, path, chain.CodeUnknownExecutor, c.hint, "there is no executor %q", t.Executor)
		return
	}
	t.Definition, t.Tree = c.def, c.tree
	t.Executor = c.def.ID // the tree may use an alias
}

// same reports whether two ids are of the same executor.
func (p *parser) same(a, b string) bool {
	return p.choose(a).def != nil && p.choose(a).def == p.choose(b).def
}

// short reads the field executor: an id, or an id without its ending: rest is
// rest_executor.
func (p *parser) short(i int, v any) string {
	if v == nil {
		return ""
	}
	p.drafts[i].hasExecutor = true
	id := p.label(i, "executor", v)
	if _, ok := p.reg.Lookup(id); !ok {
		if _, ok := p.reg.Lookup(id + "_executor"); ok {
			return id + "_executor"
		}
	}
	return id
}

// meaningful are the fields of schemas that have a meaning in the protocol but
// not here. In params every field has.
var meaningful = map[string][]string{
	"schemas": {"type", "input_schema", "output_schema", "model"},
	"params":  nil,
}

// named reads the executor's id from schemas or params.
func (p *parser) named(i int, name, key string, v any) string {
	if v == nil {
		return ""
	}
	object, ok := v.(map[string]any)
	if !ok {
		p.problem(i, name, chain.CodeWrongType, "", "must be an object; got %s", describeKind(v))
		return ""
	}
	if len(object) > 1 || object[key] == nil {
		p.ignored(i, name, key, object)
	}
	id := object[key]
	if id == nil {
		return ""
	}
	p.drafts[i].hasExecutor = true
	text, ok := id.(string)
	switch {
	case !ok:
		p.problem(i, name+"."+key, chain.CodeWrongType, "", "must be a string; got %s", describeKind(id))
	case text == "":
		p.problem(i, name+"."+key, chain.CodeOutOfRange, "leave it out, or name an executor", "must not be empty")
	}
	return text
}

func (p *parser) ignored(i int, name, key string, object map[string]any) {
	for _, other := range sortedKeys(object) {
		means := name == "params" || slices.Contains(meaningful[name], other)
		// local and core are the executors of the own process: all executors are.
		local := name == "schemas" && other == "type" && (object[other] == "local" || object[other] == "core")
		if other != key && means && !local && object[other] != nil {
			p.warn(i, field(name, other), chain.CodeIgnored, "put the executor's arguments into inputs", "%s.%s is ignored", name, other)
		}
	}
}

// inputs compiles the task's inputs and validates what is known of them.
func (p *parser) inputs(i int, v any) {
	t := &p.tree.Tasks[i]
	var fields map[string]any
	switch v := v.(type) {
	case nil:
		fields = map[string]any{}
	case map[string]any:
		fields = v
	default:
		p.problem(i, "inputs", chain.CodeWrongType, "", "must be an object; got %s", describeKind(v))
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
	refused := p.validate(i, known)
	if n, ok := known["timeout"].(json.Number); ok && !refused && t.Definition.Input.HasProperty("timeout") {
		p.ceiling(i, "inputs.timeout", n)
	}
	p.allowed(i, known)
	p.connection(i, known)
	p.refusals(i, fields, known)
	p.repeatable(i, known)
	p.foreign(i, fields)
	p.savedNeeds(i, known)
}

// validate checks the inputs by the schema, and by the executor's own checks. It
// reports whether the schema refuses the timeout.
func (p *parser) validate(i int, known map[string]any) (badTimeout bool) {
	t := &p.tree.Tasks[i]
	checker := p.choose(t.Executor).check
	if checker == nil && len(t.Definition.Input.Validate(known)) == 0 {
		return false
	}
	// With the defaults: a missing input may have one.
	filled, violations := t.Definition.Input.Apply(known)
	for _, violation := range violations {
		badTimeout = badTimeout || violation.Path == "timeout"
		where := spot{field: chain.Under("inputs", violation.Path), named: violation.Unknown}
		p.problemAt(i, where, chain.CodeInvalidInput, "", "%s", violation.Message)
	}
	if checker != nil && len(violations) == 0 {
		for _, wrong := range checker.Check(filled) {
			p.problem(i, chain.Under("inputs", wrong.Field), chain.CodeInvalidInput, wrong.Hint, "%s", wrong.Message)
		}
	}
	return badTimeout
}

// repeatable warns of a retry that does not repeat most failures, because the
// call is not safe to repeat.
func (p *parser) repeatable(i int, known map[string]any) {
	t := &p.tree.Tasks[i]
	if t.Retry == nil || t.Retry.MaxAttempts < 2 {
		return
	}
	effect := t.Definition.EffectOf(known)
	if effect.Idempotent || effect.ReadOnly {
		if t.RetryUnsafe {
			p.warn(i, "retry.unsafe", chain.CodeNoEffect, "leave it out", "%s is safe to repeat with these inputs", t.Executor)
		}
		return
	}
	if t.RetryUnsafe {
		if !p.reg.Policy().RetryUnsafe() {
			p.warn(i, "retry.unsafe", chain.CodeNotAllowed, "open policy.retry_unsafe, by setting it to true", "policy does not allow to repeat what is not safe to repeat")
		}
		return
	}
	const refused = "it is tried again only after a refusal to begin (HTTP 429, or 503 with Retry-After)"
	if input, open := undecided(t.Definition, known); open {
		p.warn(i, "retry", chain.CodeNoEffect, "", "whether %s is safe to repeat depends on the reference in inputs.%s; if it is not, %s", t.Executor, input, refused)
		return
	}
	p.warn(i, "retry", chain.CodeNoEffect, "", "%s is not safe to repeat with these inputs: %s", t.Executor, refused)
}

// undecided returns an input that decides whether a call is safe to repeat, and
// that is a reference.
func undecided(def *executors.Definition, known map[string]any) (input string, open bool) {
	for _, effect := range def.Effects {
		for _, name := range slices.Sorted(maps.Keys(effect.When)) {
			if _, unknown := known[name].(executors.Unknown); unknown && (effect.Idempotent || effect.ReadOnly) {
				return name, true
			}
		}
	}
	return "", false
}

// allowed warns of what policy forbids.
func (p *parser) allowed(i int, known map[string]any) {
	t := &p.tree.Tasks[i]
	c := p.choose(t.Executor)
	switch readOnly := p.opts.ReadOnly || p.reg.Policy().ReadOnly(); {
	case c.closed:
		p.warn(i, "", chain.CodeNotAllowed, "open "+c.setting, "%s is closed by policy", t.Executor)
	case readOnly && !t.Definition.EffectOf(known).ReadOnly:
		p.warn(i, "", chain.CodeNotAllowed, "open policy.read_only, by setting it to false", "%s may change something here, and policy allows only calls that change nothing", t.Executor)
	}
}

// connection warns of a literal connection that this machine does not have.
func (p *parser) connection(i int, known map[string]any) {
	name, ok := known["connection"].(string)
	if def := p.tree.Tasks[i].Definition; !ok || name == "" || !def.BuiltIn || p.tree.Tasks[i].Tree != nil || p.choose(def.ID).closed {
		return
	}
	names := p.reg.Policy().Connections()
	if slices.Contains(names, name) {
		return
	}
	hint := p.suggest(name, names)
	if hint == "" {
		hint = "the operator sets it: policy.connections." + name
	}
	p.warn(i, "inputs.connection", chain.CodeUnknownConnection, hint, "the connection %q is not configured", name)
}

func (p *parser) secrets(i int) {
	inputs := &p.tree.Tasks[i].Inputs
	names := inputs.Reads().Secrets
	if len(names) == 0 {
		return
	}
	known := p.reg.Policy().SecretNames()
	places := reader{"inputs", inputs.Reads(), inputs.References()}.places(secretNames)
	for _, name := range names {
		if !slices.Contains(known, name) {
			p.warnAt(i, places[name], chain.CodeUnknownSecret, "the operator sets it: policy.secrets."+name, "the secret %s is not configured", name)
		}
	}
}

// value compiles a when or a for_each.
func (p *parser) value(i int, name string, v any) *expr.Value {
	value, issues := p.compiler.Value(v)
	p.issues(i, name, issues)
	return value
}

// codes are the problem codes of the issues of references.
var codes = map[expr.Code]string{
	expr.Syntax:       chain.CodeBadExpression,
	expr.Computed:     chain.CodeComputedReference,
	expr.Misplaced:    chain.CodeMisplacedSecret,
	expr.ReadsNothing: chain.CodeReadsNothing,
	expr.InKey:        chain.CodeReferenceInKey,
}

func (p *parser) issues(i int, name string, issues []expr.Issue) {
	for _, issue := range issues {
		where := spot{field: chain.Under(name, issue.Path), nth: issue.Mark}
		if issue.Code.Warning() {
			p.warnAt(i, where, codes[issue.Code], issue.Hint, "%s", issue.Message)
		} else {
			p.problemAt(i, where, codes[issue.Code], issue.Hint, "%s", issue.Message)
		}
	}
}

// timing reads timeout and retry.
func (p *parser) timing(i int, fields map[string]any) {
	t := &p.tree.Tasks[i]
	if v := fields["timeout"]; v != nil {
		n, ok := v.(json.Number)
		if text, isText := v.(string); isText {
			n, ok = inSeconds(text)
		}
		if !ok {
			p.problem(i, "timeout", chain.CodeWrongType, `30, "10s" or "1m30s"`, "must be a number of seconds, or a duration; got %s", describeKind(v))
		} else if d, ok := seconds(n); !ok || d <= 0 {
			p.problem(i, "timeout", chain.CodeOutOfRange, "", "must be more than 0 seconds; got %s", n)
		} else {
			t.Timeout = d
			p.ceiling(i, "timeout", n)
		}
	}
	if v := fields["retry"]; v != nil {
		p.retry(i, v)
	}
}

// inSeconds converts a duration, such as 10s or 1m30s, to a number of seconds.
func inSeconds(text string) (json.Number, bool) {
	d, err := time.ParseDuration(text)
	return json.Number(strconv.FormatFloat(d.Seconds(), 'f', -1, 64)), err == nil
}

func (p *parser) ceiling(i int, path string, n json.Number) {
	def := p.tree.Tasks[i].Definition
	if def == nil || def.Timeout.Ceiling <= 0 {
		return
	}
	if d, ok := seconds(n); ok && d > def.Timeout.Ceiling {
		p.problem(i, path, chain.CodeTimeout, fmt.Sprintf("at most %v", def.Timeout.Ceiling),
			"%s seconds are over the ceiling of %s, which is %v", n, def.ID, def.Timeout.Ceiling)
	}
}
