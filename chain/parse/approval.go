package parse

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// notWithApproval are the fields of a task that a question has no use for.
var notWithApproval = []struct{ field, hint string }{
	{"executor", "a task either asks a person or calls an executor: make two tasks"},
	{"schemas", "a task either asks a person or calls an executor: make two tasks"},
	{"params", "a task either asks a person or calls an executor: make two tasks"},
	{"for_each", "ask once, and show the list in inputs"},
	{"max_parallel", "leave it out"},
	{"timeout", "put it into approval: {timeout: …}"},
	{"retry", "leave it out; retry_run asks again"},
}

var approvalFields = []string{"message", "schema", "timeout", "on_timeout"}

const approvalHint = `{"message": "Deploy ${{ inputs.version }}?", "timeout": "48h", "on_timeout": "skip"}`

// approval reads the question of a task. It returns false if the task has none.
func (p *parser) approval(i int, fields map[string]any) bool {
	v, there := fields["approval"]
	if !there || v == nil {
		return false
	}
	t, d := &p.tree.Tasks[i], &p.drafts[i]
	t.Executor, t.Approval = chain.ApprovalID, &chain.Approval{OnTimeout: chain.OnTimeoutFail}
	if !d.hasName {
		t.Name = chain.ApprovalID
	}
	for _, other := range notWithApproval {
		if fields[other.field] != nil {
			p.problem(i, other.field, chain.CodeConflict, other.hint, "a task with approval can't have %s", other.field)
		}
	}
	object, ok := v.(map[string]any)
	if !ok {
		p.problem(i, "approval", chain.CodeWrongType, approvalHint, "must be an object; got %s", describeKind(v))
		object = map[string]any{"message": ""}
	}
	p.onlyFields(i, "approval", object, approvalFields...)
	a := t.Approval
	switch message, given := object["message"]; message := message.(type) {
	case string:
		if ok && strings.TrimSpace(message) == "" {
			p.problem(i, "approval.message", chain.CodeOutOfRange, approvalHint, "must not be empty: the person has to know what to approve")
		}
		a.Message = p.value(i, "approval.message", message)
	case nil:
		at := "approval"
		if given {
			at = "approval.message"
		}
		p.problem(i, at, chain.CodeMissingField, approvalHint, "the approval has no message: the person has to know what to approve")
		a.Message = p.value(i, "approval.message", "")
	default:
		p.problem(i, "approval.message", chain.CodeWrongType, approvalHint, "must be a string; got %s", describeKind(message))
		a.Message = p.value(i, "approval.message", "")
	}
	t.Definition = approvalDefinition(p.answerSchema(i, object["schema"]))
	p.patience(i, object)
	p.shown(i, fields["inputs"])
	return true
}

// answerSchema reads the schema of the answer, and returns the one of the task's
// result.
func (p *parser) answerSchema(i int, v any) *executors.Schema {
	if v == nil {
		return plainAnswer()
	}
	const hint = `a JSON Schema: {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}`
	object, ok := v.(map[string]any)
	if !ok {
		p.problem(i, "approval.schema", chain.CodeWrongType, hint, "must be an object, a JSON Schema; got %s", describeKind(v))
		return plainAnswer()
	}
	if kind, ok := object["type"]; ok && kind != "object" {
		p.problem(i, "approval.schema.type", chain.CodeInvalidSchema, hint, "an answer is an object")
		return plainAnswer()
	}
	schema, err := executors.CompileSchema("approval.schema", plainjson.Must(object))
	if err != nil {
		p.problem(i, "approval.schema", chain.CodeInvalidSchema, hint, "%v", err)
		return plainAnswer()
	}
	p.tree.Tasks[i].Approval.Schema = schema
	return schema
}

// patience reads timeout and on_timeout.
func (p *parser) patience(i int, fields map[string]any) {
	a := p.tree.Tasks[i].Approval
	if v := fields["timeout"]; v != nil {
		n, ok := v.(json.Number)
		if text, isText := v.(string); isText {
			n, ok = inSeconds(text)
		}
		if !ok {
			p.problem(i, "approval.timeout", chain.CodeWrongType, `3600, "90m" or "48h"`, "must be a number of seconds, or a duration; got %s", describeKind(v))
		} else if d, ok := seconds(n); !ok || d <= 0 {
			p.problem(i, "approval.timeout", chain.CodeOutOfRange, "leave it out to wait for as long as it takes", "must be more than 0 seconds and at most ten years; got %s", n)
		} else {
			a.Timeout = d
		}
	}
	v, there := fields["on_timeout"]
	if !there || v == nil {
		return
	}
	if fields["timeout"] == nil {
		p.warn(i, "approval.on_timeout", chain.CodeNoEffect, "add a timeout, or leave it out", "on_timeout has no effect without timeout")
	}
	const hint = `fail, skip, or the answer to take: {"approved": false}`
	switch v := v.(type) {
	case string:
		if a.OnTimeout = v; v != chain.OnTimeoutFail && v != chain.OnTimeoutSkip {
			a.OnTimeout = chain.OnTimeoutFail
			p.problem(i, "approval.on_timeout", chain.CodeOutOfRange, hint, "must be fail, skip or an object; got %q", shorten.Bytes(v, 100))
		}
	case map[string]any:
		filled, wrong := p.tree.Tasks[i].Definition.Output.Apply(v)
		for _, each := range wrong {
			where := spot{field: chain.Under("approval.on_timeout", each.Path), named: each.Unknown}
			p.problemAt(i, where, chain.CodeInvalidInput, "", "%s", each.Message)
		}
		a.OnTimeout, a.Value = chain.OnTimeoutValue, plainjson.Must(filled)
	default:
		p.problem(i, "approval.on_timeout", chain.CodeWrongType, hint, "must be fail, skip or an object; got %s", describeKind(v))
	}
}

// shown reads the inputs of an approval: what is shown with its message.
func (p *parser) shown(i int, v any) {
	fields, ok := v.(map[string]any)
	if !ok {
		if v != nil {
			p.problem(i, "inputs", chain.CodeWrongType, "", "must be an object; got %s", describeKind(v))
		}
		fields = map[string]any{}
	}
	t := &p.tree.Tasks[i]
	template, issues := p.compiler.Template(fields)
	t.Inputs = template
	p.issues(i, "inputs", issues)
	if names := template.Reads().Secrets; len(names) > 0 {
		places := reader{"inputs", template.Reads(), template.References()}.places(secretNames)
		for _, name := range names {
			p.problemAt(i, places[name], chain.CodeMisplacedSecret, "secrets are for the inputs of executors only", "secrets.%s can't be shown to a person", name)
		}
	}
}

// anyInputs is the schema of the inputs of approvals, and plainAnswer that of the
// results of those without a schema.
var (
	anyInputs   = sync.OnceValue(func() *executors.Schema { return compiled("inputs", map[string]any{"type": "object"}) })
	plainAnswer = sync.OnceValue(func() *executors.Schema {
		return compiled("approval", map[string]any{
			"type": "object", "required": []any{"approved"}, "additionalProperties": false,
			"properties": map[string]any{"approved": map[string]any{"type": "boolean"}},
		})
	})
)

// approvalDefinition describes the answer to a question like the result of an
// executor, so that references to it are checked in the same way.
func approvalDefinition(answer *executors.Schema) *executors.Definition {
	return &executors.Definition{
		ID: chain.ApprovalID, Title: "Ask a person", BuiltIn: true, Input: anyInputs(), Output: answer,
		Annotations: executors.Annotations{ReadOnly: true, Idempotent: true},
	}
}
