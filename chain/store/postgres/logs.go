package postgres

import (
	"context"
	_ "embed"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/queue"
)

var (
	//go:embed statements/log.sql
	logSQL string
	//go:embed statements/log_trim.sql
	logTrimSQL string
	//go:embed statements/log_read.sql
	logReadSQL string
	//go:embed statements/log_end.sql
	logEndSQL string
)

// logLock keeps other processes from adding to the log of a task until the
// transaction ends: places must not be used twice. A statement sees only what was
// there when it began, so this is one of its own.
const logLock = "select pg_advisory_xact_lock(hashtextextended($1 || '/' || $2::int, 0))"

// AppendLogs queues parts of logs.
func (s *Store) AppendLogs(parts []store.LogPart, trims []store.LogTrim, done func(error)) {
	if _, err := s.open(context.Background()); err != nil {
		done(err)
		return
	}
	write := work{send: func(b *pgx.Batch) {
		for i := range parts {
			p := &parts[i]
			if i == 0 || p.RunID != parts[i-1].RunID || p.Task != parts[i-1].Task {
				b.Queue(logLock, p.RunID, p.Task)
			}
			b.Queue(logSQL, p.RunID, p.Task, p.Skipped, p.Element, p.Attempt, p.Log, p.At, len(p.Text), p.Text)
		}
		for _, t := range trims {
			b.Queue(logTrimSQL, t.RunID, t.Task, t.Log, t.Before)
		}
	}}
	if err := s.queue.Add(op{Write: write, Bytes: queue.LogBytes(parts), Done: done}, true); err != nil {
		done(err)
	}
}

// Log reads the log of a task.
func (s *Store) Log(ctx context.Context, runID string, task, element int, after int64, each func(*store.LogPart) bool) error {
	const most = 256 // parts at once: each may be called again after a failure
	for {
		var list []store.LogPart
		err := s.reading(ctx, "a log", func(ctx context.Context, pool *pgxpool.Pool) error {
			var key int64
			if err := pool.QueryRow(ctx, "select key from chainwright.runs where id = $1", runID).Scan(&key); err != nil {
				return err
			}
			rows, err := pool.Query(ctx, logReadSQL, key, task, after, store.MaxLogPart, element, most)
			if err != nil {
				return err
			}
			list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.LogPart, error) {
				p := store.LogPart{RunID: runID, Task: task}
				err := row.Scan(&p.Pos, &p.Element, &p.Attempt, &p.Log, &p.At, &p.Text)
				return p, err
			})
			return err
		})
		if err != nil {
			return err
		}
		for i := range list {
			if !each(&list[i]) {
				return nil
			}
			after = list[i].Pos + int64(len(list[i].Text))
		}
		if len(list) < most {
			return nil
		}
	}
}

// LogEnd reads the end of the log of a task.
func (s *Store) LogEnd(ctx context.Context, runID string, task, element int) (end int64, err error) {
	err = s.reading(ctx, "a log", func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.QueryRow(ctx, logEndSQL, runID, task, element).Scan(&end)
	})
	return end, err
}
