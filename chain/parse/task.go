package parse

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors/nearest"
)

// draft is a task before its references are resolved.
type draft struct {
	hasID       bool
	hasParent   bool
	parent      string
	badParent   bool // parent_id is not a string
	depends     []draftDependency
	notAnObject bool // nothing else is reported for the task
	// hasName and hasExecutor: the field is there, valid or not.
	hasName, hasExecutor bool
}

type draftDependency struct {
	ref      string
	required bool
	bad      bool // it is reported already
}

// The fields of a task. Those of a task record of the protocol are accepted and
// ignored.
var (
	taskFields = []string{
		"id", "name", "executor", "schemas", "params", "inputs", "parent_id", "dependencies", "priority", "user_id",
		"when", "for_each", "max_parallel", "timeout", "retry", "allow_failure", "approval",
	}
	recordFields = []string{
		"status", "result", "error", "progress", "created_at", "started_at", "updated_at", "completed_at",
		"has_children", "has_references", "origin_type", "original_task_id", "task_tree_id",
		"next_run_at", "last_run_at", "max_runs", "run_count", "placement_constraints", "attempt_id",
		"idempotency_key", "last_assigned_node",
	}
	recordPrefixes = []string{"schedule_", "lease_"}

	knownFields = func() map[string]bool {
		known := map[string]bool{}
		for _, name := range slices.Concat(taskFields, recordFields) {
			known[name] = true
		}
		return known
	}()
)

func knownField(name string) bool {
	return knownFields[name] ||
		slices.ContainsFunc(recordPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// task reads one task, all that does not depend on other tasks.
func (p *parser) task(i int, v any) {
	t, d := &p.tree.Tasks[i], &p.drafts[i]
	t.Parent, t.Priority = -1, chain.Normal
	fields, ok := v.(map[string]any)
	if !ok {
		d.notAnObject = true
		p.problem(i, "", chain.CodeNotAnObject, `a task is an object: {"name": "rest_executor", "inputs": {"url": "https://example.com"}}`, "a task must be an object; got %s", describeKind(v))
		return
	}
	p.unknownFields(i, fields)
	p.foreignSchedule(i, fields)
	if id, ok := fields["id"]; ok && id != nil {
		d.hasID = true
		t.ID = p.label(i, "id", id)
	}
	if name, ok := fields["name"]; ok && name != nil {
		d.hasName = true
		t.Name = p.label(i, "name", name)
	}
	t.UserID = p.stringField(i, "user_id", fields["user_id"])
	p.parent(i, fields["parent_id"])
	p.dependencies(i, fields["dependencies"])
	p.priority(i, fields["priority"])
	if v := fields["allow_failure"]; v != nil {
		if t.AllowFailure, ok = v.(bool); !ok {
			p.problem(i, "allow_failure", chain.CodeWrongType, "", "must be true or false; got %s", describeKind(v))
		} else if t.Handler != "" && t.AllowFailure {
			p.warn(i, "allow_failure", chain.CodeNoEffect, "leave it out", "the failure of a handler never fails the run")
		}
	}
	p.forEach(i, fields)
	p.condition(i, fields)
	if p.approval(i, fields) {
		return
	}
	p.executor(i, fields)
	p.timing(i, fields)
	p.inputs(i, fields["inputs"])
}

func (p *parser) unknownFields(i int, fields map[string]any) {
	var unknown []string
	for name := range fields {
		if !knownField(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		hint, known := foreignFields()[name]
		if !known {
			hint = p.suggest(name, taskFields)
		}
		p.drafts[i].hasExecutor = p.drafts[i].hasExecutor || slices.Contains(namesExecutor, name)
		p.problem(i, field("", name), chain.CodeUnknownField, hint, "a task has no field %q", name)
	}
}

// suggest returns the known name that is nearest to an unknown one, as a hint.
// It takes time, so it is done for the first names only.
func (p *parser) suggest(name string, known []string) string {
	if p.hints--; p.hints < 0 {
		return ""
	}
	return nearest.Hint(name, known)
}

// label reads a name or an id.
func (p *parser) label(i int, field string, v any) string {
	s, ok := v.(string)
	if !ok {
		p.problem(i, field, chain.CodeWrongType, "", "must be a string; got %s", describeKind(v))
		return ""
	}
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		p.problem(i, field, chain.CodeOutOfRange, "leave it out, or write something", "must have at least one character")
	case n > MaxName:
		p.problem(i, field, chain.CodeTooLong, "", "has %d characters; at most %d are allowed", n, MaxName)
	}
	return s
}

func (p *parser) parent(i int, v any) {
	if v == nil {
		return
	}
	d := &p.drafts[i]
	d.hasParent = true
	var ok bool
	if d.parent, ok = v.(string); !ok {
		d.badParent = true
		p.problem(i, "parent_id", chain.CodeWrongType, "", "must be a string; got %s", describeKind(v))
	}
}

func (p *parser) dependencies(i int, v any) {
	if v == nil {
		return
	}
	list, ok := v.([]any)
	if !ok {
		p.problem(i, "dependencies", chain.CodeWrongType, `["fetch"], or [{"id": "fetch", "required": false}]`, "must be an array; got %s", describeKind(v))
		return
	}
	d := &p.drafts[i]
	d.depends = make([]draftDependency, 0, len(list))
	for k, each := range list {
		switch each := each.(type) {
		case string:
			d.depends = append(d.depends, draftDependency{ref: each, required: true})
		case map[string]any:
			d.depends = append(d.depends, p.dependency(i, k, each))
		default:
			d.depends = append(d.depends, draftDependency{bad: true})
			p.problem(i, dependencyPath(k), chain.CodeWrongType, `"fetch", or {"id": "fetch", "required": false}`, "must be a string or an object; got %s", describeKind(each))
		}
	}
}

// dependency reads a dependency that is written as an object.
func (p *parser) dependency(i, k int, fields map[string]any) draftDependency {
	path := dependencyPath(k)
	p.onlyFields(i, path, fields, "id", "required")
	dep := draftDependency{required: true}
	var ok bool
	switch id, there := fields["id"]; {
	case !there:
		dep.bad = true
		p.problem(i, path, chain.CodeMissingField, "", "the dependency has no id")
	default:
		if dep.ref, ok = id.(string); !ok {
			dep.bad = true
			p.problem(i, path+".id", chain.CodeWrongType, "", "must be a string; got %s", describeKind(id))
		}
	}
	if required := fields["required"]; required != nil {
		if dep.required, ok = required.(bool); !ok {
			p.problem(i, path+".required", chain.CodeWrongType, "", "must be true or false; got %s", describeKind(required))
		}
	}
	return dep
}

func (p *parser) onlyFields(i int, path string, fields map[string]any, known ...string) {
	for _, name := range sortedKeys(fields) {
		if !slices.Contains(known, name) {
			p.problem(i, field(path, name), chain.CodeUnknownField, p.suggest(name, known), "there is no field %q here", name)
		}
	}
}

func (p *parser) priority(i int, v any) {
	if v == nil {
		return
	}
	const hint = "0 is urgent, 1 high, 2 normal, 3 low"
	n, ok := v.(json.Number)
	if !ok {
		p.problem(i, "priority", chain.CodeWrongType, hint, "must be a whole number; got %s", describeKind(v))
		return
	}
	whole, ok := integer(n)
	if !ok || whole < chain.Urgent || whole > chain.Low {
		p.problem(i, "priority", chain.CodeOutOfRange, hint, "must be 0, 1, 2 or 3; got %s", n)
		return
	}
	p.tree.Tasks[i].Priority = whole
}

// forEach reads for_each and max_parallel.
func (p *parser) forEach(i int, fields map[string]any) {
	t := &p.tree.Tasks[i]
	if v, ok := fields["for_each"]; ok {
		const hint = "an array, or one whole reference: ${{ tasks.list.result.items }}"
		switch v := v.(type) {
		case []any:
			if len(v) > chain.MaxElements {
				p.problem(i, "for_each", chain.CodeTooLarge, "", "has %d elements; at most %d are allowed", len(v), chain.MaxElements)
			}
			t.ForEach = p.value(i, "for_each", v)
		case string:
			if t.ForEach = p.value(i, "for_each", strings.TrimSpace(v)); !t.ForEach.Whole() {
				p.notWhole(i, "for_each", hint, "an array")
			}
		default:
			p.problem(i, "for_each", chain.CodeWrongType, hint, "must be an array or one whole reference; got %s", describeKind(v))
			t.ForEach = &expr.Value{} // so item and index are allowed
		}
	}
	if v := fields["max_parallel"]; v != nil {
		n, ok := v.(json.Number)
		whole, isWhole := 0, false
		if ok {
			whole, isWhole = integer(n)
		}
		switch {
		case !ok:
			p.problem(i, "max_parallel", chain.CodeWrongType, "", "must be a whole number; got %s", describeKind(v))
		case !isWhole || whole < 1:
			p.problem(i, "max_parallel", chain.CodeOutOfRange, "", "must be a whole number of at least 1; got %s", n)
		default:
			t.MaxParallel = whole
		}
		if _, ok := fields["for_each"]; !ok {
			p.warn(i, "max_parallel", chain.CodeNoEffect, "it limits the elements of a for_each; the run has its own max_parallel", "max_parallel has no effect without for_each")
		}
	}
}

// notWhole reports a text that should be one whole reference, unless a problem of
// it is reported already.
func (p *parser) notWhole(i int, field, hint, kind string) {
	if last := len(p.problems) - 1; last >= 0 && p.problems[last].Path == p.at(i, field) {
		return
	}
	p.problem(i, field, chain.CodeWrongType, hint, "must be %s or one whole reference; got a string", kind)
}

func (p *parser) condition(i int, fields map[string]any) {
	v, ok := fields["when"]
	if !ok {
		return
	}
	const hint = "true, false, or one whole reference: ${{ tasks.check.result.count > 3 }}"
	t := &p.tree.Tasks[i]
	switch v := v.(type) {
	case bool:
		t.When = p.value(i, "when", v)
	case string:
		if t.When = p.value(i, "when", strings.TrimSpace(v)); !t.When.Whole() {
			p.notWhole(i, "when", hint, "true, false")
		}
	default:
		p.problem(i, "when", chain.CodeWrongType, hint, "must be true, false or one whole reference; got %s", describeKind(v))
	}
}

// field appends a name to a path.
func field(path, name string) string {
	step := name
	if name == "" || strings.ContainsAny(name, ".[]\" \t\r\n") {
		step = "[" + strconv.Quote(name) + "]"
	} else if path != "" {
		step = "." + name
	}
	return path + step
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// integer returns the value of a whole number in any notation: 3, 3.0, 3e0.
func integer(n json.Number) (int, bool) {
	if v, err := strconv.Atoi(string(n)); err == nil {
		return v, true
	}
	f, err := n.Float64()
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int(f), true
}

// longest is the longest duration in a tree: ten years.
const longest = 10 * 365 * 24 * time.Hour

// seconds converts a number of seconds. It returns false if the number is
// negative or over the longest duration.
func seconds(n json.Number) (time.Duration, bool) {
	f, err := n.Float64()
	if err != nil || f < 0 || f > longest.Seconds() {
		return 0, false
	}
	return time.Duration(f * float64(time.Second)), true
}

func describeKind(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case string:
		return "a string"
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	case json.Number:
		return "the number " + string(v)
	}
	return fmt.Sprintf("%T", v)
}
