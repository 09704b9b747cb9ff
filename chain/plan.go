package chain

import (
	"slices"

	"github.com/chainwright/chainwright/chain/internal/heap"
)

// Plan is the state machine of one run: it decides which tasks may start, what
// follows from the end of a task, and how the run ends. It is pure: it has no
// clock, no goroutine and no randomness, so the same calls return the same
// results.
//
// An engine takes tasks from Ready, reports the start (Start, or Wait for an
// approval) and the end (Done) of each, and carries out the Changes that follow.
// When all tasks have ended and the tree has handlers, it calls Handle with the
// outcome, and continues.
type Plan struct {
	tasks      []Task
	dependents [][]int32 // by task: the tasks that depend on it
	state      []State
	waiting    []int32 // dependencies that have not ended
	taken      []bool  // returned by Ready
	roots      [][]int // by skipped task: its root causes
	ready      heap.Heap
	counts     [len(States)]int
	main       int         // the number of tasks that are no handlers
	left       [stages]int // tasks that have not ended
	stage      int
	outcome    State // how the tasks ended, once Handle was called

	stopOnFailure bool
	stopped       bool // by a failure, with stopOnFailure
	cancelled     bool // by a caller
	failed        bool // a task without allow_failure failed
	changes       []Change
}

// Change is one change of a task's state.
type Change struct {
	Task   int
	From   State
	To     State
	Reason string
	// BlockedBy are the dependencies because of which a task was skipped, and
	// Roots the tasks whose failure, cancellation or condition caused that.
	BlockedBy, Roots []int
}

// maxRoots is the largest number of root causes of a skipped task.
const maxRoots = 20

// NewPlan returns the plan of a new run.
func NewPlan(tree *Tree, onFailure string) *Plan {
	return newPlan(tree, onFailure, nil)
}

// ResumePlan returns the plan of a run whose tasks are in the given states, which
// must be Pending, Waiting or an end. Pending tasks that are blocked already are
// skipped; Changes returns them.
func ResumePlan(tree *Tree, onFailure string, states []State) *Plan {
	return newPlan(tree, onFailure, states)
}

func newPlan(tree *Tree, onFailure string, states []State) *Plan {
	tasks, n := tree.Tasks, len(tree.Tasks)
	p := &Plan{
		tasks:         tasks,
		dependents:    make([][]int32, n),
		state:         make([]State, n),
		waiting:       make([]int32, n),
		taken:         make([]bool, n),
		roots:         make([][]int, n),
		main:          tree.Main(),
		stopOnFailure: onFailure == OnFailureStop,
	}
	p.connect()
	p.ready.Less = func(a, b int32) bool { return before(tasks, int(a), int(b)) }
	for i := range tasks {
		p.state[i] = Pending
		p.waiting[i] = int32(len(tasks[i].Dependencies))
		p.left[p.stageOf(i)]++
	}
	p.counts[Pending.Index()] = p.main
	for i, s := range states {
		switch s {
		case Pending:
		case Waiting:
			p.await(i)
		default:
			p.settle(i, s)
		}
	}
	p.enter(mainStage)
	return p
}

// connect fills in dependents, in two allocations.
func (p *Plan) connect() {
	size := make([]int32, len(p.tasks))
	total := 0
	for i := range p.tasks {
		for _, d := range p.tasks[i].Dependencies {
			size[d.Task]++
			total++
		}
	}
	all := make([]int32, 0, total)
	for i, n := range size {
		start := len(all)
		all = all[:start+int(n)]
		p.dependents[i] = all[start:start:len(all)]
	}
	for i := range p.tasks {
		for _, d := range p.tasks[i].Dependencies {
			p.dependents[d.Task] = append(p.dependents[d.Task], int32(i))
		}
	}
}

// await sets the state of a task whose question was asked in an earlier run.
func (p *Plan) await(task int) {
	p.count(task, Pending, Waiting)
	p.state[task], p.taken[task] = Waiting, true
}

// settle sets the state in which a task ended in an earlier run.
func (p *Plan) settle(task int, s State) {
	p.count(task, Pending, s)
	p.state[task] = s
	p.close(task)
	p.failed = p.failed || p.fatal(task, s)
	for _, d := range p.dependents[task] {
		p.waiting[d]--
	}
}

// Ready returns the next task that may start: the most urgent, then the first in
// the tree. The task stays pending until Start or Done, and is not returned
// again.
func (p *Plan) Ready() (task int, ok bool) {
	for len(p.ready.Items) > 0 {
		next := int(p.ready.Pop())
		if p.state[next] == Pending {
			p.taken[next] = true
			return next, true
		}
	}
	return 0, false
}

// Peek returns the task that Ready would return.
func (p *Plan) Peek() (task int, ok bool) {
	for len(p.ready.Items) > 0 {
		next := int(p.ready.Items[0])
		if p.state[next] == Pending {
			return next, true
		}
		p.ready.Pop()
	}
	return 0, false
}

// Start reports that a task from Ready has started.
func (p *Plan) Start(task int) { p.move(task, InProgress, "") }

// Wait reports that a task from Ready waits for a person's answer.
func (p *Plan) Wait(task int) { p.move(task, Waiting, "") }

// Done reports how a task from Ready has ended: completed, failed or cancelled
// after Start or Wait, skipped before it because its condition was false, or
// skipped after Wait because nobody answered.
func (p *Plan) Done(task int, end State) {
	if p.state[task].Ended() {
		return
	}
	reason := ""
	if end == Skipped {
		reason = ReasonCondition
		if p.state[task] == Waiting {
			reason = ReasonTimeout
		}
	}
	p.move(task, end, reason)
	p.close(task)
	fatal := p.fatal(task, end)
	p.failed = p.failed || fatal
	p.skip(p.release(task, nil))
	if fatal && p.stopOnFailure {
		p.stopped = true
		p.cancelPending()
	}
	p.advance()
}

// fatal reports whether the end of a task fails the run.
func (p *Plan) fatal(task int, end State) bool {
	return end == Failed && !p.tasks[task].AllowFailure && task < p.main
}

// Cancel cancels the run: pending tasks are cancelled, and the engine stops those
// in progress. Handlers are not, unless they run already: then they are cancelled,
// and the outcome stays.
func (p *Plan) Cancel() {
	p.cancelled = p.cancelled || p.stage == mainStage
	p.cancelPending()
	p.advance()
}

// CancelTasks cancels the given tasks that have not started. It returns those
// that are in progress or waiting, for the engine to stop. A task that Ready has
// returned counts as in progress.
func (p *Plan) CancelTasks(tasks []int) (running []int) {
	var cancelled []int
	for _, t := range tasks {
		switch {
		case p.state[t].Ended():
		case p.taken[t]:
			running = append(running, t)
		default:
			p.move(t, Cancelled, "")
			p.close(t)
			cancelled = append(cancelled, t)
		}
	}
	var skip []int32
	for _, t := range cancelled {
		skip = p.release(t, skip)
	}
	p.skip(skip)
	p.advance()
	return running
}

func (p *Plan) cancelPending() {
	from, to := p.present()
	for i := from; i < to; i++ {
		if p.state[i] == Pending && !p.taken[i] {
			p.move(i, Cancelled, "")
			p.close(i)
		}
	}
}

// release tells the dependents of a task that it has ended. It returns skip with
// the dependents added that can't run because of it.
func (p *Plan) release(task int, skip []int32) []int32 {
	for _, d := range p.dependents[task] {
		p.waiting[d]--
		if p.state[d] != Pending || p.taken[d] {
			continue
		}
		if p.state[task] != Completed && p.blocked(int(d)) {
			skip = append(skip, d)
		} else if p.waiting[d] == 0 && p.stageOf(int(d)) == p.stage {
			p.ready.Push(d)
		}
	}
	return skip
}

// skip skips tasks and all that require them, without recursion.
func (p *Plan) skip(queue []int32) {
	for len(queue) > 0 {
		task := int(queue[0])
		queue = queue[1:]
		if p.state[task] != Pending {
			continue
		}
		var by, roots []int
		for _, d := range p.tasks[task].Dependencies {
			if s := p.state[d.Task]; d.Required && s.Ended() && s != Completed {
				by = append(by, d.Task)
				roots = p.addRoots(roots, d.Task)
			}
		}
		p.roots[task] = roots
		p.move(task, Skipped, ReasonDependency)
		last := &p.changes[len(p.changes)-1]
		last.BlockedBy, last.Roots = by, roots
		p.close(task)
		queue = p.release(task, queue)
	}
}

// addRoots adds the root causes of a task that did not complete: the task itself,
// or the causes for which it was skipped.
func (p *Plan) addRoots(roots []int, task int) []int {
	behind := p.roots[task]
	if behind == nil {
		behind = []int{task}
	}
	if roots == nil {
		return behind
	}
	roots = slices.Clip(roots)
	for _, r := range behind {
		if len(roots) < maxRoots && !slices.Contains(roots, r) {
			roots = append(roots, r)
		}
	}
	return roots
}

// blocked reports whether a required dependency has ended without completing.
func (p *Plan) blocked(task int) bool {
	for _, d := range p.tasks[task].Dependencies {
		if s := p.state[d.Task]; d.Required && s.Ended() && s != Completed {
			return true
		}
	}
	return false
}

// move is the only place where a task changes state.
func (p *Plan) move(task int, to State, reason string) {
	from := p.state[task]
	next, err := from.To(to)
	if err != nil {
		panic("chain: " + p.tasks[task].ID + ": " + err.Error())
	}
	p.count(task, from, next)
	p.state[task] = next
	p.changes = append(p.changes, Change{Task: task, From: from, To: next, Reason: reason})
}

// count moves a task from one count to another. Handlers are not counted.
func (p *Plan) count(task int, from, to State) {
	if task < p.main {
		p.counts[from.Index()]--
		p.counts[to.Index()]++
	}
}

// Changes returns the changes since the last call, in order. The slice is valid
// until the next call of any method.
func (p *Plan) Changes() []Change {
	list := p.changes
	p.changes = p.changes[:0]
	return list
}

// State returns the state of a task.
func (p *Plan) State(task int) State { return p.state[task] }

// Stopped reports whether a failure has ended the run early, with on_failure
// stop. The engine then stops the tasks in progress.
func (p *Plan) Stopped() bool { return p.stopped }

// Ended reports whether every task has ended, the handlers included.
func (p *Plan) Ended() bool { return p.left == [stages]int{} }

// Status returns the state of the run as its tasks say. Handlers do not change it.
func (p *Plan) Status() State {
	switch {
	case p.outcome != "":
		return p.outcome
	case !p.TasksEnded():
		return InProgress
	case p.failed:
		return Failed
	case p.cancelled && p.counts[Cancelled.Index()] > 0:
		return Cancelled
	}
	return Completed
}

// Counts returns the numbers of tasks by state, without handlers.
func (p *Plan) Counts() Counts {
	c := Counts{}
	for i, s := range States {
		if p.counts[i] > 0 {
			c[s] = p.counts[i]
		}
	}
	return c
}
