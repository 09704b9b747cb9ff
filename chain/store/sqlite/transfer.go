package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
	"github.com/chainwright/chainwright/executors/plainjson"
)

var _ store.Durable = (*Store)(nil)

// Backup writes a copy of the file as it is at one moment, while others may write
// to it. The copy is for the user only. It replaces no file.
func (s *Store) Backup(ctx context.Context, path string) (size int64, err error) {
	if _, err := s.settled(ctx); err != nil {
		return 0, err
	}
	from, err := filepath.Abs(s.path)
	if err != nil {
		return 0, fmt.Errorf("copying the store: %w", err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return 0, fmt.Errorf("copying the store: %w", err)
	}
	// SQLite fills an empty file and keeps its permissions.
	file, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("copying the store: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(abs))
		}
	}()
	if err := file.Close(); err != nil {
		return 0, fmt.Errorf("copying the store: %w", err)
	}
	db, err := sql.Open("sqlite", s.dsn(from))
	if err != nil {
		return 0, fmt.Errorf("copying the store: %w", err)
	}
	_, err = db.ExecContext(ctx, "vacuum into ?", abs)
	if err = errors.Join(err, db.Close()); err != nil {
		return 0, fmt.Errorf("copying the store %s to %s: %w", s.path, path, err)
	}
	if err := syncFile(abs); err != nil {
		return 0, fmt.Errorf("copying the store: %w", err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return 0, fmt.Errorf("copying the store: %w", err)
	}
	return info.Size(), nil
}

// syncFile waits until a file is on the disk.
func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// snapshot calls do with a connection that sees the file as it is now.
func (s *Store) snapshot(ctx context.Context, do func(*sql.Conn) error) error {
	db, err := s.settled(ctx)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("reading the store %s: %w", s.path, err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "begin"); err != nil {
		return fmt.Errorf("reading the store %s: %w", s.path, err)
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "rollback") }()
	return do(conn)
}

// pageRuns is how many row keys are read at once.
const pageRuns = 1000

// Snapshot implements store.Durable.
func (s *Store) Snapshot(ctx context.Context, each func(*store.Run, iter.Seq2[*store.Transition, error]) error) error {
	return s.snapshot(ctx, func(conn *sql.Conn) error {
		row, err := conn.PrepareContext(ctx, readRun+" where r.key = ?")
		if err != nil {
			return fmt.Errorf("reading the store %s: %w", s.path, err)
		}
		defer row.Close()
		steps, err := conn.PrepareContext(ctx, `select `+transitionColumns+`, t.result from transitions t where t.run = ? order by t.seq`)
		if err != nil {
			return fmt.Errorf("reading the store %s: %w", s.path, err)
		}
		defer steps.Close()
		for key := int64(-1 << 63); ; {
			keys, err := numbers(conn.QueryContext(ctx, "select key from runs where key > ? order by key limit ?", key, pageRuns))
			if err != nil {
				return fmt.Errorf("reading the store %s: %w", s.path, err)
			}
			if len(keys) == 0 {
				return nil
			}
			for _, key = range keys {
				run, err := wholeRun(row.QueryRowContext(ctx, key))
				if err != nil {
					return fmt.Errorf("reading the store %s: %w", s.path, err)
				}
				if err := each(run, transitionsOf(ctx, steps, key, run.ID)); err != nil {
					return err
				}
			}
		}
	})
}

// numbers reads all rows of one number.
func numbers(rows *sql.Rows, err error) (list []int64, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

func transitionsOf(ctx context.Context, steps *sql.Stmt, key int64, id string) iter.Seq2[*store.Transition, error] {
	return func(yield func(*store.Transition, error) bool) {
		failed := func(err error) { yield(nil, fmt.Errorf("reading the transitions of run %s: %w", id, err)) }
		rows, err := steps.QueryContext(ctx, key)
		if err != nil {
			failed(err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			t := &store.Transition{}
			if err := scanTransition(rows, t); err != nil {
				failed(err)
				return
			}
			if !yield(t, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			failed(err)
		}
	}
}

// Restore implements store.Durable. It has a connection of its own.
func (s *Store) Restore(ctx context.Context, runs []store.Restoring) (fates []store.Restored, err error) {
	if _, err := s.settled(ctx); err != nil {
		return nil, err
	}
	failed := func(err error) ([]store.Restored, error) {
		return nil, fmt.Errorf("writing to the store %s: %w", s.path, err)
	}
	abs, err := filepath.Abs(s.path)
	if err != nil {
		return failed(err)
	}
	db, err := sql.Open("sqlite", s.dsn(abs, "synchronous(full)"))
	if err != nil {
		return failed(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return failed(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "begin immediate"); err != nil {
		return failed(err)
	}
	defer func() {
		if err != nil {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "rollback")
		}
	}()
	stmt, err := conn.PrepareContext(ctx, insertTransition)
	if err != nil {
		return failed(err)
	}
	defer stmt.Close()
	r := &restorer{ctx, conn, stmt}
	for i := range runs {
		fate, err := r.restore(&runs[i])
		if err != nil {
			return failed(fmt.Errorf("run %s: %w", runs[i].Run.ID, err))
		}
		fates = append(fates, fate)
	}
	if _, err := conn.ExecContext(ctx, "commit"); err != nil {
		return failed(err)
	}
	return fates, nil
}

// restorer restores runs in one transaction.
type restorer struct {
	ctx        context.Context
	conn       *sql.Conn
	transition *sql.Stmt
}

func (r *restorer) restore(each *store.Restoring) (done store.Restored, err error) {
	var key int64
	there := &store.Run{}
	var completed int64
	err = r.conn.QueryRowContext(r.ctx, "select key, seq, completed_at from runs where id = ?", each.Run.ID).Scan(&key, &there.Seq, &completed)
	if errors.Is(err, sql.ErrNoRows) {
		return r.add(each)
	}
	if err != nil {
		return done, err
	}
	there.CompletedAt = column.Moment(completed)
	at := &store.Transition{}
	err = scanTransition(r.conn.QueryRowContext(r.ctx, `select `+transitionColumns+`, null from transitions t where t.run = ? order by t.seq desc limit 1`, key), at)
	if errors.Is(err, sql.ErrNoRows) {
		at = nil
	} else if err != nil {
		return done, err
	}
	if done.Fate, err = each.Continues(there, at); err != nil || done.Fate != store.Continued {
		return done, err
	}
	run := each.Run
	attempts, problem, result := outcome(run)
	_, err = r.conn.ExecContext(r.ctx, `update runs set seq = ?, status = ?, counts = ?, problem = ?, completed_at = ?, attempts = ?, result = ?, within = ? where key = ?`,
		run.Seq, run.Status, text(column.Map(run.Counts)), problem, column.Nanos(run.CompletedAt), attempts, result, text(run.Within), key)
	if err != nil {
		return done, err
	}
	return done, r.transitions(key, each, there.Seq)
}

// add adds a run that is not there.
func (r *restorer) add(each *store.Restoring) (done store.Restored, err error) {
	run := *each.Run
	done.Fate = store.Added
	if run.Key != "" {
		var other int
		err := r.conn.QueryRowContext(r.ctx, "select 1 from runs where principal = ? and idem_key = ?", run.Principal, run.Key).Scan(&other)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return done, err
		}
		if err == nil {
			run.Key, done.KeyLeft = "", true
		}
	}
	row, err := r.conn.ExecContext(r.ctx, insertRun+runRow, appendRow(nil, &run)...)
	if err != nil {
		return done, err
	}
	key, err := row.LastInsertId()
	if err != nil {
		return done, err
	}
	if run.Kind == store.KindTree {
		tasks, err := plainjson.Marshal(run.Tasks)
		if err != nil {
			return done, err
		}
		if _, err := r.conn.ExecContext(r.ctx, insertTree, key, blob(run.Tree), blob(run.Inputs), tasks, text(run.Parent)); err != nil {
			return done, err
		}
	}
	return done, r.transitions(key, each, 0)
}

// transitions adds those after a number.
func (r *restorer) transitions(key int64, each *store.Restoring, after int64) error {
	for t, err := range each.Transitions {
		if err != nil {
			return err
		}
		if t.Seq <= after {
			continue
		}
		if _, err := r.transition.ExecContext(r.ctx, transitionRow(key, t)...); err != nil {
			return err
		}
	}
	return nil
}
