package chain

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors/nearest"
)

// ambiguous stands in the refs of a tree for a name that several tasks have.
const ambiguous = -1

// name gives every task its id and fills the refs: ids, and names that are no
// task's id.
func (p *parser) name() {
	tasks, written := p.tree.Tasks, 0
	for i := range p.drafts {
		if p.drafts[i].id {
			written++
		}
	}
	refs := make(map[string]int, 2*len(tasks))
	for i := range tasks {
		t, d := &tasks[i], &p.drafts[i]
		switch {
		case !d.id:
			if written > 0 && !d.broken {
				p.problem(i, "", CodeMissingID, "give every task an id, or none: then they are task_1, task_2, …", "the task has no id, while %d of the %d tasks have", written, len(tasks))
			}
			t.ID = "task_" + strconv.Itoa(i+1)
			if written > 0 {
				continue // it is found by its position
			}
		case t.ID == "": // a problem already
			t.ID = "task_" + strconv.Itoa(i+1)
			continue
		}
		if first, ok := refs[t.ID]; ok {
			p.problem(i, "id", CodeDuplicateID, "ids are unique in a tree", "tasks[%d] has the id %q already", first, t.ID)
			continue
		}
		refs[t.ID] = i
	}
	p.tree.refs = refs
	p.alias()
	p.refHints = min(50, 100_000/len(tasks))
}

// alias adds the names.
func (p *parser) alias() {
	refs, names := p.tree.refs, make(map[string]int, len(p.tree.Tasks))
	for i := range p.tree.Tasks {
		name := p.tree.Tasks[i].Name
		if name == "" {
			continue
		}
		if _, ok := names[name]; ok {
			names[name] = ambiguous
		} else {
			names[name] = i
		}
	}
	for name, i := range names {
		if _, ok := refs[name]; !ok {
			refs[name] = i
		}
	}
}

// resolve finds the task that a ref means. What is wrong with it is a problem
// with the given code.
func (p *parser) resolve(i int, path, code, ref string) (task int, ok bool) {
	task, ok = p.tree.lookup(ref)
	switch {
	case !ok:
		p.problem(i, path, code, p.refHint(ref), "there is no task %q", ref)
	case task == ambiguous:
		p.problem(i, path, CodeAmbiguousName, "give the tasks ids, and use the id", "%q is the name of several tasks", ref)
		ok = false
	}
	return task, ok
}

// refHint finds what was meant, for the first few refs only: each one is
// compared with every task.
func (p *parser) refHint(ref string) string {
	if p.refHints--; p.refHints >= 0 {
		if p.refNames == nil {
			p.refNames = slices.Sorted(maps.Keys(p.tree.refs))
		}
		if hint := nearest.Hint(ref, p.refNames); hint != "" {
			return hint
		}
	}
	return "a ref is a task's id, else its name where no other task has it, else task_N by position"
}

// connect looks up parents, dependencies and what references read.
func (p *parser) connect() {
	tasks := p.tree.Tasks
	for i := range tasks {
		t, d := &tasks[i], &p.drafts[i]
		if d.under && !d.parentBroken {
			if parent, ok := p.resolve(i, "parent_id", CodeUnknownParent, d.parent); ok {
				t.Parent = parent
				tasks[parent].Children = append(tasks[parent].Children, i)
			}
		}
		p.dependenciesOf(i)
	}
}

// dependenciesOf merges a task's explicit dependencies with what its
// references read. What is explicit decides whether it is required; a
// reference alone is, unless nothing but how the other ended is read.
func (p *parser) dependenciesOf(i int) {
	t, d := &p.tree.Tasks[i], &p.drafts[i]
	var place map[int]int // of a task in t.Dependencies
	if len(d.depends) > 0 {
		place = make(map[int]int, len(d.depends))
		t.Dependencies = make([]Dependency, 0, len(d.depends))
	}
	for k, dep := range d.depends {
		if dep.broken {
			continue
		}
		task, ok := p.tree.lookup(dep.ref)
		if !ok || task == ambiguous {
			p.resolve(i, dependencyPath(k), CodeUnknownDependency, dep.ref)
			continue
		}
		if task == i {
			p.problem(i, dependencyPath(k), CodeSelfDependency, "", "%s depends on itself", t.ID)
			continue
		}
		if at, ok := place[task]; ok {
			t.Dependencies[at].Required = t.Dependencies[at].Required || dep.required
			p.warn(i, dependencyPath(k), CodeDuplicateDependency, "list it once", "%q is listed already", dep.ref)
			continue
		}
		place[task] = len(t.Dependencies)
		t.Dependencies = append(t.Dependencies, Dependency{task, dep.required})
	}
	explicit := len(t.Dependencies)
	for _, r := range p.readers(i) {
		p.elements(i, r)
		p.inputNames(i, r)
		if len(r.reads.Tasks) == 0 {
			continue
		}
		if place == nil {
			place = make(map[int]int, len(r.reads.Tasks))
		}
		p.follow(i, r, place, explicit)
	}
}

func dependencyPath(k int) string { return fmt.Sprintf("dependencies[%d]", k) }

// elements checks that item and index are read only where there are any.
func (p *parser) elements(i int, r reader) {
	if !r.reads.Item && !r.reads.Index || p.tree.Tasks[i].ForEach != nil && r.name != "for_each" {
		return
	}
	path := r.first(func(reads *expr.Reads) bool { return reads.Item || reads.Index })
	if r.name == "for_each" {
		p.problem(i, path, CodeNoElement, "read the elements in inputs or when", "item and index are not there yet where for_each is evaluated")
		return
	}
	p.problem(i, path, CodeNoElement, "give the task a for_each", "item and index are only there in a task with for_each")
}

// follow adds what one part of a task reads to its dependencies.
func (p *parser) follow(i int, r reader, place map[int]int, explicit int) {
	t := &p.tree.Tasks[i]
	var paths map[string]string // of the tasks, made when needed
	for _, ref := range r.reads.Tasks {
		task, ok := p.tree.lookup(ref.Task)
		if !ok || task == ambiguous || task == i {
			if paths == nil {
				paths = r.places(taskNames)
			}
			path := paths[ref.Task]
			if task, ok = p.resolve(i, path, CodeUnknownReference, ref.Task); ok && task == i {
				p.problem(i, path, CodeSelfDependency, "", "%s reads its own result", t.ID)
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
		t.Dependencies = append(t.Dependencies, Dependency{task, !ref.StatusOnly})
	}
}
