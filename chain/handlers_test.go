package chain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomHandlers returns a tree with handlers, whose dependencies are within the
// lists.
func randomHandlers(r *rand.Rand) *Tree {
	tree := &Tree{Tasks: randomTasks(r)}
	for _, list := range HandlerLists {
		if r.IntN(3) == 0 {
			continue
		}
		first := len(tree.Tasks)
		for _, task := range randomTasks(r)[:1] {
			tree.Tasks = append(tree.Tasks, Task{ID: fmt.Sprint(list, task.ID), Handler: list, Parent: -1})
		}
		for n := r.IntN(4); n > 0; n-- {
			task := Task{ID: fmt.Sprint(list, n), Handler: list, Parent: -1, Priority: r.IntN(4)}
			if r.IntN(2) == 0 {
				task.Dependencies = []Dependency{{Task: first + r.IntN(len(tree.Tasks)-first), Required: r.IntN(3) > 0}}
			}
			tree.Tasks = append(tree.Tasks, task)
		}
		tree.Handlers += len(tree.Tasks) - first
	}
	return tree
}

// TestPlanOfHandlers drives random trees: handlers start when all tasks have
// ended, those of the outcome only, and on_exit last; all of them end, and none
// changes the outcome.
func TestPlanOfHandlers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20_000) {
		driveHandlers(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func driveHandlers(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	tree := randomHandlers(r)
	p := NewPlan(tree, []string{OnFailureContinue, OnFailureStop}[r.IntN(2)])
	var flying []int
	outcome := State("")
	for steps := 0; !p.Ended(); steps++ {
		if steps > 500 {
			t.Errorf("the run does not end: %v", p.state)
			return
		}
		if r.IntN(50) == 0 {
			p.Cancel()
		}
		if r.IntN(40) == 0 {
			p.CancelTasks([]int{r.IntN(len(tree.Tasks))})
		}
		if p.TasksEnded() && outcome == "" {
			if _, ok := p.Peek(); ok {
				t.Error("a handler is ready before the outcome is known")
			}
			outcome = p.Status()
			if r.IntN(10) == 0 {
				outcome = Failed // the outputs
			}
			p.Handle(outcome)
			if r.IntN(5) == 0 { // another process continues
				if p, flying = again(tree, p), nil; !p.Handling() {
					p.Handle(outcome)
				}
			}
			continue
		}
		if task, ok := p.Ready(); ok && len(flying) < 4 {
			checkTurn(t, tree, p, task, outcome)
			p.Start(task)
			flying = append(flying, task)
		} else if ok || len(flying) > 0 {
			if ok { // one more than the engine takes
				checkTurn(t, tree, p, task, outcome)
				p.Done(task, Skipped)
				continue
			}
			task := flying[0]
			flying = flying[1:]
			p.Done(task, []State{Completed, Completed, Failed, Cancelled}[r.IntN(4)])
		}
		if got := p.Status(); outcome != "" && got != outcome {
			t.Errorf("the outcome was %s, and is %s", outcome, got)
			return
		}
	}
	if total := 0; outcome != "" || tree.Handlers == 0 {
		for _, n := range p.Counts() {
			total += n
		}
		if total != tree.Main() {
			t.Errorf("%d tasks are counted of %d", total, tree.Main())
		}
	}
	for i := tree.Main(); i < len(tree.Tasks); i++ {
		if list := tree.Tasks[i].Handler; list != OnExit && list != Handler(outcome) && p.State(i) != Skipped && p.State(i) != Cancelled {
			t.Errorf("%s is %s after the outcome %s", tree.Tasks[i].ID, p.State(i), outcome)
		}
	}
}

// again returns the plan of a process that takes the run over.
func again(tree *Tree, p *Plan) *Plan {
	states := slices.Clone(p.state)
	for i, s := range states {
		if !s.Ended() || tree.Tasks[i].Handler != "" {
			states[i] = Pending
		}
	}
	return ResumePlan(tree, p.onFailure(), states)
}

func (p *Plan) onFailure() string {
	if p.stopOnFailure {
		return OnFailureStop
	}
	return OnFailureContinue
}

// checkTurn checks that a ready task may start.
func checkTurn(t *testing.T, tree *Tree, p *Plan, task int, outcome State) {
	t.Helper()
	list := tree.Tasks[task].Handler
	if list == "" {
		return
	}
	if !p.TasksEnded() || outcome == "" {
		t.Errorf("%s starts before the end", tree.Tasks[task].ID)
	}
	if list != OnExit && list != Handler(outcome) {
		t.Errorf("%s starts after the outcome %s", tree.Tasks[task].ID, outcome)
	}
	for i := tree.Main(); list == OnExit && i < len(tree.Tasks); i++ {
		if tree.Tasks[i].Handler != OnExit && !p.State(i).Ended() {
			t.Errorf("%s starts while %s is %s", tree.Tasks[task].ID, tree.Tasks[i].ID, p.State(i))
		}
	}
}

// Which tasks a retry runs again, with handlers.
func TestResetOfHandlers(t *testing.T) {
	t.Parallel()
	tree := &Tree{Handlers: 4, Tasks: []Task{
		{ID: "a"}, {ID: "b", Dependencies: []Dependency{{Task: 0}}},
		{ID: "yes", Handler: OnSuccess}, {ID: "then", Handler: OnSuccess, Dependencies: []Dependency{{Task: 2}}},
		{ID: "no", Handler: OnFailure}, {ID: "exit", Handler: OnExit},
	}}
	const c, f, x, s, p = Completed, Failed, Cancelled, Skipped, Pending
	for name, test := range map[string]struct {
		states, want []State
		named        []int
		none         bool
	}{
		"a task failed":            {states: []State{c, f, s, s, c, c}, want: []State{c, p, p, p, p, p}},
		"a task is named":          {states: []State{c, c, c, c, s, c}, named: []int{1}, want: []State{c, p, p, p, p, p}},
		"a handler failed":         {states: []State{c, c, f, s, s, c}, want: []State{c, c, p, p, s, c}},
		"a handler was cancelled":  {states: []State{c, c, c, c, s, x}, want: []State{c, c, c, c, s, p}},
		"a handler is named":       {states: []State{c, f, s, s, c, c}, named: []int{4}, want: []State{c, f, s, s, p, c}},
		"both are named":           {states: []State{c, c, c, c, s, c}, named: []int{3, 0}, want: []State{p, p, p, p, p, p}},
		"all completed":            {states: []State{c, c, c, c, s, c}, want: []State{c, c, c, c, s, c}, none: true},
		"the handlers did not run": {states: []State{c, c, p, p, p, p}, want: []State{c, c, p, p, p, p}},
	} {
		states := slices.Clone(test.states)
		if any := tree.Reset(states, test.named); any == test.none || !slices.Equal(states, test.want) {
			t.Errorf("%s: %v, %v", name, any, states)
		}
	}
}
