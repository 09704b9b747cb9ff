package chain

import (
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// Event is one change of state of a run, or of a task of it, as it was
// stored. The events of a run are numbered from 1 without gaps.
type Event struct {
	Seq     int64               `json:"seq"`
	Task    string              `json:"task,omitempty"` // empty: the run
	State   State               `json:"state"`
	Attempt int                 `json:"attempt,omitempty"`
	At      time.Time           `json:"at"`
	Reason  string              `json:"reason,omitempty"`
	Error   string              `json:"error,omitempty"`
	Type    executors.ErrorType `json:"error_type,omitempty"`
}

// eventOf is a stored transition as readers see it.
func eventOf(row *store.Run, t *store.Transition) Event {
	e := Event{Seq: t.Seq, State: State(t.State), Attempt: t.Attempt, At: t.At.UTC()}
	if t.Skip != nil {
		e.Reason = t.Skip.Reason
	}
	if t.Task >= 0 {
		e.Task = row.Tasks[t.Task].ID
	}
	if t.Problem != nil {
		e.Error, e.Type = t.Problem.Message, executors.ErrorType(t.Problem.Type)
	}
	return e
}
