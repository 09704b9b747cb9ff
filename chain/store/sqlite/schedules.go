package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
)

// Schedules reads all schedules.
func (s *Store) Schedules(ctx context.Context) ([]store.Schedule, error) {
	return s.readSchedules(ctx, "select tree, version, record from schedules order by tree")
}

// Schedule reads the schedule of a tree.
func (s *Store) Schedule(ctx context.Context, tree string) (*store.Schedule, error) {
	list, err := s.readSchedules(ctx, "select tree, version, record from schedules where tree = ?", tree)
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, store.ErrNotFound
	}
	return &list[0], nil
}

func (s *Store) readSchedules(ctx context.Context, query string, args ...any) ([]store.Schedule, error) {
	db, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading schedules: %w", err)
	}
	defer rows.Close()
	var list []store.Schedule
	for rows.Next() {
		var tree string
		var version int64
		var record []byte
		if err := rows.Scan(&tree, &version, &record); err != nil {
			return nil, fmt.Errorf("reading schedules: %w", err)
		}
		row, err := column.ReadSchedule(tree, version, record)
		if err != nil {
			return nil, fmt.Errorf("reading the schedule of %s: %w", tree, err)
		}
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading schedules: %w", err)
	}
	return list, nil
}

// PutSchedule writes a schedule.
func (s *Store) PutSchedule(ctx context.Context, schedule *store.Schedule) error {
	record, err := column.Schedule(schedule)
	if err != nil {
		return fmt.Errorf("writing the schedule of %s: %w", schedule.Tree, err)
	}
	tree, version := schedule.Tree, schedule.Version
	err = s.submit(ctx, len(record), func(w *writer) error {
		result, err := w.conn.ExecContext(context.Background(), `insert into schedules (tree, version, record) select ?1, 1, ?3 where ?2 = 0
			and not exists (select 1 from schedules where tree = ?1)`, tree, version, record)
		if err == nil && version > 0 {
			result, err = w.conn.ExecContext(context.Background(), "update schedules set version = version + 1, record = ?3 where tree = ?1 and version = ?2", tree, version, record)
		}
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return store.ErrChanged
	})
	if err == nil {
		schedule.Version++
	}
	return err
}

// BeatScheduler stores that a process fires schedules.
func (s *Store) BeatScheduler(ctx context.Context, process string, stops bool) error {
	return s.submit(ctx, 0, func(w *writer) error {
		now := time.Now()
		if _, err := w.conn.ExecContext(context.Background(), "delete from schedulers where id = ? or beat_at < ?",
			process, now.Add(-time.Hour).UnixNano()); err != nil || stops {
			return err
		}
		_, err := w.conn.ExecContext(context.Background(), "insert into schedulers values (?, ?)", process, now.UnixNano())
		return err
	})
}

// SchedulerSeen reads when a process that fires was last seen.
func (s *Store) SchedulerSeen(ctx context.Context) (time.Time, error) {
	db, err := s.settled(ctx)
	if err != nil {
		return time.Time{}, err
	}
	var last sql.NullInt64
	if err := db.QueryRowContext(ctx, "select max(beat_at) from schedulers").Scan(&last); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("reading who fires schedules: %w", err)
	}
	return column.Moment(last.Int64), nil
}
