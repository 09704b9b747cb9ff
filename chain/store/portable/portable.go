// Package portable exports and imports the runs of a store as lines of JSON. It is not a stable API.
//
// The first line says what the file is. Then each schedule is a line, and each run,
// followed by the lines of its transitions. The last line has their numbers and a hash of
// everything before it, so that a part of a file is recognised. Names are those
// of the fields in chain/store, in small letters. A result or another text of
// bytes is JSON if it is compact JSON, and else base64 under NAME_base64.
package portable

import (
	"errors"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// Version is the version of the format. A program reads the versions up to its
// own. Version 2 has schedules, and what the request of a run forbids.
const Version = 2

// header is the first line.
type header struct {
	Format   string    `json:"format"`
	Version  int       `json:"version"`
	Exported time.Time `json:"exported_at"`
	From     string    `json:"from"`
}

const format = "chainwright runs"

// trailer is the last line.
type trailer struct {
	Runs        int64  `json:"runs"`
	Transitions int64  `json:"transitions"`
	Schedules   int64  `json:"schedules,omitempty"`
	SHA256      string `json:"sha256"`
}

// ErrPart is the error of a file that is not whole.
var ErrPart = errors.New("the file is not whole")

// Error is an error in a line of a file.
type Error struct {
	Line int64
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Written is what was exported.
type Written struct {
	Runs        int64  `json:"runs"`
	Transitions int64  `json:"transitions"`
	Schedules   int64  `json:"schedules"`
	InProgress  int64  `json:"in_progress"`
	Bytes       int64  `json:"bytes"`
	SHA256      string `json:"sha256"`
}

// Read is what was imported.
type Read struct {
	Runs        int64 `json:"runs"`
	Transitions int64 `json:"transitions"`
	// Fates are the numbers of runs by what became of them.
	Added     int64 `json:"added"`
	Continued int64 `json:"continued"`
	Same      int64 `json:"same"`
	Newer     int64 `json:"newer"`
	Differs   int64 `json:"differs"`
	Driven    int64 `json:"driven"`
	// Interrupted are the runs that were in progress when they were exported.
	Interrupted int64 `json:"interrupted"`
	// KeysLeft are the runs written without their idempotency key.
	KeysLeft int64 `json:"keys_left"`
	// Schedules are those of the file. SchedulesAdded were not there, the others
	// stay as they are.
	Schedules      int64 `json:"schedules"`
	SchedulesAdded int64 `json:"schedules_added"`
}

func (r *Read) count(res store.Restored) {
	switch res.Fate {
	case store.Added:
		r.Added++
	case store.Continued:
		r.Continued++
	case store.Same:
		r.Same++
	case store.Newer:
		r.Newer++
	case store.Differs:
		r.Differs++
	case store.Driven:
		r.Driven++
	}
	if res.KeyLeft {
		r.KeysLeft++
	}
}
