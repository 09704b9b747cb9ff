package chain

import "slices"

// Plan is the state machine of one run: which tasks may start, what follows
// from the end of one, and how the run ends. It is pure: the same calls give
// the same answers, whatever the clock and whoever drives it.
//
// A driver takes what is Ready, tells the plan when a task starts (Start) and
// ends (Done), and carries out the Changes that come of it.
type Plan struct {
	tasks      []Task
	dependents [][]int32 // by task: who waits for it
	state      []State
	waiting    []int32 // dependencies that have not ended
	taken      []bool  // handed out by Ready
	roots      [][]int // root causes of what was skipped
	ready      heap
	counts     [6]int
	open       int // tasks that have not ended

	stopOnFailure bool
	stopped       bool // by a failure, with stopOnFailure
	cancelled     bool // by a caller
	failed        bool // some failure was not allowed
	changes       []Change
}

// Change is a move that a plan has made.
type Change struct {
	Task   int
	From   State
	To     State
	Reason string
	// BlockedBy are the dependencies, and Roots the tasks behind them, that
	// keep a skipped task from running.
	BlockedBy, Roots []int
}

// maxRoots bounds the root causes that a skipped task carries on.
const maxRoots = 20

// NewPlan makes the plan of a fresh run.
func NewPlan(tree *Tree, onFailure string) *Plan {
	return newPlan(tree.Tasks, onFailure, nil)
}

// ResumePlan makes the plan of a run whose tasks are in the given states:
// pending tasks are still to be done, all others must have ended. What is
// blocked already is skipped at once, see Changes.
func ResumePlan(tree *Tree, onFailure string, states []State) *Plan {
	return newPlan(tree.Tasks, onFailure, states)
}

func newPlan(tasks []Task, onFailure string, states []State) *Plan {
	n := len(tasks)
	p := &Plan{
		tasks:         tasks,
		dependents:    make([][]int32, n),
		state:         make([]State, n),
		waiting:       make([]int32, n),
		taken:         make([]bool, n),
		roots:         make([][]int, n),
		open:          n,
		stopOnFailure: onFailure == OnFailureStop,
	}
	p.connect()
	p.ready.less = func(a, b int32) bool {
		if tasks[a].Priority != tasks[b].Priority {
			return tasks[a].Priority < tasks[b].Priority
		}
		return a < b
	}
	for i := range tasks {
		p.state[i] = Pending
		p.waiting[i] = int32(len(tasks[i].Dependencies))
	}
	p.counts[index(Pending)] = n
	for i, s := range states {
		if s != Pending {
			p.settle(i, s)
		}
	}
	var skip []int32
	for i := range tasks {
		if p.state[i] != Pending {
			continue
		}
		if p.blocked(i) {
			skip = append(skip, int32(i))
		} else if p.waiting[i] == 0 {
			p.ready.push(int32(i))
		}
	}
	p.skip(skip)
	return p
}

// connect turns dependencies around, in two allocations.
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

// settle puts a task into the state that it ended in before.
func (p *Plan) settle(task int, s State) {
	p.counts[index(Pending)]--
	p.counts[index(s)]++
	p.state[task] = s
	p.open--
	if s == Failed && !p.tasks[task].AllowFailure {
		p.failed = true
	}
	for _, d := range p.dependents[task] {
		p.waiting[d]--
	}
}

// Ready hands out the next task that may start: the most urgent, then the
// first in the tree. It is still pending until Start or Done.
func (p *Plan) Ready() (task int, ok bool) {
	for len(p.ready.items) > 0 {
		next := int(p.ready.pop())
		if p.state[next] == Pending {
			p.taken[next] = true
			return next, true
		}
	}
	return 0, false
}

// Peek gives the task that Ready would hand out, without doing so.
func (p *Plan) Peek() (task int, ok bool) {
	for len(p.ready.items) > 0 {
		next := int(p.ready.items[0])
		if p.state[next] == Pending {
			return next, true
		}
		p.ready.pop()
	}
	return 0, false
}

// Start says that a task that was handed out has begun.
func (p *Plan) Start(task int) { p.move(task, InProgress, "") }

// Done says how a task that was handed out has ended: completed, failed or
// cancelled after Start, skipped (its condition was false) before it.
func (p *Plan) Done(task int, end State) {
	if p.state[task].Ended() {
		return
	}
	reason := ""
	if end == Skipped {
		reason = ReasonCondition
	}
	p.move(task, end, reason)
	p.open--
	fatal := end == Failed && !p.tasks[task].AllowFailure
	p.failed = p.failed || fatal
	p.skip(p.release(task, nil))
	if fatal && p.stopOnFailure {
		p.stopped = true
		p.cancelPending()
	}
}

// Cancel cancels the whole run: what is pending is cancelled, and the driver
// sees to what is in progress.
func (p *Plan) Cancel() {
	p.cancelled = true
	p.cancelPending()
}

// CancelTasks cancels those of the given tasks that have not started, and
// returns those that have, and have not ended, for the driver to stop. What
// was handed out but not started counts as started.
func (p *Plan) CancelTasks(tasks []int) (running []int) {
	var cancelled []int
	for _, t := range tasks {
		switch {
		case p.state[t].Ended():
		case p.taken[t]:
			running = append(running, t)
		default:
			p.move(t, Cancelled, "")
			p.open--
			cancelled = append(cancelled, t)
		}
	}
	var skip []int32
	for _, t := range cancelled {
		skip = p.release(t, skip)
	}
	p.skip(skip)
	return running
}

func (p *Plan) cancelPending() {
	for i := range p.tasks {
		if p.state[i] == Pending && !p.taken[i] {
			p.move(i, Cancelled, "")
			p.open--
		}
	}
}

// release counts a task off where it was waited for. It returns skip with
// those added that can't run because of it.
func (p *Plan) release(task int, skip []int32) []int32 {
	for _, d := range p.dependents[task] {
		p.waiting[d]--
		if p.state[d] != Pending || p.taken[d] {
			continue
		}
		if p.state[task] != Completed && p.blocked(int(d)) {
			skip = append(skip, d)
		} else if p.waiting[d] == 0 {
			p.ready.push(d)
		}
	}
	return skip
}

// skip skips tasks, and all that follow from them, without recursion.
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
		p.open--
		queue = p.release(task, queue)
	}
}

// addRoots adds the root causes behind a task that did not complete: itself,
// or what it was skipped for.
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

// blocked says whether a required dependency has ended without completing.
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
	p.counts[index(from)]--
	p.counts[index(next)]++
	p.state[task] = next
	p.changes = append(p.changes, Change{Task: task, From: from, To: next, Reason: reason})
}

// Changes gives the moves since the last call, in order. The slice is good
// until the next call of any method.
func (p *Plan) Changes() []Change {
	list := p.changes
	p.changes = p.changes[:0]
	return list
}

// State is the state of a task.
func (p *Plan) State(task int) State { return p.state[task] }

// Stopped says that a failure has ended the run early: the driver stops what
// is still in progress.
func (p *Plan) Stopped() bool { return p.stopped }

// Ended says that every task has ended.
func (p *Plan) Ended() bool { return p.open == 0 }

// Status is the state of the run.
func (p *Plan) Status() State {
	switch {
	case p.open > 0:
		return InProgress
	case p.failed:
		return Failed
	case p.cancelled && p.counts[index(Cancelled)] > 0:
		return Cancelled
	}
	return Completed
}

// Counts are the numbers of tasks by state.
func (p *Plan) Counts() Counts {
	c := Counts{}
	for i, s := range states {
		if p.counts[i] > 0 {
			c[s] = p.counts[i]
		}
	}
	return c
}

var states = [6]State{Pending, InProgress, Completed, Failed, Cancelled, Skipped}

func index(s State) int {
	switch s {
	case Pending:
		return 0
	case InProgress:
		return 1
	case Completed:
		return 2
	case Failed:
		return 3
	case Cancelled:
		return 4
	}
	return 5
}
