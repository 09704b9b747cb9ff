package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
)

// Schedules reads all schedules.
func (s *Store) Schedules(ctx context.Context) ([]store.Schedule, error) {
	return s.readSchedules(ctx, "select tree, version, record from chainwright.schedules order by tree collate \"C\"")
}

// Schedule reads the schedule of a tree.
func (s *Store) Schedule(ctx context.Context, tree string) (*store.Schedule, error) {
	list, err := s.readSchedules(ctx, "select tree, version, record from chainwright.schedules where tree = $1", tree)
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, store.ErrNotFound
	}
	return &list[0], nil
}

func (s *Store) readSchedules(ctx context.Context, query string, args ...any) (list []store.Schedule, err error) {
	err = s.reading(ctx, "the schedules", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (one store.Schedule, err error) {
			var tree string
			var version int64
			var record []byte
			if err := row.Scan(&tree, &version, &record); err != nil {
				return one, err
			}
			if one, err = column.ReadSchedule(tree, version, record); err != nil {
				return one, damaged(fmt.Errorf("the schedule of %s: %w", tree, err))
			}
			return one, nil
		})
		return err
	})
	return list, err
}

// PutSchedule writes a schedule. It is not sent again after an error: the writer
// would not recognise its own write.
func (s *Store) PutSchedule(ctx context.Context, schedule *store.Schedule) error {
	record, err := column.Schedule(schedule)
	if err != nil {
		return fmt.Errorf("writing the schedule of %s: %w", schedule.Tree, err)
	}
	pool, err := s.open(ctx)
	if err != nil {
		return err
	}
	written := "update chainwright.schedules set version = version + 1, record = $3 where tree = $1 and version = $2 returning version"
	if schedule.Version == 0 {
		written = "insert into chainwright.schedules (tree, version, record) values ($1, $2 + 1, $3) on conflict do nothing returning version"
	}
	var version int64
	switch err := pool.QueryRow(ctx, written, schedule.Tree, schedule.Version, record).Scan(&version); {
	case errors.Is(err, pgx.ErrNoRows):
		return store.ErrChanged
	case err != nil:
		return s.failed("writing to", err)
	}
	schedule.Version = version
	return nil
}

// BeatScheduler stores that a process fires schedules.
func (s *Store) BeatScheduler(ctx context.Context, process string, stops bool) error {
	pool, err := s.open(ctx)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue("delete from chainwright.schedulers where beat_at < clock_timestamp() - interval '1 hour' or id = $1 and $2", process, stops)
	if !stops {
		b.Queue("insert into chainwright.schedulers (id) values ($1) on conflict (id) do update set beat_at = clock_timestamp()", process)
	}
	if err := pool.SendBatch(ctx, b).Close(); err != nil {
		return s.failed("writing to", err)
	}
	return nil
}

// SchedulerSeen reads when a process that fires was last seen.
func (s *Store) SchedulerSeen(ctx context.Context) (last time.Time, err error) {
	err = s.reading(ctx, "the schedulers", func(ctx context.Context, pool *pgxpool.Pool) error {
		var unseen *float64
		if err := pool.QueryRow(ctx, "select extract(epoch from clock_timestamp() - max(beat_at))::float8 from chainwright.schedulers").Scan(&unseen); err != nil {
			return err
		}
		if last = (time.Time{}); unseen != nil { // by the database's clock
			last = time.Now().Add(-time.Duration(*unseen * float64(time.Second))).UTC()
		}
		return nil
	})
	return last, err
}
