package store

import (
	"context"
	"iter"
	"time"
)

// Durable is a store that outlives its process.
type Durable interface {
	Store
	// About returns what is in the store.
	About(ctx context.Context) (*Content, error)
	// Snapshot calls each for every run, the oldest first, as all of them were at
	// one moment. The transitions are read while they are ranged over, which may
	// be done before each returns. It ends with the first error.
	Snapshot(ctx context.Context, each func(*Run, iter.Seq2[*Transition, error]) error) error
	// Restore writes runs that have ended, in one transaction, and returns what
	// became of each. A run that is there is continued if it has ended and is the
	// beginning of the given one, and is left as it is otherwise.
	Restore(ctx context.Context, runs []Restoring) ([]Restored, error)
}

// Restoring is a run to restore. Its transitions may be ranged over several times.
type Restoring struct {
	Run         *Run
	Transitions iter.Seq2[*Transition, error]
}

// Restored is what became of a run to restore.
type Restored struct {
	Fate Fate
	// KeyLeft means that the run was written without its idempotency key, which
	// another run has.
	KeyLeft bool
}

// Fate is what became of a run to restore.
type Fate string

// The fates.
const (
	Added     Fate = "added"     // it was not there
	Continued Fate = "continued" // its beginning was there
	Same      Fate = "same"      // it was there
	Newer     Fate = "newer"     // it is there, with more
	Differs   Fate = "differs"   // another course of it is there
	Driven    Fate = "driven"    // it is in progress there
)

// Content is what is in a store.
type Content struct {
	Kind   string `json:"kind"`             // sqlite or postgres
	Where  string `json:"where"`            // without a password
	Server string `json:"server,omitempty"` // the version of the server
	// Pooled says whether connections go through a pooler; empty: that can't be
	// told.
	Pooled string `json:"pooled,omitempty"`
	// Latency is how long the database took to answer.
	Latency time.Duration `json:"-"`
	Schema  int           `json:"schema"` // the number of its last migration
	Bytes   int64         `json:"bytes"`
	Runs    int64         `json:"runs"`
	// Statuses are the numbers of runs by status.
	Statuses map[string]int64 `json:"statuses"`
	Oldest   time.Time        `json:"oldest,omitzero"`
	Newest   time.Time        `json:"newest,omitzero"`
	// Owners are the processes that hold runs in progress.
	Owners []Owner `json:"owners"`
	// Unowned are the runs in progress that no process holds.
	Unowned int64 `json:"unowned"`
}

// Owner is a process that holds runs.
type Owner struct {
	ID   string    `json:"id"`
	Host string    `json:"host,omitempty"`
	PID  int       `json:"pid,omitempty"`
	Seen time.Time `json:"seen,omitzero"`
	Runs int64     `json:"runs"`
}

// Continues decides the fate of a run to restore that is there. there is its row,
// and at its last transition.
func (r *Restoring) Continues(there *Run, at *Transition) (Fate, error) {
	switch {
	case there.CompletedAt.IsZero():
		return Driven, nil
	case there.Seq == r.Run.Seq:
		return Same, nil
	case there.Seq > r.Run.Seq:
		return Newer, nil
	case at == nil:
		return Continued, nil
	}
	for t, err := range r.Transitions {
		if err != nil {
			return "", err
		}
		if t.Seq == at.Seq {
			if t.Task == at.Task && t.Element == at.Element && t.State == at.State && t.At.Equal(at.At) {
				return Continued, nil
			}
			break
		}
	}
	return Differs, nil
}

// Include widens the time of the runs.
func (c *Content) Include(oldest, newest time.Time) {
	if c.Oldest.IsZero() || oldest.Before(c.Oldest) {
		c.Oldest = oldest
	}
	if newest.After(c.Newest) {
		c.Newest = newest
	}
}

// Hold adds a process that holds runs, or the runs that none holds.
func (c *Content) Hold(o Owner) {
	if o.ID == "" {
		c.Unowned = o.Runs
		return
	}
	c.Owners = append(c.Owners, o)
}
