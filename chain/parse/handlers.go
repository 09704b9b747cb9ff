package parse

import (
	"fmt"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/chain/internal/typing"
)

// list is one of the lists of tasks in a tree: tasks, or handlers.
type list struct {
	name  string // the field
	first int    // the index of its first task
	tasks []any
}

// end returns the index after the last task.
func (l *list) end() int { return l.first + len(l.tasks) }

// id returns the id of a task that has none.
func (l *list) id(i int) string {
	if l.name == "tasks" {
		return fmt.Sprintf("task_%d", i+1)
	}
	return fmt.Sprintf("%s_%d", l.name, i-l.first+1)
}

// handlers reads the lists of handlers of a tree.
func (p *parser) handlers(v map[string]any) {
	for _, name := range chain.HandlerLists {
		field := v[name]
		if field == nil {
			continue
		}
		tasks, ok := field.([]any)
		switch {
		case ok:
			p.lists = append(p.lists, list{name: name, tasks: tasks})
		case name == chain.OnFailure && (field == chain.OnFailureStop || field == chain.OnFailureContinue):
			p.problem(-1, name, chain.CodeWrongType,
				fmt.Sprintf("what other tasks do when one fails is said when the run starts: on_failure: %s as an argument, --on-failure %s on the command line", field, field),
				"must be an array of tasks that run when the run has failed; got %q", field)
		default:
			p.problem(-1, name, chain.CodeWrongType, `tasks that run after all others: [{"executor": "rest", "inputs": {…}}]`, "must be an array; got %s", describeKind(field))
		}
	}
}

// order puts the list of tasks before the handlers, and returns the number of all
// tasks.
func (p *parser) order(tasks []any) (all int) {
	p.lists = append([]list{{name: "tasks", tasks: tasks}}, p.lists...)
	for k := range p.lists {
		p.lists[k].first = all
		all += len(p.lists[k].tasks)
	}
	p.tree.Handlers = all - len(tasks)
	return all
}

// listOf returns the list that a task is in.
func (p *parser) listOf(task int) *list {
	k := 0
	for k+1 < len(p.lists) && task >= p.lists[k].end() {
		k++
	}
	return &p.lists[k]
}

// at returns the path of a field of a task.
func (p *parser) at(task int, field string) string {
	if task < 0 {
		return field
	}
	l := p.listOf(task)
	path := fmt.Sprintf("%s[%d]", l.name, task-l.first)
	if field == "" {
		return path
	}
	if field[0] == '[' {
		return path + field
	}
	return path + "." + field
}

// together reports whether two tasks are in the same list.
func (p *parser) together(a, b int) bool {
	return p.tree.Tasks[a].Handler == p.tree.Tasks[b].Handler
}

// mayRead reports whether a task has always ended, if it runs at all, before a
// handler starts. Both are in different lists; an output has the index -1.
func (p *parser) mayRead(i, task int) bool {
	read := p.tree.Tasks[task].Handler
	if i < 0 {
		return read == ""
	}
	reader := p.tree.Tasks[i].Handler
	return reader != "" && read == "" || reader == chain.OnExit
}

// wait reports a dependency or a parent in another list.
func (p *parser) wait(i int, field, code string, task int) {
	t, other := &p.tree.Tasks[i], &p.tree.Tasks[task]
	switch {
	case t.Handler != "" && other.Handler == "":
		p.problem(i, field, code, "handlers start when all tasks have ended; to run only if it completed: "+fmt.Sprintf(`when: ${{ tasks[%q].status == "completed" }}`, other.ID),
			"%s is not in %s, and a handler waits for all tasks anyway", other.ID, t.Handler)
	default:
		p.problem(i, field, code, "only tasks of the same list can wait for each other", "%s is a handler, in %s", other.ID, other.Handler)
	}
}

// notYet reports a reference to a handler that has not run, or never runs.
func (p *parser) notYet(i int, where spot, task int) {
	other := &p.tree.Tasks[task]
	hint := "handlers run when all tasks have ended; tasks and outputs can't read them"
	if i >= 0 && p.tree.Tasks[i].Handler != "" {
		hint = "only on_exit can read handlers of other lists; all handlers can read tasks, and run.status"
	}
	p.problemAt(i, where, chain.CodeUnknownReference, hint, "%s is a handler, in %s, and has no result here", other.ID, other.Handler)
}

// runFacts checks that the end of the run is read only by handlers.
func (p *parser) runFacts(i int, r reader) {
	if !r.reads.Run || i >= 0 && p.tree.Tasks[i].Handler != "" {
		return
	}
	where := r.first(func(reads *expr.Reads) bool { return reads.Run })
	p.problemAt(i, where, chain.CodeUnknownReference, "read it in on_success, on_failure, on_cancel or on_exit; a task can read the status of another: tasks.ID.status",
		"run can be read only in handlers: it is how the tasks ended")
}

// runType returns the type of run in handlers.
func (t *typer) runType() *typing.Type {
	text := typing.Of(typing.String)
	outputs := map[string]*typing.Type{}
	for _, out := range t.tree.Outputs {
		outputs[out.Name] = typing.Any
	}
	fields := map[string]*typing.Type{
		"id": text, "name": text, "status": text.Named("the status of the run"),
		"error": text.OrNull().Named("the error of the run"), "error_type": text.OrNull(),
		"failed_tasks": typing.ArrayOf(typing.ObjectOf("a failed task", map[string]*typing.Type{
			"id": text, "name": text, "error": text.OrNull(), "error_type": text.OrNull(),
		})),
		"outputs":    typing.ObjectOf("the outputs", outputs),
		"started_at": text, "duration_seconds": typing.Of(typing.Number),
	}
	return typing.ObjectOf("run", fields)
}

// assignIDs sets the id of every task and fills the refs: the ids, and the names
// that are no task's id.
func (p *parser) assignIDs() {
	p.tree.Refs = make(map[string]int, 2*len(p.tree.Tasks))
	for k := range p.lists {
		p.idsOf(&p.lists[k])
	}
	p.addNames()
	p.refHints = min(50, 100_000/len(p.tree.Tasks))
}

// idsOf sets the ids of the tasks of a list.
func (p *parser) idsOf(l *list) {
	tasks, refs, written := p.tree.Tasks, p.tree.Refs, 0
	for i := l.first; i < l.end(); i++ {
		if p.drafts[i].hasID {
			written++
		}
	}
	for i := l.first; i < l.end(); i++ {
		t, d := &tasks[i], &p.drafts[i]
		switch {
		case !d.hasID:
			if written > 0 && !d.notAnObject {
				p.problem(i, "", chain.CodeMissingID, "give every task an id, or none: then they are "+l.id(l.first)+", "+l.id(l.first+1)+", …",
					"the task has no id, while %d of the %d %s have", written, len(l.tasks), l.what())
			}
			t.ID = l.id(i)
			if written > 0 {
				continue // Tree.Lookup finds a task by its position
			}
		case t.ID == "": // reported already
			t.ID = l.id(i)
			continue
		}
		if first, ok := refs[t.ID]; ok {
			p.problem(i, "id", chain.CodeDuplicateID, "ids are unique in a tree", "duplicate id %q: %s has it too", t.ID, p.at(first, ""))
			continue
		}
		refs[t.ID] = i
	}
}

// what says what the tasks of the list are.
func (l *list) what() string {
	if l.name == "tasks" {
		return "tasks"
	}
	return "handlers in " + l.name
}

// addNames adds the names to the refs. A name of a task stands for it, whatever
// handlers are called.
func (p *parser) addNames() {
	main := p.tree.Main()
	p.namesOf(0, main)
	p.namesOf(main, len(p.tree.Tasks))
}

func (p *parser) namesOf(from, to int) {
	refs, names := p.tree.Refs, make(map[string]int, to-from)
	for i := from; i < to; i++ {
		name := p.tree.Tasks[i].Name
		if name == "" {
			continue
		}
		if _, ok := names[name]; ok {
			names[name] = chain.Ambiguous
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
