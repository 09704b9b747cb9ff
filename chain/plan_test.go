package chain

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// naive applies the same rules by checking all tasks again at each step.
type naive struct {
	tasks   []Task
	state   []State
	taken   []bool
	stop    bool
	stopped bool
	failed  bool
}

func (n *naive) settle() {
	for again := true; again; {
		again = false
		for i, t := range n.tasks {
			if n.state[i] != Pending || n.taken[i] {
				continue
			}
			for _, d := range t.Dependencies {
				if s := n.state[d.Task]; d.Required && s.Ended() && s != Completed {
					n.state[i], again = Skipped, true
					break
				}
			}
		}
	}
}

func (n *naive) cancelRest() {
	for i := range n.tasks {
		if n.state[i] == Pending && !n.taken[i] {
			n.state[i] = Cancelled
		}
	}
}

func (n *naive) ready() (best int, ok bool) {
	for i, t := range n.tasks {
		if n.state[i] != Pending || n.taken[i] {
			continue
		}
		if slices.ContainsFunc(t.Dependencies, func(d Dependency) bool { return !n.state[d.Task].Ended() }) {
			continue
		}
		if !ok || t.Priority < n.tasks[best].Priority {
			best, ok = i, true
		}
	}
	return best, ok
}

func (n *naive) done(task int, end State) {
	n.state[task] = end
	n.settle()
	if end == Failed && !n.tasks[task].AllowFailure {
		n.failed = true
		if n.stop {
			n.stopped = true
			n.cancelRest()
		}
	}
}

func (n *naive) status(cancelled bool) State {
	switch {
	case slices.ContainsFunc(n.state, func(s State) bool { return !s.Ended() }):
		return InProgress
	case n.failed:
		return Failed
	case cancelled && slices.Contains(n.state, Cancelled):
		return Cancelled
	}
	return Completed
}

// randomTasks returns a graph whose dependencies point to earlier tasks of a
// shuffled order, so that it has no cycles.
func randomTasks(r *rand.Rand) []Task {
	tasks := make([]Task, 1+r.IntN(14))
	order := r.Perm(len(tasks))
	for at, i := range order {
		tasks[i] = Task{ID: string(rune('a' + i)), Priority: r.IntN(4), AllowFailure: r.IntN(4) == 0, Parent: -1}
		for _, before := range order[:at] {
			if r.IntN(4) == 0 {
				tasks[i].Dependencies = append(tasks[i].Dependencies, Dependency{Task: before, Required: r.IntN(3) > 0})
			}
		}
	}
	return tasks
}

// TestPlanAgainstNaiveModel runs random graphs through the plan and through a
// simple model, and compares them.
func TestPlanAgainstNaiveModel(t *testing.T) {
	t.Parallel()
	want := 1_000_000
	if testing.Short() {
		want = 50_000
	}
	for seed, steps := uint64(1), 0; steps < want; seed++ {
		steps += drive(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func drive(t *testing.T, seed uint64) (steps int) {
	r := rand.New(rand.NewPCG(seed, 1))
	tasks := randomTasks(r)
	onFailure := OnFailureContinue
	if r.IntN(3) == 0 {
		onFailure = OnFailureStop
	}
	p := newPlan(&Tree{Tasks: tasks}, onFailure, nil)
	model := &naive{tasks: tasks, state: make([]State, len(tasks)), taken: make([]bool, len(tasks)), stop: onFailure == OnFailureStop}
	for i := range model.state {
		model.state[i] = Pending
	}
	var flying []int
	cancelled := false
	end := func(task int, s State) {
		p.Done(task, s)
		model.done(task, s)
	}
	for !p.Ended() {
		if steps++; steps > 20*len(tasks)+20 {
			t.Errorf("the run does not end: %v", p.state)
			return steps
		}
		if r.IntN(60) == 0 && !cancelled {
			cancelled = true
			p.Cancel()
			model.cancelRest()
		}
		if r.IntN(40) == 0 {
			task := r.IntN(len(tasks))
			running := p.CancelTasks([]int{task})
			if model.state[task] == Pending && !model.taken[task] {
				model.state[task] = Cancelled
				model.settle()
			}
			for _, i := range running {
				if !slices.Contains(flying, i) {
					t.Errorf("%d is said to run", i)
				}
			}
		}
		if len(flying) < 4 && r.IntN(2) == 0 {
			peeked, any := p.Peek()
			task, ok := p.Ready()
			expected, exists := model.ready()
			if ok != exists || ok && task != expected || any != ok || any && peeked != task {
				t.Errorf("ready: %d %v, peeked %d %v, expected %d %v", task, ok, peeked, any, expected, exists)
				return steps
			}
			if ok {
				model.taken[task] = true
				switch r.IntN(8) {
				case 0:
					end(task, Skipped)
				case 1:
					p.Wait(task)
					model.state[task] = Waiting
					flying = append(flying, task)
				default:
					p.Start(task)
					model.state[task] = InProgress
					flying = append(flying, task)
				}
			}
		} else if len(flying) > 0 {
			at := r.IntN(len(flying))
			task := flying[at]
			flying = slices.Delete(flying, at, at+1)
			ends := []State{Completed, Completed, Completed, Failed, Cancelled, Skipped}
			if model.state[task] != Waiting {
				ends = ends[:5]
			}
			end(task, ends[r.IntN(len(ends))])
		}
		if !slices.Equal(p.state, model.state) || p.Status() != model.status(cancelled) || p.Stopped() != model.stopped {
			t.Errorf("plan %v %s, model %v %s", p.state, p.Status(), model.state, model.status(cancelled))
			return steps
		}
	}
	checkChanges(t, p, tasks)
	return steps
}

// checkChanges checks that the recorded transitions lead to the states, and
// that a task that was skipped for a dependency names the causes.
func checkChanges(t *testing.T, p *Plan, tasks []Task) {
	state := make([]State, len(tasks))
	for i := range state {
		state[i] = Pending
	}
	for _, c := range p.Changes() {
		if state[c.Task] != c.From {
			t.Errorf("a move from %s, but the task is %s", c.From, state[c.Task])
		}
		state[c.Task] = c.To
		if c.Reason == ReasonDependency {
			if len(c.BlockedBy) == 0 || len(c.Roots) == 0 {
				t.Errorf("%s is skipped for no reason", tasks[c.Task].ID)
			}
			for _, root := range c.Roots {
				if s := p.State(root); s == Completed || !s.Ended() {
					t.Errorf("a root cause is %s", s)
				}
			}
		}
	}
	if !slices.Equal(state, p.state) {
		t.Errorf("the moves lead to %v, the states are %v", state, p.state)
	}
	total := 0
	for _, n := range p.Counts() {
		total += n
	}
	if total != len(tasks) {
		t.Errorf("%d tasks are counted of %d", total, len(tasks))
	}
}

func TestStateMoves(t *testing.T) {
	t.Parallel()
	legal := map[[2]State]bool{
		{Pending, InProgress}: true, {Pending, Waiting}: true, {Pending, Cancelled}: true, {Pending, Skipped}: true,
		{Waiting, Completed}: true, {Waiting, Failed}: true, {Waiting, Cancelled}: true, {Waiting, Skipped}: true, {Waiting, Pending}: true,
		{InProgress, Completed}: true, {InProgress, Failed}: true, {InProgress, Cancelled}: true, {InProgress, Pending}: true,
		{Completed, Pending}: true, {Failed, Pending}: true, {Cancelled, Pending}: true, {Skipped, Pending}: true,
	}
	for _, from := range States {
		for _, to := range append(States[:], "nonsense") {
			got, err := from.To(to)
			if legal[[2]State{from, to}] {
				if err != nil || got != to {
					t.Errorf("%s to %s: %v", from, to, err)
				}
			} else if err == nil || got != from {
				t.Errorf("%s to %s is let through", from, to)
			}
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	tasks := make([]Task, 10_001)
	for i := 1; i < 10_001; i++ {
		tasks[i].Dependencies = []Dependency{{Task: 0, Required: true}}
	}
	for b.Loop() {
		p := newPlan(&Tree{Tasks: tasks}, "", nil)
		for !p.Ended() {
			task, _ := p.Ready()
			p.Start(task)
			p.Done(task, Completed)
			p.Changes()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_001, "ns/task")
}
