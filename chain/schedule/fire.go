package schedule

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/cron"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// advance does for one schedule what is due, and returns when to look at it
// again. What is to be started is written first: then every process that reads
// the row starts the same runs, whatever happens to this one.
func (s *Scheduler) advance(ctx context.Context, row *store.Schedule, now time.Time) time.Time {
	later := now.Add(pollEvery)
	log := s.opts.Log.With().Str("schedule", row.Tree).Logger()
	times, err := s.times(row)
	if err != nil {
		log.Error().Err(err).Msg("the times of a schedule can't be read; it is not fired")
		return later
	}
	if row.Last.Sub(now) > backwards {
		row.Note, row.NoteAt = "the clock went back; the schedule goes on from there", row.Last
		row.Last = now
		return s.put(ctx, row, now)
	}
	d := since(times, row, now)
	if d.last.IsZero() && len(row.Queue) == 0 {
		if d.next.IsZero() {
			return later
		}
		return d.next
	}
	going := s.going(ctx, row)
	if d.last.IsZero() && going != "" && row.Overlap != chain.OverlapAllow {
		return waiting(d, now)
	}
	tree, err := s.opts.Book.tree(row.Tree)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.pause(ctx, row, now, goneTree)
	case err == nil && tree.Hash() != row.Digest:
		return s.pause(ctx, row, now, changedTree)
	case err != nil:
		return s.invalid(ctx, row, d, now, err)
	}
	if !d.last.IsZero() {
		decide(row, tree.Schedule, d, going)
		if at := s.put(ctx, row, now); row.Version == 0 {
			return at
		}
	}
	if at := s.start(ctx, row, tree, now, going); !at.IsZero() {
		return at
	}
	return nextOf(times, row, now)
}

// lookEvery is the pause between two looks at a run whose end is waited for.
const lookEvery = time.Second

// waiting returns when to look again at a schedule whose last run goes on.
func waiting(d *due, now time.Time) time.Time {
	if at := now.Add(lookEvery); d.next.IsZero() || at.Before(d.next) {
		return at
	}
	return d.next
}

// refusal reports whether a run that could not be started is refused for good.
// What else fails, such as the store, may work later.
func refusal(err *executors.Error) bool {
	switch err.Type {
	case executors.ValidationError, executors.PermissionDenied, executors.NotFound:
		return !err.Retryable
	}
	return false
}

// nextOf returns when a schedule is due next.
func nextOf(times *cron.Times, row *store.Schedule, now time.Time) time.Time {
	if next := since(times, row, now).next; !next.IsZero() {
		return next
	}
	return now.Add(pollEvery)
}

// put writes a row. If that fails, it sets its version to 0, which no stored row
// has.
func (s *Scheduler) put(ctx context.Context, row *store.Schedule, now time.Time) time.Time {
	err := s.opts.Book.store.PutSchedule(ctx, row)
	switch {
	case err == nil:
		return now.Add(again)
	case errors.Is(err, store.ErrChanged): // another process was first
		row.Version = 0
		return now.Add(again)
	}
	row.Version = 0
	if ctx.Err() == nil {
		s.opts.Log.Error().Err(err).Str("schedule", row.Tree).Msg("a schedule can't be written")
	}
	return now.Add(pollEvery)
}

// pause pauses a schedule.
func (s *Scheduler) pause(ctx context.Context, row *store.Schedule, now time.Time, why string) time.Time {
	row.State, row.Reason, row.Queue, row.CatchUp = store.SchedulePaused, why, nil, 0
	s.opts.Log.Warn().Str("schedule", row.Tree).Msg("the schedule is paused: " + why)
	return s.put(ctx, row, now)
}

// invalid records that the runs that are due are refused, because the tree is
// not valid.
func (s *Scheduler) invalid(ctx context.Context, row *store.Schedule, d *due, now time.Time, err error) time.Time {
	nominal := d.last
	if nominal.IsZero() {
		nominal = row.Queue[len(row.Queue)-1]
	} else {
		row.Last = d.last
	}
	row.Queue, row.CatchUp = nil, 0
	row.Problem, row.ProblemAt = problemOf(err), nominal
	s.opts.Log.Error().Err(err).Str("schedule", row.Tree).Msg("a run was refused: the saved tree is not valid")
	return s.put(ctx, row, now)
}

// going returns the last run if it has not ended.
func (s *Scheduler) going(ctx context.Context, row *store.Schedule) string {
	if row.Run == "" {
		return ""
	}
	run, err := s.opts.Book.store.Run(ctx, row.Run)
	switch {
	case errors.Is(err, store.ErrNotFound): // ended and removed
		return ""
	case err == nil && chain.State(run.Status).Ended():
		return ""
	}
	return row.Run
}

// start starts the runs in the queue. It returns when to look again if it has
// to, else zero.
func (s *Scheduler) start(ctx context.Context, row *store.Schedule, tree *chain.Tree, now time.Time, going string) time.Time {
	for len(row.Queue) > 0 {
		if going != "" && tree.Schedule.Overlap != chain.OverlapAllow {
			return now.Add(lookEvery)
		}
		nominal := row.Queue[0]
		id, err := s.run(ctx, row, tree, nominal)
		if ctx.Err() != nil {
			return now
		}
		if err != nil && !refusal(err) {
			s.opts.Log.Warn().Err(err).Str("schedule", row.Tree).Msg("a run can't be started now; it is tried again")
			return now.Add(pollEvery)
		}
		row.Queue, row.CatchUp = row.Queue[1:], max(0, row.CatchUp-1)
		if err != nil {
			s.opts.Log.Error().Err(err).Str("schedule", row.Tree).Time("for", nominal).Msg("the run of a schedule was refused")
			row.Problem, row.ProblemAt = problemOf(err), nominal
		} else {
			s.opts.Log.Info().Str("schedule", row.Tree).Time("for", nominal).Str("run_id", id).Msg("a schedule has started a run")
			row.Run, row.RunFor, row.Problem, row.ProblemAt = id, nominal, nil, time.Time{}
			going = id
		}
		if at := s.put(ctx, row, now); row.Version == 0 {
			return at
		}
	}
	return time.Time{}
}

// run starts the run of a nominal time, or finds it if it was started before.
func (s *Scheduler) run(ctx context.Context, row *store.Schedule, tree *chain.Tree, nominal time.Time) (string, *executors.Error) {
	if s.opts.Permit != nil {
		if err := s.opts.Permit(row.Principal, tree); err != nil {
			return "", executors.AsError(err)
		}
	}
	run, err := chain.Start(ctx, s.opts.Engine, tree, chain.RunOptions{
		Inputs: tree.Schedule.Inputs, Principal: row.Principal, IdempotencyKey: key(row.Tree, nominal),
		Labels: map[string]string{"schedule": row.Tree, "scheduled_for": nominal.UTC().Format(time.RFC3339)},
	})
	if err != nil {
		return "", executors.AsError(err)
	}
	return run.ID, nil
}

func problemOf(err error) *store.Problem {
	e := executors.AsError(err)
	return &store.Problem{Type: string(e.Type), Message: e.Message, Code: e.Code, Field: e.Field, Hint: e.Hint, Retryable: e.Retryable}
}
