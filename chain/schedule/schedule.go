// Package schedule runs saved trees at the times that their schedules say. It is not a stable API.
//
// A Book reads the schedules and changes their states; a Scheduler starts the
// runs. Any number of schedulers may share a store: what is due is decided by a
// conditional write, and a run is started with an idempotency key of its
// schedule and its nominal time, so that each run is started once.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/cron"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/nearest"
)

// MaxName is the largest number of bytes of the name of a tree with a schedule:
// it is a part of idempotency keys.
const MaxName = 200

// StateInert is the state of a schedule that was never enabled. The other states
// are those of the store.
const StateInert = "inert"

// Book is the schedules of the saved trees.
type Book struct {
	store    store.Store
	registry *executors.Registry
}

// NewBook returns the schedules of a registry's saved trees, with their states
// in a store.
func NewBook(records store.Store, registry *executors.Registry) *Book {
	return &Book{records, registry}
}

// tree reads and checks a saved tree. The error is an fs.ErrNotExist if there is
// none of that name.
func (b *Book) tree(name string) (*chain.Tree, error) {
	saved := b.registry.Trees()
	if saved == nil {
		return nil, fs.ErrNotExist
	}
	text, err := saved.Read(name)
	if err != nil {
		return nil, err
	}
	tree, report := parse.Parse(text, b.registry, parse.Options{})
	if err := report.Err(); err != nil {
		return nil, err
	}
	return tree, nil
}

// names returns the names of the saved trees.
func (b *Book) names() []string {
	if saved := b.registry.Trees(); saved != nil {
		return saved.Names()
	}
	return nil
}

// scheduled returns a saved tree that has a schedule, or an error for people.
func (b *Book) scheduled(name string) (*chain.Tree, *executors.Error) {
	tree, err := b.tree(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, b.unknown(name)
	case err != nil:
		refused := executors.AsError(err)
		refused.Message = fmt.Sprintf("the saved tree %q: %s", name, refused.Message)
		return nil, refused
	case tree.Schedule == nil:
		return nil, executors.Errorf(executors.ValidationError, "the saved tree %q has no schedule", name).WithField("tree").
			WithHint(`write one into its file: schedule: {cron: "0 3 * * *", timezone: Europe/Berlin}`)
	}
	return tree, nil
}

func (b *Book) unknown(name string) *executors.Error {
	names := b.names()
	refused := executors.Errorf(executors.NotFound, "there is no saved tree %q", name).WithField("tree").WithHint(nearest.Hint(name, names))
	if refused.Hint == "" && len(names) > 0 {
		refused.WithHint("saved are: " + fmt.Sprint(names[:min(len(names), 20)]))
	}
	return refused
}

// The changes of a state.
const (
	Enable  = "enable"
	Pause   = "pause"
	Resume  = "resume"
	Disable = "disable"
)

// Change is a change of the state of a schedule.
type Change struct {
	Tree, Action string
	// Principal is whom the runs of a schedule that is enabled belong to.
	Principal string
	// Local means that the person is at the command line of this machine, who may
	// change the schedules of every principal.
	Local bool
}

// changedTree is why a schedule is paused whose tree has changed.
const changedTree = "the tree has changed since the schedule was enabled; look at it, then enable the schedule again"

// Apply changes the state of a schedule. Enabling pins the tree as it is: when
// it changes, the schedule is paused.
func (b *Book) Apply(ctx context.Context, c Change, now time.Time) *executors.Error {
	if len(c.Tree) > MaxName {
		return executors.Errorf(executors.ValidationError, "the name of a tree with a schedule has at most %d bytes; got %d", MaxName, len(c.Tree)).WithField("tree")
	}
	var tree *chain.Tree
	if c.Action != Disable && c.Action != Pause {
		var refused *executors.Error
		if tree, refused = b.scheduled(c.Tree); refused != nil {
			return refused
		}
	}
	for range 10 { // others may write at the same time
		row, err := b.store.Schedule(ctx, c.Tree)
		if errors.Is(err, store.ErrNotFound) {
			row, err = &store.Schedule{Tree: c.Tree}, nil
		}
		if err != nil {
			return storeError(err)
		}
		if refused := b.apply(c, row, tree, now); refused != nil {
			return refused
		}
		switch err := b.store.PutSchedule(ctx, row); {
		case err == nil:
			return nil
		case !errors.Is(err, store.ErrChanged):
			return storeError(err)
		}
	}
	return executors.Errorf(executors.ExecutionError, "the schedule of %q is being changed by others", c.Tree).WithHint("try again")
}

func (b *Book) apply(c Change, row *store.Schedule, tree *chain.Tree, now time.Time) *executors.Error {
	if row.Version > 0 && row.State != store.ScheduleDisabled && !c.Local && row.Principal != c.Principal {
		return executors.Errorf(executors.PermissionDenied, "the schedule of %q belongs to another principal", c.Tree).WithField("tree").
			WithHint("the operator can change it with chainwright schedules")
	}
	if row.Version == 0 && c.Action != Enable {
		if _, refused := b.scheduled(c.Tree); refused != nil {
			return refused
		}
		return executors.Errorf(executors.ValidationError, "the schedule of %q was never enabled, so it does not run", c.Tree).WithField("tree").
			WithHint(enableHint(c.Tree))
	}
	switch c.Action {
	case Enable:
		s := tree.Schedule
		row.State, row.Reason = store.ScheduleEnabled, ""
		if s.Paused {
			row.State, row.Reason = store.SchedulePaused, "its file says paused: true"
		}
		row.Principal, row.Digest, row.EnabledAt = c.Principal, tree.Hash(), now
		row.Cron, row.Zone, row.Overlap, row.Jitter = s.Cron(), s.Zone(), s.Overlap, s.Jitter
		row.Last, row.Queue, row.CatchUp = now, nil, 0
		row.Problem, row.ProblemAt, row.Note, row.NoteAt = nil, time.Time{}, "", time.Time{}
	case Pause:
		if row.State == store.ScheduleDisabled {
			return executors.Errorf(executors.ValidationError, "the schedule of %q is disabled, so it does not run", c.Tree).WithField("tree")
		}
		if row.State == store.ScheduleEnabled {
			row.State, row.Reason = store.SchedulePaused, "a person paused it"
		}
		row.Queue, row.CatchUp = nil, 0
	case Resume:
		switch {
		case row.State == store.ScheduleDisabled:
			return executors.Errorf(executors.ValidationError, "the schedule of %q is disabled", c.Tree).WithField("tree").WithHint(enableHint(c.Tree))
		case tree.Hash() != row.Digest:
			return executors.Errorf(executors.ValidationError, "the schedule of %q can't go on: %s", c.Tree, changedTree).WithField("tree").WithHint(enableHint(c.Tree))
		case row.State == store.SchedulePaused:
			row.State, row.Reason, row.Last = store.ScheduleEnabled, "", now // the times of the pause are not missed
		}
	case Disable:
		row.State, row.Reason, row.Queue, row.CatchUp = store.ScheduleDisabled, "", nil, 0
	default:
		return executors.Errorf(executors.ValidationError, "the action must be %s, %s, %s or %s; got %q", Enable, Pause, Resume, Disable, c.Action).WithField("action")
	}
	return nil
}

func enableHint(tree string) string {
	return "an operator enables it: chainwright schedules enable " + tree
}

func storeError(err error) *executors.Error {
	return executors.Errorf(executors.ExecutionError, "the store: %w", err)
}

// timesOf returns the times of a row.
func timesOf(row *store.Schedule) (*cron.Times, error) {
	times, badCron, badZone := cron.Parse(row.Cron, row.Zone)
	switch {
	case badCron != nil:
		return nil, badCron
	case badZone != nil:
		return nil, badZone
	}
	return times, nil
}

// Plan returns a saved tree with its schedule, for a question about it.
func (b *Book) Plan(name string) (*chain.Tree, *executors.Error) { return b.scheduled(name) }

// rows returns the rows by tree.
func (b *Book) rows(ctx context.Context) (map[string]*store.Schedule, *executors.Error) {
	list, err := b.store.Schedules(ctx)
	if err != nil {
		return nil, storeError(err)
	}
	rows := make(map[string]*store.Schedule, len(list))
	for i := range list {
		rows[list[i].Tree] = &list[i]
	}
	return rows, nil
}

// all returns the names of the saved trees and of the rows, sorted.
func (b *Book) all(rows map[string]*store.Schedule) []string {
	names := slices.Clone(b.names())
	for name, row := range rows {
		if row.State != store.ScheduleDisabled {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
