package schedule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// Overview is all schedules, and whether a process fires them.
type Overview struct {
	Schedules []Entry `json:"schedules"`
	// Fired means that a process that fires schedules was seen within
	// store.SchedulerGone. Seen is when the last one was seen.
	Fired bool      `json:"fired"`
	Seen  time.Time `json:"last_seen,omitzero"`
}

// Waiting returns the number of schedules that are enabled and that no process
// fires.
func (o *Overview) Waiting() (n int) {
	for i := range o.Schedules {
		if !o.Fired && o.Schedules[i].State == store.ScheduleEnabled {
			n++
		}
	}
	return n
}

// Entry is a schedule as people see it.
type Entry struct {
	Tree      string      `json:"tree"`
	State     string      `json:"state"`
	Why       string      `json:"why,omitempty"`
	Cron      string      `json:"cron,omitempty"`
	Timezone  string      `json:"timezone,omitempty"`
	Misfire   string      `json:"misfire,omitempty"`
	Overlap   string      `json:"overlap,omitempty"`
	Jitter    float64     `json:"jitter_seconds,omitempty"`
	Principal string      `json:"principal,omitempty"`
	Next      []time.Time `json:"next"`
	Last      *Last       `json:"last_run,omitempty"`
	Queue     []time.Time `json:"waiting,omitempty"`
	LeftOut   *LeftOut    `json:"left_out,omitempty"`
	Refused   *Refused    `json:"refused,omitempty"`
}

// Last is the last run of a schedule. The run may be removed already: then its
// state is empty.
type Last struct {
	RunID  string    `json:"run_id"`
	For    time.Time `json:"for"`
	Status string    `json:"status,omitempty"`
}

// LeftOut is the last times at which nothing was started, and why.
type LeftOut struct {
	At   time.Time `json:"at"`
	Note string    `json:"note"`
}

// Refused is the last run that could not be started.
type Refused struct {
	For     time.Time `json:"for"`
	Type    string    `json:"error_type"`
	Message string    `json:"error"`
	Hint    string    `json:"hint,omitempty"`
}

// List returns the saved trees that have a schedule, and the schedules of trees
// that are gone, each with its next times.
func (b *Book) List(ctx context.Context, now time.Time, next int) (*Overview, *executors.Error) {
	rows, refused := b.rows(ctx)
	if refused != nil {
		return nil, refused
	}
	o := &Overview{Schedules: []Entry{}}
	for _, name := range b.all(rows) {
		if entry := b.entry(ctx, name, rows[name], now, next); entry != nil {
			o.Schedules = append(o.Schedules, *entry)
		}
	}
	seen, err := b.store.SchedulerSeen(ctx)
	if err != nil {
		return nil, storeError(err)
	}
	o.Seen, o.Fired = seen, !seen.IsZero() && time.Since(seen) < store.SchedulerGone
	return o, nil
}

// Show returns one schedule with its next times.
func (b *Book) Show(ctx context.Context, name string, now time.Time, next int) (*Entry, *executors.Error) {
	row, err := b.store.Schedule(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if _, refused := b.scheduled(name); refused != nil {
			return nil, refused
		}
	case err != nil:
		return nil, storeError(err)
	}
	if entry := b.entry(ctx, name, row, now, next); entry != nil {
		return entry, nil
	}
	_, refused := b.scheduled(name)
	return nil, refused
}

// entry describes a schedule; nil if the tree has none and never had.
func (b *Book) entry(ctx context.Context, name string, row *store.Schedule, now time.Time, next int) *Entry {
	tree, err := b.tree(name)
	if row == nil && (err != nil || tree.Schedule == nil) {
		return nil // what is wrong with other trees is told elsewhere
	}
	e := &Entry{Tree: name, State: StateInert, Next: []time.Time{}}
	if row != nil {
		b.describeRow(ctx, e, row)
	}
	switch {
	case e.State == StateInert:
		e.Why = enableHint(name)
	case e.State == store.ScheduleDisabled:
		e.Why = enableHint(name)
		if err != nil || tree.Schedule == nil {
			return nil
		}
	case errors.Is(err, fs.ErrNotExist):
		e.State, e.Why = store.SchedulePaused, goneTree
	case err != nil:
		e.Why = "the tree is not valid, so its runs are refused: " + executors.AsError(err).Message
	case tree.Hash() != row.Digest:
		e.State, e.Why = store.SchedulePaused, changedTree
	}
	if err == nil && tree.Schedule != nil {
		b.describeTree(e, tree.Schedule)
	}
	if times, err := timesOf(&store.Schedule{Cron: e.Cron, Zone: e.Timezone}); err == nil {
		e.Next = append(e.Next, times.Following(now, next)...)
	}
	return e
}

func (b *Book) describeTree(e *Entry, s *chain.Schedule) {
	e.Cron, e.Timezone, e.Misfire, e.Overlap, e.Jitter = s.Cron(), s.Zone(), s.Misfire, s.Overlap, s.Jitter.Seconds()
}

func (b *Book) describeRow(ctx context.Context, e *Entry, row *store.Schedule) {
	e.State, e.Why, e.Principal, e.Queue = row.State, row.Reason, row.Principal, row.Queue
	e.Cron, e.Timezone, e.Jitter = row.Cron, row.Zone, row.Jitter.Seconds()
	if row.Run != "" {
		e.Last = &Last{RunID: row.Run, For: row.RunFor}
		if run, err := b.store.Run(ctx, row.Run); err == nil {
			e.Last.Status = run.Status
		}
	}
	if row.Note != "" {
		e.LeftOut = &LeftOut{At: row.NoteAt, Note: row.Note}
	}
	if p := row.Problem; p != nil {
		e.Refused = &Refused{For: row.ProblemAt, Type: p.Type, Message: p.Message, Hint: p.Hint}
	}
}

// goneTree is why a schedule is paused whose tree is gone.
const goneTree = "the saved tree is gone; disable the schedule, or save the tree and enable it again"

// key returns the idempotency key of the run of a nominal time.
func key(tree string, nominal time.Time) string {
	return fmt.Sprintf("schedule %s %s", tree, nominal.UTC().Format("2006-01-02T15:04Z"))
}
