package store

import (
	"context"
	"time"
)

// Schedules keeps the schedules that were enabled, one for each saved tree.
type Schedules interface {
	// Schedules returns all schedules, by the names of their trees.
	Schedules(ctx context.Context) ([]Schedule, error)
	// Schedule returns the schedule of a tree, or ErrNotFound.
	Schedule(ctx context.Context, tree string) (*Schedule, error)
	// PutSchedule writes a schedule and increases its Version. It returns
	// ErrChanged, and writes nothing, if the stored one has another Version than
	// the given one; a new schedule has Version 0.
	PutSchedule(ctx context.Context, schedule *Schedule) error
	// BeatScheduler stores that a process fires schedules, or that it stops.
	BeatScheduler(ctx context.Context, process string, stops bool) error
	// SchedulerSeen returns when a process that fires schedules was last seen;
	// zero if there is none.
	SchedulerSeen(ctx context.Context) (time.Time, error)
}

// The states of a schedule.
const (
	ScheduleEnabled  = "enabled"
	SchedulePaused   = "paused"
	ScheduleDisabled = "disabled"
)

// Schedule is the row of a schedule.
type Schedule struct {
	Tree    string `json:"-"`
	Version int64  `json:"-"`
	State   string `json:"state"`
	// Reason is why it is paused.
	Reason string `json:"reason,omitempty"`
	// Principal is whom the runs belong to, and Digest that of the tree, both
	// as they were when it was enabled.
	Principal string    `json:"principal,omitempty"`
	Digest    string    `json:"digest"`
	EnabledAt time.Time `json:"enabled_at"`
	// Cron, Zone, Overlap and Jitter are those of the tree.
	Cron    string        `json:"cron"`
	Zone    string        `json:"zone"`
	Overlap string        `json:"overlap"`
	Jitter  time.Duration `json:"jitter,omitempty"`
	// Last is the latest nominal time that was decided about, whatever was
	// decided. Later times are due in their turn.
	Last time.Time `json:"last"`
	// Queue are the nominal times whose runs are to be started, the oldest
	// first. CatchUp is how many of them are missed times.
	Queue   []time.Time `json:"queue,omitempty"`
	CatchUp int         `json:"catch_up,omitempty"`
	// Run is the last run, and RunFor its nominal time.
	Run    string    `json:"run,omitempty"`
	RunFor time.Time `json:"run_for,omitzero"`
	// Note is what was left out last, and NoteAt its nominal time.
	Note   string    `json:"note,omitempty"`
	NoteAt time.Time `json:"note_at,omitzero"`
	// Problem is why the last run was not started, and ProblemAt its nominal
	// time. A run that starts removes it.
	Problem   *Problem  `json:"problem,omitempty"`
	ProblemAt time.Time `json:"problem_at,omitzero"`
}

// SchedulerGone is after how long without a sign of life a process that fires
// schedules is gone.
const SchedulerGone = 30 * time.Second
