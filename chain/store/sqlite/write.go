package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
	"github.com/chainwright/chainwright/chain/store/internal/queue"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// statements are the prepared statements of the writer.
type statements struct {
	run, calls, tree, transition, touch, finish, release, beat, byKey, key *sql.Stmt
	all                                                                    []*sql.Stmt
}

// blockRows is the number of calls that one statement inserts when there are as
// many. Most of the time goes into binding values, so what calls have in common
// is bound once, or is a part of the statement.
const blockRows = 32

const (
	insertRun = `insert into runs (id, kind, principal, name, user_id, idem_key, digest, owner, status, counts, problem, arguments,
		max_parallel, on_failure, seq, created_at, completed_at, attempts, result, policy, config, trace, labels, owned_at, within) values `
	runRow = `(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

	insertTree = `insert into trees (run, tree, inputs, tasks, parent) values (?,?,?,?,?)`

	insertTransition = `insert into transitions (run, task, element, seq, state, attempt, at, started_at, next_at, generation, skip, problem, size, result, approval)
		values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

	insertCalls = `insert into runs (owner, policy, config, principal, id, name, status, problem, arguments, created_at, completed_at, attempts, result,
		kind, user_id, max_parallel, on_failure, seq) values `
	callRow = `(?1,?2,?3,?4,?,?,?,?,?,?,?,?,?,'call','',1,'continue',2)`
)

func newStatements(ctx context.Context, conn *sql.Conn) (*statements, error) {
	s := &statements{}
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&s.run, insertRun + runRow},
		{&s.calls, insertCalls + strings.Repeat(callRow+",", blockRows-1) + callRow},
		{&s.tree, insertTree},
		{&s.transition, insertTransition},
		{&s.touch, `update runs set seq = max(seq, ?), counts = coalesce(?, counts) where key = ? and owner = ? and epoch = ?`},
		{&s.finish, `update runs set seq = max(seq, ?), counts = coalesce(?, counts), status = ?, problem = ?, completed_at = ? where key = ? and owner = ? and epoch = ?`},
		{&s.release, `update runs set seq = max(seq, ?), counts = coalesce(?, counts), status = coalesce(?, status), owner = '', wake_at = ? where key = ? and owner = ? and epoch = ?`},
		{&s.key, `select key from runs where id = ?`},
		{&s.beat, beatSQL},
		{&s.byKey, `select id from runs where principal = ? and idem_key = ?`},
	} {
		stmt, err := conn.PrepareContext(ctx, p.text)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("preparing %q: %w", p.text, err), s.close())
		}
		*p.to = stmt
		s.all = append(s.all, stmt)
	}
	return s, nil
}

func (s *statements) close() error {
	var errs []error
	for _, each := range s.all {
		errs = append(errs, each.Close())
	}
	return errors.Join(errs...)
}

// Create writes a run and waits until it is durable.
func (s *Store) Create(ctx context.Context, run *store.Run) (*store.Run, error) {
	var existing string
	err := s.submit(ctx, queue.RunBytes(run), func(w *writer) error {
		existing = ""
		if run.Key != "" {
			err := w.stmt.byKey.QueryRow(run.Principal, run.Key).Scan(&existing)
			if err == nil || !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		if run.Owner != "" {
			if err := w.beat(run.Owner); err != nil {
				return err
			}
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
	o := op{Write: work{call: run}, Bytes: queue.RunBytes(run), Done: s.report}
	if err := s.queue.Add(o, true); err != nil {
		s.opts.OnError(err)
		return
	}
	s.openBehind()
}

// report reports the failure of a write that no caller waits for.
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
	o := op{Write: work{apply: func(w *writer) error { return w.append(batch) }}, Bytes: queue.BatchBytes(batch), Done: done}
	if err := s.queue.Add(o, batch.Behind); err != nil {
		done(err)
	}
}

// insert adds a run whose work has yet to begin.
func (w *writer) insert(run *store.Run) error {
	row, err := w.stmt.run.Exec(appendRow(nil, run)...)
	if err != nil || run.Kind == store.KindCall {
		return err
	}
	tasks, err := plainjson.Marshal(run.Tasks)
	if err != nil {
		return err
	}
	key, err := row.LastInsertId()
	if err != nil {
		return err
	}
	_, err = w.stmt.tree.Exec(key, blob(run.Tree), blob(run.Inputs), tasks, text(run.Parent))
	return err
}

// insertCalls adds the calls at the start of ops, and returns their number.
func (w *writer) insertCalls(ops []op) (n int, err error) {
	for n < len(ops) && ops[n].Write.call != nil && err == nil {
		if len(ops)-n >= blockRows && alike(ops[n:n+blockRows]) {
			first := ops[n].Write.call
			w.values = append(w.values[:0], first.Owner, text(first.Policy), text(first.Config), first.Principal)
			for _, o := range ops[n : n+blockRows] {
				c, out := o.Write.call, o.Write.call.Outcome
				w.values = append(w.values, c.ID, c.Name, c.Status, text(column.Problem(out.Problem)), blob(c.Inputs), column.Nanos(c.CreatedAt), column.Nanos(c.CompletedAt), int64(out.Attempt), blob(out.Result))
			}
			_, err = w.stmt.calls.Exec(w.values...)
			n += blockRows
			continue
		}
		w.values = appendRow(w.values[:0], ops[n].Write.call)
		_, err = w.stmt.run.Exec(w.values...)
		n++
	}
	clear(w.values)
	return n, err
}

// alike reports whether all ops are calls that differ in no other columns than
// those that a callRow has a value for.
func alike(ops []op) bool {
	first := ops[0].Write.call
	for _, o := range ops {
		c := o.Write.call
		if c == nil || c.Outcome == nil || c.Owner != first.Owner || c.Policy != first.Policy || c.Config != first.Config || c.Principal != first.Principal ||
			c.Kind != store.KindCall || c.UserID != "" || c.Key != "" || c.Digest != "" || c.Counts != nil || c.MaxParallel != 1 || c.OnFailure != "continue" ||
			c.Seq != 2 || c.Trace != "" || c.Within != "" || c.Labels != nil {
			return false
		}
	}
	return true
}

// appendRow appends the columns of runRow.
func appendRow(to []any, run *store.Run) []any {
	var arguments any
	attempts, problem, result := outcome(run)
	if run.Kind == store.KindCall {
		arguments = blob(run.Inputs)
	}
	return append(to, run.ID, run.Kind, run.Principal, run.Name, run.UserID, text(run.Key), text(run.Digest), run.Owner,
		run.Status, text(column.Map(run.Counts)), problem, arguments, int64(run.MaxParallel), run.OnFailure,
		run.Seq, column.Nanos(run.CreatedAt), column.Nanos(run.CompletedAt), attempts, result,
		text(run.Policy), text(run.Config), text(run.Trace), text(column.Map(run.Labels)), column.Nanos(run.CreatedAt), text(run.Within))
}

// outcome returns the columns for how a run ended.
func outcome(run *store.Run) (attempts, problem, result any) {
	if o := run.Outcome; o != nil {
		return int64(o.Attempt), text(column.Problem(o.Problem)), blob(o.Result)
	}
	return nil, text(column.Problem(run.Problem)), nil
}

func (w *writer) append(batch *store.Batch) error {
	run, err := w.key(batch.RunID)
	if err != nil {
		return err
	}
	if batch.Shared {
		if err := w.number(batch, run); err != nil {
			return err
		}
	}
	seq := int64(0)
	if n := len(batch.Transitions); n > 0 {
		seq = batch.Transitions[n-1].Seq
	}
	var result sql.Result
	switch {
	case batch.Release:
		result, err = w.stmt.release.Exec(seq, text(column.Map(batch.Counts)), text(batch.Status), column.Nanos(batch.Wake), run, batch.Owner, batch.Epoch)
	case batch.Status == "":
		result, err = w.stmt.touch.Exec(seq, text(column.Map(batch.Counts)), run, batch.Owner, batch.Epoch)
	default:
		delete(w.keys, batch.RunID) // it may be removed, and its key used again
		result, err = w.stmt.finish.Exec(seq, text(column.Map(batch.Counts)), batch.Status, text(column.Problem(batch.Problem)), column.Nanos(batch.CompletedAt), run, batch.Owner, batch.Epoch)
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
		_, err := w.stmt.transition.Exec(transitionRow(run, t)...)
		if err == nil {
			err = w.taken(batch.RunID, t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// transitionRow returns the columns of insertTransition.
func transitionRow(run int64, t *store.Transition) []any {
	return []any{run, t.Task, t.Element, t.Seq, t.State, t.Attempt, column.Nanos(t.At), column.Nanos(t.Started), column.Nanos(t.Next), t.Generation,
		text(column.Skip(t.Skip)), text(column.Problem(t.Problem)), len(t.Result), blob(t.Result), text(column.Approval(t.Approval))}
}

// maxKeys is the largest number of row keys that the writer caches.
const maxKeys = 10_000

// key returns the row key of a run. It never changes, and no other run gets it
// while this one exists.
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

// RequestCancel stores a cancel request for a run's owner.
func (s *Store) RequestCancel(ctx context.Context, cancel store.Cancel) error {
	if _, err := s.Run(ctx, cancel.RunID); err != nil {
		return err
	}
	return s.submit(ctx, 0, func(w *writer) error {
		_, err := w.conn.ExecContext(context.Background(), "insert into cancels values (?, ?, ?)", cancel.RunID, cancel.Task, time.Now().UnixNano())
		return err
	})
}
