package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// statements are what the writer runs, prepared once.
type statements struct {
	run, tree, transition, touch, finish, beat, byKey, key *sql.Stmt
}

func newStatements(ctx context.Context, conn *sql.Conn) (*statements, error) {
	s := &statements{}
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&s.run, `insert into runs (id, kind, principal, name, user_id, idem_key, digest, owner, status, counts, problem, arguments,
			max_parallel, on_failure, seq, created_at, completed_at, attempts, result) values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`},
		{&s.tree, `insert into trees (run, tree, inputs, tasks) values (?,?,?,?)`},
		{&s.transition, `insert into transitions (run, task, seq, state, attempt, at, started_at, skip, problem, size, result)
			values (?,?,?,?,?,?,?,?,?,?,?)`},
		{&s.touch, `update runs set seq = ?, counts = coalesce(?, counts) where key = ? and owner = ?`},
		{&s.finish, `update runs set seq = ?, counts = coalesce(?, counts), status = ?, problem = ?, completed_at = ? where key = ? and owner = ?`},
		{&s.key, `select key from runs where id = ?`},
		{&s.beat, `insert into owners values (?, ?, ?, ?, ?) on conflict (id) do update set beat_at = excluded.beat_at`},
		{&s.byKey, `select id from runs where principal = ? and idem_key = ?`},
	} {
		stmt, err := conn.PrepareContext(ctx, p.text)
		if err != nil {
			return nil, fmt.Errorf("preparing %q: %w", p.text, err)
		}
		*p.to = stmt
	}
	return s, nil
}

// Create writes a run and waits until it is durable.
func (s *Store) Create(ctx context.Context, run *store.Run) (*store.Run, error) {
	var existing string
	err := s.submit(ctx, sizeOf(run), func(w *writer) error {
		existing = ""
		if run.Key != "" {
			err := w.stmt.byKey.QueryRow(run.Principal, run.Key).Scan(&existing)
			if err == nil || !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		if err := w.beat(run.Owner); err != nil {
			return err
		}
		return w.insert(run)
	})
	if err != nil || existing == "" {
		return nil, err
	}
	return s.Run(ctx, existing)
}

// Record queues a call that has ended, and returns at once.
func (s *Store) Record(run *store.Run) {
	o := op{apply: func(w *writer) error { return w.insert(run) }, bytes: sizeOf(run), done: s.report}
	if err := s.queue.add(o, true); err != nil {
		s.opts.OnError(err)
		return
	}
	s.openBehind()
}

// report passes on the failure of a write that nobody waits for.
func (s *Store) report(err error) {
	if err != nil {
		s.opts.OnError(err)
	}
}

// Append queues a batch.
func (s *Store) Append(batch *store.Batch, done func(error)) {
	if _, err := s.open(context.Background()); err != nil {
		done(err)
		return
	}
	size := 0
	for i := range batch.Transitions {
		size += 200 + len(batch.Transitions[i].Result)
	}
	o := op{apply: func(w *writer) error { return w.append(batch) }, bytes: size, done: done}
	if err := s.queue.add(o, batch.Behind); err != nil {
		done(err)
	}
}

func sizeOf(run *store.Run) int {
	n := 300 + len(run.Tree) + len(run.Inputs) + 100*len(run.Tasks)
	if run.Outcome != nil {
		n += len(run.Outcome.Result)
	}
	return n
}

func (w *writer) insert(run *store.Run) error {
	var attempts, result, arguments any
	problem := encode(run.Problem)
	if o := run.Outcome; o != nil {
		attempts, problem, result = o.Attempt, encode(o.Problem), blob(o.Result)
	}
	if run.Kind == store.KindCall {
		arguments = blob(run.Inputs)
	}
	row, err := w.stmt.run.Exec(run.ID, run.Kind, run.Principal, run.Name, run.UserID, text(run.Key), text(run.Digest), run.Owner,
		run.Status, counts(run.Counts), problem, arguments, run.MaxParallel, run.OnFailure,
		run.Seq, nanos(run.CreatedAt), nanos(run.CompletedAt), attempts, result)
	if err != nil || run.Kind == store.KindCall {
		return err
	}
	tasks, err := json.Marshal(run.Tasks)
	if err != nil {
		return err
	}
	key, err := row.LastInsertId()
	if err != nil {
		return err
	}
	_, err = w.stmt.tree.Exec(key, blob(run.Tree), blob(run.Inputs), tasks)
	return err
}

func (w *writer) append(batch *store.Batch) error {
	seq := int64(0)
	if n := len(batch.Transitions); n > 0 {
		seq = batch.Transitions[n-1].Seq
	}
	run, err := w.key(batch.RunID)
	if err != nil {
		return err
	}
	var result sql.Result
	if batch.Status == "" {
		result, err = w.stmt.touch.Exec(seq, counts(batch.Counts), run, batch.Owner)
	} else {
		delete(w.keys, batch.RunID) // it may be removed, and its key used again
		result, err = w.stmt.finish.Exec(seq, counts(batch.Counts), batch.Status, encode(batch.Problem), nanos(batch.CompletedAt), run, batch.Owner)
	}
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return store.ErrLost
	}
	for i := range batch.Transitions {
		t := &batch.Transitions[i]
		_, err := w.stmt.transition.Exec(run, t.Task, t.Seq, t.State, t.Attempt, nanos(t.At), nanos(t.Started),
			encodeSkip(t.Skip), encode(t.Problem), len(t.Result), blob(t.Result))
		if err != nil {
			return err
		}
	}
	return nil
}

// maxKeys bounds what the writer remembers.
const maxKeys = 10_000

// key is the row key of a run. It never changes and is never given to
// another run while this one is there.
func (w *writer) key(id string) (key int64, err error) {
	key, known := w.keys[id]
	if known {
		return key, nil
	}
	if err := w.stmt.key.QueryRow(id).Scan(&key); errors.Is(err, sql.ErrNoRows) {
		return 0, store.ErrNotFound
	} else if err != nil {
		return 0, err
	}
	if len(w.keys) >= maxKeys {
		clear(w.keys)
	}
	w.keys[id] = key
	return key, nil
}

func (w *writer) beat(owner string) error {
	host, _ := os.Hostname()
	now := time.Now().UnixNano()
	_, err := w.stmt.beat.Exec(owner, os.Getpid(), host, now, now)
	return err
}

// Beat notes that an owner is alive.
func (s *Store) Beat(ctx context.Context, owner string) error {
	return s.submit(ctx, 0, func(w *writer) error { return w.beat(owner) })
}

// Claim hands a run to an owner, if it is free.
func (s *Store) Claim(ctx context.Context, id, owner string, unseenSince time.Time) (*store.Run, error) {
	err := s.submit(ctx, 0, func(w *writer) error {
		if err := w.beat(owner); err != nil {
			return err
		}
		result, err := w.conn.ExecContext(context.Background(), `update runs set owner = ?1, status = 'in_progress', problem = null, completed_at = 0
			where id = ?2 and (status not in ('pending', 'in_progress') or owner = ?1
				or coalesce((select beat_at from owners where owners.id = runs.owner), 0) < ?3)`, owner, id, unseenSince.UnixNano())
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return store.ErrLost
	})
	if errors.Is(err, store.ErrLost) {
		if _, missing := s.Run(ctx, id); missing != nil {
			return nil, missing
		}
	}
	if err != nil {
		return nil, err
	}
	return s.Run(ctx, id)
}

// RequestCancel leaves a wish for a run's owner.
func (s *Store) RequestCancel(ctx context.Context, cancel store.Cancel) error {
	if _, err := s.Run(ctx, cancel.RunID); err != nil {
		return err
	}
	return s.submit(ctx, 0, func(w *writer) error {
		_, err := w.conn.ExecContext(context.Background(), "insert into cancels values (?, ?, ?)", cancel.RunID, cancel.Task, time.Now().UnixNano())
		return err
	})
}
