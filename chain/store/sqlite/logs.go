package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/queue"
)

const (
	insertLog = `insert into logs (run, task, pos, element, attempt, log, at, size, text)
		select r.key, ?2, ?3 + coalesce((select l.pos + l.size from logs l where l.run = r.key and l.task = ?2 order by l.pos desc limit 1), 0), ?4, ?5, ?6, ?7, ?8, ?9
		from runs r where r.id = ?1`
	trimLog = `delete from logs where run = (select key from runs where id = ?1) and task = ?2 and log = ?3 and at < ?4 and at + size <= ?4`

	// A part may begin before a place and end after it.
	readLog = `select pos, element, attempt, log, at, text from logs
		where run = ?1 and task = ?2 and pos > ?3 - ?4 and pos + size > ?3 and (?5 = 0 or element = ?5) order by pos`
	endOfLog = `select pos + size from logs where run = ?1 and task = ?2 and (?3 = 0 or element = ?3) order by pos desc limit 1`
)

// AppendLogs queues parts of logs.
func (s *Store) AppendLogs(parts []store.LogPart, trims []store.LogTrim, done func(error)) {
	if _, err := s.open(context.Background()); err != nil {
		done(err)
		return
	}
	apply := func(w *writer) error {
		ctx := context.Background()
		for i := range parts {
			p := &parts[i]
			if _, err := w.conn.ExecContext(ctx, insertLog, p.RunID, p.Task, p.Skipped, p.Element, p.Attempt, p.Log, p.At, len(p.Text), p.Text); err != nil {
				return err
			}
		}
		for _, t := range trims {
			if _, err := w.conn.ExecContext(ctx, trimLog, t.RunID, t.Task, t.Log, t.Before); err != nil {
				return err
			}
		}
		return nil
	}
	if err := s.queue.Add(op{Write: work{apply: apply}, Bytes: queue.LogBytes(parts), Done: done}, true); err != nil {
		done(err)
	}
}

// Log reads the log of a task.
func (s *Store) Log(ctx context.Context, runID string, task, element int, after int64, each func(*store.LogPart) bool) error {
	db, err := s.settled(ctx)
	if err != nil {
		return err
	}
	key, err := keyOf(ctx, db, runID)
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, readLog, key, task, after, store.MaxLogPart, element)
	if err != nil {
		return fmt.Errorf("reading the log of run %s: %w", runID, err)
	}
	defer rows.Close()
	for rows.Next() {
		p := store.LogPart{RunID: runID, Task: task}
		if err := rows.Scan(&p.Pos, &p.Element, &p.Attempt, &p.Log, &p.At, &p.Text); err != nil {
			return fmt.Errorf("reading the log of run %s: %w", runID, err)
		}
		if !each(&p) {
			break
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the log of run %s: %w", runID, err)
	}
	return nil
}

// LogEnd reads the end of the log of a task.
func (s *Store) LogEnd(ctx context.Context, runID string, task, element int) (end int64, err error) {
	db, err := s.settled(ctx)
	if err != nil {
		return 0, err
	}
	key, err := keyOf(ctx, db, runID)
	if err != nil {
		return 0, err
	}
	if err := db.QueryRowContext(ctx, endOfLog, key, task, element).Scan(&end); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("reading the log of run %s: %w", runID, err)
	}
	return end, nil
}
