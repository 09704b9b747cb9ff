package parse

import (
	"fmt"
	"maps"
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors/nearest"
)

// resolve returns the task that a ref names. It reports an unknown ref with the
// given code.
func (p *parser) resolve(i int, where spot, code, ref string) (task int, ok bool) {
	task, ok = p.tree.Lookup(ref)
	switch {
	case !ok:
		p.problemAt(i, where, code, p.refHint(ref), "there is no task %q", ref)
	case task == chain.Ambiguous:
		p.problemAt(i, where, chain.CodeAmbiguousName, "give the tasks ids, and use the id", "%q is the name of several tasks", ref)
		ok = false
	}
	return task, ok
}

// refHint returns the nearest ref as a hint, for the first refs only: each is
// compared with every task.
func (p *parser) refHint(ref string) string {
	if p.refHints--; p.refHints >= 0 {
		if p.refNames == nil {
			p.refNames = slices.Sorted(maps.Keys(p.tree.Refs))
		}
		if hint := nearest.Hint(ref, p.refNames); hint != "" {
			return hint
		}
	}
	return "a ref is a task's id, else its name where no other task has it, else task_N by position"
}

// connect resolves parents, dependencies and references.
func (p *parser) connect() {
	tasks := p.tree.Tasks
	for i := range tasks {
		t, d := &tasks[i], &p.drafts[i]
		if d.hasParent && !d.badParent {
			if parent, ok := p.resolve(i, spot{field: "parent_id"}, chain.CodeUnknownParent, d.parent); ok && !p.together(i, parent) {
				p.wait(i, "parent_id", chain.CodeUnknownParent, parent)
			} else if ok {
				t.Parent = parent
				tasks[parent].Children = append(tasks[parent].Children, i)
			}
		}
		p.dependenciesOf(i)
	}
}

// dependenciesOf merges a task's dependencies with the tasks that its references
// read. An explicit dependency says whether it is required. A reference requires
// the other task to complete, unless it reads only its status or error.
func (p *parser) dependenciesOf(i int) {
	t, d := &p.tree.Tasks[i], &p.drafts[i]
	var place map[int]int // by task: its index in t.Dependencies
	if len(d.depends) > 0 {
		place = make(map[int]int, len(d.depends))
		t.Dependencies = make([]chain.Dependency, 0, len(d.depends))
	}
	for k, dep := range d.depends {
		if dep.bad {
			continue
		}
		task, ok := p.tree.Lookup(dep.ref)
		if !ok || task == chain.Ambiguous {
			p.resolve(i, spot{field: dependencyPath(k)}, chain.CodeUnknownDependency, dep.ref)
			continue
		}
		if task == i {
			p.problem(i, dependencyPath(k), chain.CodeSelfDependency, "", "%s depends on itself", t.ID)
			continue
		}
		if !p.together(i, task) {
			p.wait(i, dependencyPath(k), chain.CodeUnknownDependency, task)
			continue
		}
		if at, ok := place[task]; ok {
			t.Dependencies[at].Required = t.Dependencies[at].Required || dep.required
			p.warn(i, dependencyPath(k), chain.CodeDuplicateDependency, "list it once", "%q is listed already", dep.ref)
			continue
		}
		place[task] = len(t.Dependencies)
		t.Dependencies = append(t.Dependencies, chain.Dependency{Task: task, Required: dep.required})
	}
	explicit := len(t.Dependencies)
	for _, r := range p.readers(i) {
		p.elements(i, r)
		p.runFacts(i, r)
		p.inputNames(i, r)
		if len(r.reads.Tasks) == 0 {
			continue
		}
		if place == nil {
			place = make(map[int]int, len(r.reads.Tasks))
		}
		p.addReferences(i, r, place, explicit)
	}
}

func dependencyPath(k int) string { return fmt.Sprintf("dependencies[%d]", k) }

// elements checks that item and index are read only where they exist.
func (p *parser) elements(i int, r reader) {
	if !r.reads.Item && !r.reads.Index || p.tree.Tasks[i].ForEach != nil && r.name != "for_each" {
		return
	}
	where := r.first(func(reads *expr.Reads) bool { return reads.Item || reads.Index })
	if r.name == "for_each" {
		p.problemAt(i, where, chain.CodeNoElement, "read the elements in inputs or when", "item and index can't be used in for_each itself")
		return
	}
	p.problemAt(i, where, chain.CodeNoElement, "give the task a for_each", "item and index exist only in a task with for_each")
}

// addReferences adds the tasks that one part of a task reads to its
// dependencies.
func (p *parser) addReferences(i int, r reader, place map[int]int, explicit int) {
	t := &p.tree.Tasks[i]
	var places map[string]spot // by task; made when needed
	for _, ref := range r.reads.Tasks {
		task, ok := p.tree.Lookup(ref.Task)
		if !ok || task == chain.Ambiguous || task == i {
			if places == nil {
				places = r.places(taskNames)
			}
			where := places[ref.Task]
			if task, ok = p.resolve(i, where, chain.CodeUnknownReference, ref.Task); ok && task == i {
				p.problemAt(i, where, chain.CodeSelfDependency, "", "%s reads its own result", t.ID)
			}
			continue
		}
		if !p.together(i, task) {
			if !p.mayRead(i, task) {
				p.notYet(i, r.places(taskNames)[ref.Task], task)
			}
			continue
		}
		if at, ok := place[task]; ok {
			if at >= explicit {
				t.Dependencies[at].Required = t.Dependencies[at].Required || !ref.StatusOnly
			}
			continue
		}
		place[task] = len(t.Dependencies)
		t.Dependencies = append(t.Dependencies, chain.Dependency{Task: task, Required: !ref.StatusOnly})
	}
}
