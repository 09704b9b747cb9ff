package chain

import "fmt"

// State is where a task is in its life. The same words say how a run is.
type State string

// The states. Pending and InProgress are open, the others are ends.
const (
	Pending    State = "pending"
	InProgress State = "in_progress"
	Completed  State = "completed"
	Failed     State = "failed"
	Cancelled  State = "cancelled"
	Skipped    State = "skipped"
)

// Reasons for which a task is skipped.
const (
	ReasonCondition  = "condition"
	ReasonDependency = "dependency"
)

// Ended says whether nothing more happens to the task, short of a retry.
func (s State) Ended() bool {
	switch s {
	case Completed, Failed, Cancelled, Skipped:
		return true
	}
	return false
}

// To moves to the next state, or refuses: a task goes from pending to in
// progress to an end, may be skipped or cancelled before it starts, and comes
// back to pending from an end, which is a retry.
func (s State) To(next State) (State, error) {
	ok := false
	switch next {
	case InProgress, Skipped:
		ok = s == Pending
	case Completed, Failed:
		ok = s == InProgress
	case Cancelled:
		ok = s == Pending || s == InProgress
	case Pending:
		ok = s.Ended()
	}
	if !ok {
		return s, fmt.Errorf("a task can't go from %s to %s", s, next)
	}
	return next, nil
}
