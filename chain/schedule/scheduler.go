package schedule

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/cron"
	"github.com/chainwright/chainwright/chain/store"
)

const (
	// pollEvery is the longest time between two looks at the store, where another
	// process may have enabled a schedule.
	pollEvery = 5 * time.Second
	// firstLook is when the store is first looked at: a server that can't listen
	// has ended by then.
	firstLook = 500 * time.Millisecond
	// again is the pause after another process has written the same schedule.
	again = 50 * time.Millisecond
)

// Options are the parts of a Scheduler. Book and Engine are required.
type Options struct {
	Book   *Book
	Engine chain.Engine
	// Permit returns an error if a principal may not run a tree now. Nil: policy
	// alone decides, which the engine asks.
	Permit func(principal string, tree *chain.Tree) error
	Log    zerolog.Logger
}

// Scheduler starts the runs of schedules that are due. Engines differ in how
// they run a tree, not in when: the scheduler is the same for all.
type Scheduler struct {
	opts    Options
	process string
	// parsed are the times by expression and zone.
	parsed map[[2]string]*cron.Times
}

// NewScheduler returns a scheduler. It does nothing before Run or Step.
func NewScheduler(opts Options) *Scheduler {
	return &Scheduler{opts: opts, process: uuid.Must(uuid.NewV7()).String(), parsed: map[[2]string]*cron.Times{}}
}

// Run starts the runs that are due, until the context ends.
func (s *Scheduler) Run(ctx context.Context) {
	var beating sync.WaitGroup
	defer beating.Wait()
	beating.Go(func() { s.beat(ctx) })
	timer := time.NewTimer(firstLook)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next := s.Step(ctx, time.Now())
		timer.Reset(max(again, time.Until(next)))
	}
}

// beat stores that this process fires schedules, until the context ends.
func (s *Scheduler) beat(ctx context.Context) {
	ticker := time.NewTicker(store.SchedulerGone / 3)
	defer ticker.Stop()
	for {
		if err := s.opts.Book.store.BeatScheduler(ctx, s.process, false); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn().Err(err).Msg("it can't be recorded that this process fires schedules")
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = s.opts.Book.store.BeatScheduler(last, s.process, true) // it is forgotten anyway
			return
		case <-ticker.C:
		}
	}
}

// Step starts all runs that are due at a time, and returns when to look again.
// Only one call at a time is allowed.
func (s *Scheduler) Step(ctx context.Context, now time.Time) (next time.Time) {
	next = now.Add(pollEvery)
	rows, err := s.opts.Book.store.Schedules(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.opts.Log.Error().Err(err).Msg("the schedules can't be read; none is fired")
		}
		return next
	}
	for i := range rows {
		if ctx.Err() != nil {
			return next
		}
		if rows[i].State != store.ScheduleEnabled {
			continue
		}
		if at := s.advance(ctx, &rows[i], now); at.Before(next) {
			next = at
		}
	}
	return next
}

// times returns the times of a schedule.
func (s *Scheduler) times(row *store.Schedule) (*cron.Times, error) {
	key := [2]string{row.Cron, row.Zone}
	if known := s.parsed[key]; known != nil {
		return known, nil
	}
	times, err := timesOf(row)
	if err == nil {
		if len(s.parsed) > 1000 {
			clear(s.parsed)
		}
		s.parsed[key] = times
	}
	return times, err
}
