package graph

import (
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/shorten"
)

// Live is a run that is followed. It holds the state of each task after the latest
// event, and tells what has changed after any earlier one. The page, the App and
// all streams of a run read it, so that they say the same. It is not safe for
// concurrent use.
type Live struct {
	tasks  []chain.Outline
	at     map[string]int // the index of a task by its id
	status chain.State
	// outcome is that of the tasks, while the handlers run.
	outcome chain.State
	seq     int64
	states  []TaskState
	changed []int64 // by task: the number of the event that changed it last
	runAt   int64   // the number of the last event of the run
	spans   []span
	counts  chain.Counts
	fans    fans
}

// TaskState is the state of a task in a run that is followed.
type TaskState struct {
	ID        string      `json:"id"`
	Status    chain.State `json:"status"`
	Attempts  int         `json:"attempts"`
	Started   *time.Time  `json:"started_at,omitempty"`
	Completed *time.Time  `json:"completed_at,omitempty"`
	Error     string      `json:"error,omitempty"`
	ErrorType string      `json:"error_type,omitempty"`
	Reason    string      `json:"reason,omitempty"`
	// Elements count the elements of a for_each that has started.
	Elements *chain.ElementCounts `json:"elements,omitempty"`
	// Critical means that the task is on the critical path as it is now, and After
	// is the task before it on that path.
	Critical bool   `json:"critical,omitempty"`
	After    string `json:"critical_after,omitempty"`
}

// Changes are what has changed in a run after an event. Tasks are whole: nothing
// has to be added to what was known before.
type Changes struct {
	// Seq is the number of the latest event that counts.
	Seq   int64       `json:"seq"`
	Tasks []TaskState `json:"tasks,omitempty"`
	// Status and Outcome are those of the run, if an event was about it.
	Status  chain.State `json:"status,omitempty"`
	Outcome chain.State `json:"outcome,omitempty"`
	// Counts are the numbers of tasks by state, without handlers.
	Counts chain.Counts `json:"counts"`
	// More means that more has changed.
	More bool `json:"more,omitempty"`
}

// mostError is the length in bytes of an error.
const mostError = 300

// NewLive returns a run without events. Its tasks are those of its tree.
func NewLive(tasks []chain.Outline) *Live {
	l := &Live{
		tasks: tasks, at: make(map[string]int, len(tasks)), status: chain.Pending, states: make([]TaskState, len(tasks)),
		changed: make([]int64, len(tasks)), spans: make([]span, len(tasks)), counts: chain.Counts{}, fans: fans{},
	}
	for i := range tasks {
		l.at[tasks[i].ID] = i
		l.states[i] = TaskState{ID: tasks[i].ID, Status: chain.Pending}
		l.count(i, 1)
	}
	return l
}

// Status returns the state of the run.
func (l *Live) Status() chain.State { return l.status }

// Seq returns the number of the latest event.
func (l *Live) Seq() int64 { return l.seq }

// Apply applies events, which follow the latest one. Events that it has are left
// out.
func (l *Live) Apply(events []chain.Event) {
	before := l.seq
	for i := range events {
		e := &events[i]
		if e.Seq <= l.seq {
			continue
		}
		l.seq = e.Seq
		if e.Task == "" {
			l.status, l.outcome, l.runAt = e.State, e.Outcome, e.Seq
			continue
		}
		task, ok := l.at[e.Task]
		if !ok {
			continue
		}
		l.changed[task] = e.Seq
		if tally := l.fans.apply(e); tally != nil {
			l.states[task].Elements = tally.Counts()
		}
		if e.Element == nil {
			l.take(task, e)
		}
	}
	if l.seq > before {
		l.path()
	}
}

// take applies an event of a task.
func (l *Live) take(task int, e *chain.Event) {
	st, at := &l.states[task], e.At
	if e.State == chain.Pending {
		*st = TaskState{ID: st.ID, Status: st.Status, Elements: st.Elements, Critical: st.Critical, After: st.After}
	}
	l.count(task, -1)
	st.Status, st.Attempts, st.Reason = e.State, max(st.Attempts, e.Attempt), e.Reason
	l.count(task, 1)
	st.Error, st.ErrorType = shorten.Bytes(e.Error, mostError), string(e.Type)
	switch {
	case e.State.Ended():
		st.Completed = &at
	case e.State != chain.Pending && e.Error == "":
		if st.Started == nil {
			st.Started = &at
		}
		st.Completed = nil
	}
	l.spans[task] = span{st.Started, st.Completed}
}

// count adds a number to the count of the state of a task.
func (l *Live) count(task, n int) {
	if l.tasks[task].Handler != "" {
		return
	}
	state := l.states[task].Status
	if l.counts[state] += n; l.counts[state] == 0 {
		delete(l.counts, state)
	}
}

// path finds the critical path.
func (l *Live) path() {
	critical, before := criticalPath(l.tasks, l.spans)
	for i := range critical {
		if l.states[i].critical(critical[i], l.tasks, before[i]) {
			l.changed[i] = l.seq
		}
	}
}

// Since returns what has changed after an event. If that is more than most tasks, it
// returns those that changed first, and the number of the event up to which that is
// all; 0: there is no limit.
func (l *Live) Since(after int64, most int) *Changes {
	c := &Changes{Seq: max(l.seq, after), Counts: l.Counts()}
	var at []int64
	for _, seq := range l.changed {
		if seq > after {
			at = append(at, seq)
		}
	}
	if most > 0 && len(at) > most {
		slices.Sort(at)
		c.Seq = at[most-1] // with others that the same event has changed
		c.More = c.Seq < l.seq
	}
	c.Tasks = make([]TaskState, 0, len(at))
	for i, seq := range l.changed {
		if seq > after && seq <= c.Seq {
			c.Tasks = append(c.Tasks, l.states[i])
		}
	}
	if l.runAt > after && l.runAt <= c.Seq {
		c.Status, c.Outcome = l.status, l.outcome
	}
	return c
}

// Counts returns the numbers of tasks by state, without handlers.
func (l *Live) Counts() chain.Counts {
	counts := make(chain.Counts, len(l.counts))
	for state, n := range l.counts {
		counts[state] = n
	}
	return counts
}

// States returns the states of all tasks. They may be read until the next Apply.
func (l *Live) States() []TaskState { return l.states }
