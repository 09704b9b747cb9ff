package chain

import (
	"time"

	"github.com/chainwright/chainwright/executors"
)

// Event is one stored change of state of a run, of one of its tasks, or of an
// element. The events of a run are numbered from 1 without gaps.
type Event struct {
	Seq     int64     `json:"seq"`
	Task    string    `json:"task,omitempty"`    // empty: the run
	Element *int      `json:"element,omitempty"` // the index of an element of a for_each
	State   State     `json:"state"`
	Attempt int       `json:"attempt,omitempty"`
	At      time.Time `json:"at"`
	Reason  string    `json:"reason,omitempty"`
	Outcome State     `json:"outcome,omitempty"` // of the tasks of the run, when its handlers start
	Of      int       `json:"of,omitempty"`      // the number of elements of a for_each, when it starts
	// Anew means that the task starts over: what was recorded of its elements no
	// longer counts.
	Anew  bool                `json:"anew,omitempty"`
	Error string              `json:"error,omitempty"`
	Type  executors.ErrorType `json:"error_type,omitempty"`
}
