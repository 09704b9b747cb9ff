package graph

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/fan"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// Subject is a tree to draw, or a run of it.
type Subject struct {
	// Name is that of the tree; it may be empty.
	Name  string
	Tasks []chain.Outline
	// Run is the run of the tree whose states are drawn; nil: the tree alone.
	Run *chain.RunView
	// Elements are the states of the elements of the tasks with for_each, by task.
	Elements map[string]Elements
	// Now is the time until which tasks in progress are measured.
	Now time.Time
}

// Elements are the numbers of the elements of a for_each by state.
type Elements map[chain.State]int

// Picture is a layout, and the states of its nodes.
type Picture struct {
	*Layout
	// Name is that of the tree; it may be empty.
	Name string `json:"name,omitempty"`
	// Run is nil for a tree that is not run.
	Run *Run `json:"run,omitempty"`
}

// Run is what is drawn of a run.
type Run struct {
	ID         string       `json:"run_id"`
	Status     chain.State  `json:"status"`
	Outcome    chain.State  `json:"outcome,omitempty"`
	Counts     chain.Counts `json:"counts"`
	CreatedAt  time.Time    `json:"created_at"`
	DurationMS float64      `json:"duration_ms"`
	// States are those of the nodes, in their order.
	States []State `json:"states"`

	critical []bool // by edge
}

// State is what has become of a node.
type State struct {
	ID     string      `json:"id"`
	Status chain.State `json:"status"`
	Reason string      `json:"reason,omitempty"`
	Error  string      `json:"error,omitempty"`
	// Attempts is the largest number of attempts of one of its tasks.
	Attempts    int        `json:"attempts,omitempty"`
	StartedAt   *time.Time `json:"started_at,omitempty"`
	CompletedAt *time.Time `json:"completed_at,omitempty"`
	DurationMS  float64    `json:"duration_ms,omitempty"`
	// Counts are the states of several tasks that are drawn as one.
	Counts chain.Counts `json:"counts,omitempty"`
	// Elements are the states of the elements of a for_each, and ElementsOf is how
	// many there are, if that is known.
	Elements   Elements `json:"elements,omitempty"`
	ElementsOf int      `json:"elements_of,omitempty"`
	// Critical means that the run would have ended earlier if the task had.
	Critical bool `json:"critical,omitempty"`
}

// ElementsOf counts the elements of the tasks with for_each from the events of a
// run.
func ElementsOf(events []chain.Event) map[string]Elements {
	all := fans{}
	for i := range events {
		all.apply(&events[i])
	}
	counts := map[string]Elements{}
	for task, tally := range all {
		if n := tally.ByState(); n != nil {
			counts[task] = n
		}
	}
	return counts
}

// fans count the elements of the tasks with for_each, by task.
type fans map[string]*fan.Tally

// apply applies an event. It returns the tally of its task, if it is about one.
func (f fans) apply(e *chain.Event) *fan.Tally {
	tally := f[e.Task]
	if tally == nil {
		if e.Element == nil && e.Of == 0 {
			return nil
		}
		tally = &fan.Tally{}
		f[e.Task] = tally
	}
	switch {
	case e.Element != nil:
		tally.Set(*e.Element, e.State)
	case e.Of > 0:
		tally.Start(e.Of)
	case e.State == chain.Pending:
		tally.Reopen(e.Anew)
	}
	return tally
}

// Draw returns the picture of the subject.
func (s *Subject) Draw(opts Options) *Picture {
	p := &Picture{Layout: Of(s.Tasks, opts), Name: s.Name}
	if s.Run == nil {
		return p
	}
	tasks := s.Run.All()
	if len(tasks) != len(s.Tasks) {
		return p // of another tree
	}
	p.Run = &Run{
		ID: s.Run.RunID, Status: s.Run.Status, Outcome: s.Run.Outcome, Counts: s.Run.Counts,
		CreatedAt: s.Run.CreatedAt, DurationMS: s.Run.DurationMS, States: make([]State, len(p.Nodes)), critical: make([]bool, len(p.Edges)),
	}
	critical, before := criticalPath(s.Tasks, spansOf(tasks))
	for i := range p.Nodes {
		p.Run.States[i] = s.state(&p.Nodes[i], tasks, critical)
	}
	for i := range p.Edges {
		e := &p.Edges[i]
		for _, task := range p.Nodes[e.to].tasks {
			if critical[task] && before[task] >= 0 && p.NodeOf(before[task]) == int(e.from) {
				p.Run.critical[i] = true
			}
		}
	}
	return p
}

// state returns the state of a node.
func (s *Subject) state(n *Node, tasks []chain.TaskView, critical []bool) State {
	st := State{ID: n.ID}
	counts := chain.Counts{}
	for _, i := range n.tasks {
		t := &tasks[i]
		counts[t.Status]++
		st.Attempts = max(st.Attempts, t.Attempts)
		st.Critical = st.Critical || critical[i]
		if t.StartedAt != nil && (st.StartedAt == nil || t.StartedAt.Before(*st.StartedAt)) {
			st.StartedAt = t.StartedAt
		}
		if t.CompletedAt != nil && (st.CompletedAt == nil || t.CompletedAt.After(*st.CompletedAt)) {
			st.CompletedAt = t.CompletedAt
		}
		if st.Error == "" {
			st.Error = t.Error
		}
	}
	st.Status = together(counts)
	if !st.Status.Ended() {
		st.CompletedAt = nil
	}
	if st.StartedAt != nil {
		end := s.Now
		if st.CompletedAt != nil {
			end = *st.CompletedAt
		}
		st.DurationMS = max(0, float64(end.Sub(*st.StartedAt).Microseconds())/1000)
	}
	if len(n.tasks) > 1 {
		st.Counts = counts
		return st
	}
	t := &tasks[n.tasks[0]]
	st.Reason = t.Reason
	if n.ForEach {
		st.Elements = maps.Clone(s.Elements[t.ID])
		if t.Elements != nil {
			st.ElementsOf = t.Elements.Of
		}
	}
	return st
}

// JSON returns the layout with the states.
func (p *Picture) JSON() json.RawMessage { return plainjson.Must(p) }
