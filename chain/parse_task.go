package chain

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

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors/nearest"
)

// draft is what a task says before its refs are looked up.
type draft struct {
	id     bool // it was written
	parent string
	under  bool // parent was written
	// parentBroken: what was written is no ref.
	parentBroken bool
	depends      []draftDependency
	// broken: the task is not an object, nothing more is said of it.
	broken bool
	// named: what should name the executor was written, be it right or not.
	named, asked bool
}

type draftDependency struct {
	ref      string
	required bool
	broken   bool // it is no ref: a problem already
}

// The fields of a task. Those of a record of the protocol are accepted and
// ignored.
var (
	taskFields = []string{
		"id", "name", "schemas", "params", "inputs", "parent_id", "dependencies", "priority", "user_id",
		"when", "for_each", "max_parallel", "timeout", "retry", "allow_failure",
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

// task reads one task, all but what other tasks have to be known for.
func (p *parser) task(i int, v any) {
	t, d := &p.tree.Tasks[i], &p.drafts[i]
	t.Parent, t.Priority = -1, Normal
	fields, ok := v.(map[string]any)
	if !ok {
		d.broken = true
		p.problem(i, "", CodeNotAnObject, `a task is an object: {"name": "rest_executor", "inputs": {"url": "https://example.com"}}`, "a task must be an object; got %s", describeKind(v))
		return
	}
	p.unknownFields(i, fields)
	if id, ok := fields["id"]; ok && id != nil {
		d.id = true
		t.ID = p.label(i, "id", id)
	}
	if name, ok := fields["name"]; ok && name != nil {
		d.named = true
		t.Name = p.label(i, "name", name)
	}
	t.UserID = p.stringField(i, "user_id", fields["user_id"])
	p.parent(i, fields["parent_id"])
	p.dependencies(i, fields["dependencies"])
	p.priority(i, fields["priority"])
	if v := fields["allow_failure"]; v != nil {
		if t.AllowFailure, ok = v.(bool); !ok {
			p.problem(i, "allow_failure", CodeWrongType, "", "must be true or false; got %s", describeKind(v))
		}
	}
	p.loop(i, fields)
	p.condition(i, fields)
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
		p.problem(i, field("", name), CodeUnknownField, p.meant(name, taskFields), "a task has no field %q", name)
	}
}

// meant is the hint for a name that is not among the known ones. Looking for
// it takes a while, so that it is done for the first ones only.
func (p *parser) meant(name string, known []string) string {
	if p.hints--; p.hints < 0 {
		return ""
	}
	return nearest.Hint(name, known)
}

// label reads a name or an id.
func (p *parser) label(i int, field string, v any) string {
	s, ok := v.(string)
	if !ok {
		p.problem(i, field, CodeWrongType, "", "must be a string; got %s", describeKind(v))
		return ""
	}
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		p.problem(i, field, CodeOutOfRange, "leave it out, or write something", "must have at least one character")
	case n > MaxName:
		p.problem(i, field, CodeTooLong, "", "has %d characters; at most %d are allowed", n, MaxName)
	}
	return s
}

func (p *parser) parent(i int, v any) {
	if v == nil {
		return
	}
	d := &p.drafts[i]
	d.under = true
	var ok bool
	if d.parent, ok = v.(string); !ok {
		d.parentBroken = true
		p.problem(i, "parent_id", CodeWrongType, "", "must be a string; got %s", describeKind(v))
	}
}

func (p *parser) dependencies(i int, v any) {
	if v == nil {
		return
	}
	list, ok := v.([]any)
	if !ok {
		p.problem(i, "dependencies", CodeWrongType, `["fetch"], or [{"id": "fetch", "required": false}]`, "must be an array; got %s", describeKind(v))
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
			d.depends = append(d.depends, draftDependency{broken: true})
			p.problem(i, dependencyPath(k), CodeWrongType, `"fetch", or {"id": "fetch", "required": false}`, "must be a string or an object; got %s", describeKind(each))
		}
	}
}

// dependency reads one that is written as an object.
func (p *parser) dependency(i, k int, fields map[string]any) draftDependency {
	path := dependencyPath(k)
	p.onlyFields(i, path, fields, "id", "required")
	dep := draftDependency{required: true}
	var ok bool
	switch id, there := fields["id"]; {
	case !there:
		dep.broken = true
		p.problem(i, path, CodeMissingField, "", "the dependency has no id")
	default:
		if dep.ref, ok = id.(string); !ok {
			dep.broken = true
			p.problem(i, path+".id", CodeWrongType, "", "must be a string; got %s", describeKind(id))
		}
	}
	if required := fields["required"]; required != nil {
		if dep.required, ok = required.(bool); !ok {
			p.problem(i, path+".required", CodeWrongType, "", "must be true or false; got %s", describeKind(required))
		}
	}
	return dep
}

func (p *parser) onlyFields(i int, path string, fields map[string]any, known ...string) {
	for _, name := range sortedKeys(fields) {
		if !slices.Contains(known, name) {
			p.problem(i, field(path, name), CodeUnknownField, p.meant(name, known), "there is no field %q here", name)
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
		p.problem(i, "priority", CodeWrongType, hint, "must be a whole number; got %s", describeKind(v))
		return
	}
	whole, ok := integer(n)
	if !ok || whole < Urgent || whole > Low {
		p.problem(i, "priority", CodeOutOfRange, hint, "must be 0, 1, 2 or 3; got %s", n)
		return
	}
	p.tree.Tasks[i].Priority = whole
}

// loop reads for_each and max_parallel.
func (p *parser) loop(i int, fields map[string]any) {
	t := &p.tree.Tasks[i]
	if v, ok := fields["for_each"]; ok {
		const hint = "an array, or one whole reference: ${{ tasks.list.result.items }}"
		switch v := v.(type) {
		case []any:
			if len(v) > MaxElements {
				p.problem(i, "for_each", CodeTooLarge, "", "has %d elements; at most %d are allowed", len(v), MaxElements)
			}
			t.ForEach = p.value(i, "for_each", v)
		case string:
			if t.ForEach = p.value(i, "for_each", strings.TrimSpace(v)); !t.ForEach.Whole() {
				p.notWhole(i, "for_each", hint, "an array")
			}
		default:
			p.problem(i, "for_each", CodeWrongType, hint, "must be an array or one whole reference; got %s", describeKind(v))
			t.ForEach = &expr.Value{} // item and index mean something
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
			p.problem(i, "max_parallel", CodeWrongType, "", "must be a whole number; got %s", describeKind(v))
		case !isWhole || whole < 1:
			p.problem(i, "max_parallel", CodeOutOfRange, "", "must be a whole number of at least 1; got %s", n)
		default:
			t.MaxParallel = whole
		}
		if _, ok := fields["for_each"]; !ok {
			p.warn(i, "max_parallel", CodeNoEffect, "it bounds the elements of a for_each; the run has a max_parallel of its own", "max_parallel has no effect without for_each")
		}
	}
}

// notWhole complains of a text that should be one whole reference, unless
// there was something wrong with it already.
func (p *parser) notWhole(i int, field, hint, kind string) {
	if last := len(p.problems) - 1; last >= 0 && p.problems[last].Path == at(i, field) {
		return
	}
	p.problem(i, field, CodeWrongType, hint, "must be %s or one whole reference; got a text", kind)
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
		p.problem(i, "when", CodeWrongType, hint, "must be true, false or one whole reference; got %s", describeKind(v))
	}
}

// field puts a name after a path.
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

// integer gives the value of a number that is whole, however it is written.
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

// longest is the longest time that makes sense in a tree, ten years.
const longest = 10 * 365 * 24 * time.Hour

// seconds turns a number of seconds into a duration; false where it is less
// than nothing or longer than any run.
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
