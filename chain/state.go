package chain

import "fmt"

// State is the state of a task or of a run.
type State string

// The states. All but Pending, InProgress and Waiting are ends. A task is Waiting
// while a person has yet to answer its question.
const (
	Pending    State = "pending"
	InProgress State = "in_progress"
	Waiting    State = "waiting"
	Completed  State = "completed"
	Failed     State = "failed"
	Cancelled  State = "cancelled"
	Skipped    State = "skipped"
)

// Queued is the state of a run that has not begun, because enough others are in
// progress. Its tasks are pending.
const Queued State = "queued"

// Why a task is skipped.
const (
	ReasonCondition  = "condition"
	ReasonDependency = "dependency"
	ReasonTimeout    = "timeout" // nobody answered its question in time
	ReasonOutcome    = "outcome" // it is a handler of another outcome
)

// Ended reports whether the state is an end. Only a retry leaves it.
func (s State) Ended() bool {
	switch s {
	case Completed, Failed, Cancelled, Skipped:
		return true
	}
	return false
}

// To returns the next state, or an error if a task can't go there: it goes from
// pending to in progress or waiting to an end, may be skipped or cancelled before
// it starts, goes from an end back to pending in a retry, and from in progress or
// waiting if its program is stopped and repeating the task is safe.
func (s State) To(next State) (State, error) {
	ok := false
	switch next {
	case InProgress, Waiting:
		ok = s == Pending
	case Skipped:
		ok = s == Pending || s == Waiting
	case Completed, Failed:
		ok = s == InProgress || s == Waiting
	case Cancelled:
		ok = !s.Ended()
	case Pending:
		ok = s != Pending
	}
	if !ok {
		return s, fmt.Errorf("a task can't go from %s to %s", s, next)
	}
	return next, nil
}

// States lists all states, in the order of Index.
var States = [...]State{Pending, InProgress, Completed, Failed, Cancelled, Waiting, Skipped}

// Index returns the state's place in States.
func (s State) Index() int {
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
	case Waiting:
		return 5
	}
	return 6
}
