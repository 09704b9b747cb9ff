package chain

import (
	"encoding/json"
	"time"

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
	Result  json.RawMessage     `json:"-"`
}
