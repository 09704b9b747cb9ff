package engine

import (
	"sync/atomic"

	"github.com/chainwright/chainwright/chain"
)

// progress is what readers in this process see of a live run. The scheduler
// writes it, others read it at any time.
type progress struct {
	states  []atomic.Uint32 // of the tasks, as recorded
	counts  [len(chain.States)]atomic.Int64
	message atomic.Pointer[string] // the last that a task reported
}

func newProgress(tasks int, states []chain.State) *progress {
	p := &progress{states: make([]atomic.Uint32, tasks)}
	p.counts[chain.Pending.Index()].Store(int64(tasks))
	for i, s := range states {
		p.set(i, s)
	}
	return p
}

// set sets the state of a task.
func (p *progress) set(task int, to chain.State) {
	index := to.Index()
	if from := p.states[task].Swap(uint32(index)); from != uint32(index) {
		p.counts[from].Add(-1)
		p.counts[index].Add(1)
	}
}

// state returns the recorded state of a task.
func (p *progress) state(task int) chain.State { return chain.States[p.states[task].Load()] }

// ended reports whether the end of a task is recorded. The plan is told later,
// when it is stored.
func (p *progress) ended(task int) bool { return p.state(task).Ended() }

// read returns the counts, the names of up to three tasks in progress, and the
// last message of a task.
func (p *progress) read(tree *chain.Tree) (c chain.Counts, names []string, message string) {
	c = chain.Counts{}
	for i, s := range chain.States {
		if n := p.counts[i].Load(); n > 0 {
			c[s] = int(n)
		}
	}
	for i := 0; i < len(p.states) && len(names) < 3 && c[chain.InProgress] > 0; i++ {
		if p.state(i) == chain.InProgress {
			names = append(names, tree.Tasks[i].Name)
		}
	}
	if last := p.message.Load(); last != nil {
		message = *last
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
