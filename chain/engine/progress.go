package engine

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/chain"
)

// progress is what readers in this process see of a live run. The scheduler
// writes it, others read it at any time.
type progress struct {
	states []atomic.Uint32 // of the tasks, as recorded
	main   int             // the number of tasks that are no handlers
	counts [len(chain.States)]atomic.Int64
	// running are the tasks in progress, the handlers included.
	running atomic.Int64
	message atomic.Pointer[note] // the last of a task
	queued  atomic.Bool          // nothing is in flight, and what could start waits for a permit
}

// note is what a task said.
type note struct {
	task int
	text string
}

// say keeps what a task says, for readers of the run.
func (p *progress) say(task int, text string) {
	p.message.Store(&note{task, text})
}

// waitingForSlot is what a call or a run does that waits for a permit.
const waitingForSlot = "waiting for a free slot"

// pausing returns what a call does between two attempts. of is the number of
// attempts that it may make; 0: it is not known.
func pausing(pause time.Duration, attempt, of int) string {
	text := fmt.Sprintf("waiting %s before attempt %d", pause.Round(100*time.Millisecond), attempt)
	if of > 0 {
		text += fmt.Sprintf(" of %d", of)
	}
	return text
}

// trying returns what a call does in an attempt after the first.
func trying(name string, attempt, of int) string {
	return fmt.Sprintf("running %s, attempt %d of %d", name, attempt, of)
}

func newProgress(tasks, main int, states []chain.State) *progress {
	p := &progress{states: make([]atomic.Uint32, tasks), main: main}
	p.counts[chain.Pending.Index()].Store(int64(main))
	for i, s := range states {
		p.set(i, s)
	}
	return p
}

// set sets the state of a task.
func (p *progress) set(task int, to chain.State) {
	index := to.Index()
	from := int(p.states[task].Swap(uint32(index)))
	if from == index {
		return
	}
	if task < p.main {
		p.counts[from].Add(-1)
		p.counts[index].Add(1)
	}
	switch chain.InProgress.Index() {
	case from:
		p.running.Add(-1)
	case index:
		p.running.Add(1)
	}
}

// state returns the recorded state of a task.
func (p *progress) state(task int) chain.State { return chain.States[p.states[task].Load()] }

// ended reports whether the end of a task is recorded. The plan is told later,
// when it is stored.
func (p *progress) ended(task int) bool { return p.state(task).Ended() }

// read returns the counts without handlers, the names of up to three tasks in
// progress, and the last message of a task.
func (p *progress) read(tree *chain.Tree) (c chain.Counts, names []string, message string) {
	c = chain.Counts{}
	for i, s := range chain.States {
		if n := p.counts[i].Load(); n > 0 {
			c[s] = int(n)
		}
	}
	running := p.running.Load()
	for i := 0; i < len(p.states) && len(names) < 3 && running > 0; i++ {
		if p.state(i) == chain.InProgress {
			names = append(names, tree.Tasks[i].Name)
		}
	}
	switch last := p.message.Load(); {
	case running == 0 && p.queued.Load():
		message = waitingForSlot
	case last == nil || p.state(last.task) != chain.InProgress:
	case running > 1:
		message = tree.Tasks[last.task].Name + ": " + last.text
	default:
		message = last.text
	}
	return c, names, message
}

// stored returns the counts as the store keeps them.
func (p *progress) stored() map[string]int {
	c := make(map[string]int, len(chain.States))
	for i, s := range chain.States {
		if n := p.counts[i].Load(); n > 0 {
			c[string(s)] = int(n)
		}
	}
	return c
}
