package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
)

// settled returns the connections for reading when all queued ops are written.
func (s *Store) settled(ctx context.Context) (*sql.DB, error) {
	db, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return db, s.Flush(ctx)
}

const runColumns = `r.id, kind, principal, name, user_id, coalesce(idem_key, ''), coalesce(digest, ''), owner, coalesce(o.beat_at, 0), coalesce(o.pid, 0), coalesce(o.host, ''),
	epoch, crashes, owned_at, wake_at,
	status, counts, problem, max_parallel, on_failure, seq, created_at, completed_at, attempts,
	coalesce(policy, ''), coalesce(config, ''), coalesce(trace, ''), labels, coalesce(within, '')`

// scanRun reads runColumns, and into more the columns after them.
func scanRun(row interface{ Scan(...any) error }, run *store.Run, more ...any) error {
	var numbers, problem, labels []byte
	var seen, since, wake, created, completed int64
	var attempts sql.NullInt64
	err := row.Scan(append([]any{&run.ID, &run.Kind, &run.Principal, &run.Name, &run.UserID, &run.Key, &run.Digest, &run.Owner, &seen, &run.OwnerPID, &run.OwnerHost,
		&run.Epoch, &run.Crashes, &since, &wake,
		&run.Status, &numbers, &problem, &run.MaxParallel, &run.OnFailure, &run.Seq, &created, &completed, &attempts,
		&run.Policy, &run.Config, &run.Trace, &labels, &run.Within}, more...)...)
	if err != nil {
		return err
	}
	run.OwnerSince, run.Wake = column.Moment(since), column.Moment(wake)
	run.OwnerSeen, run.CreatedAt, run.CompletedAt = column.Moment(seen), column.Moment(created), column.Moment(completed)
	if run.Problem, err = column.ReadProblem(problem); err != nil {
		return err
	}
	if err := column.ReadMap(numbers, &run.Counts); err != nil {
		return err
	}
	if err := column.ReadMap(labels, &run.Labels); err != nil {
		return err
	}
	run.FillCall()
	if attempts.Valid {
		run.Outcome = &store.Transition{Seq: 2, State: run.Status, Attempt: int(attempts.Int64), At: run.CompletedAt, Started: run.CreatedAt, Problem: run.Problem}
		run.Problem = nil
	}
	return nil
}

// Run reads a run's row.
func (s *Store) Run(ctx context.Context, id string) (*store.Run, error) {
	db, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	run, err := wholeRun(db.QueryRowContext(ctx, readRun+" where r.id = ?", id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, store.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("reading run %s: %w", id, err)
	}
	return run, nil
}

const readRun = `select ` + runColumns + `, coalesce(t.inputs, r.arguments), t.tree, t.tasks, coalesce(t.parent, ''), result
	from runs r left join owners o on o.id = r.owner left join trees t on t.run = r.key`

// wholeRun reads a row of readRun.
func wholeRun(row *sql.Row) (*store.Run, error) {
	run := &store.Run{}
	var tasks, result []byte
	if err := scanRun(row, run, &run.Inputs, &run.Tree, &tasks, &run.Parent, &result); err != nil {
		return nil, err
	}
	if tasks != nil {
		if err := json.Unmarshal(tasks, &run.Tasks); err != nil {
			return nil, fmt.Errorf("reading its tasks: %w", err)
		}
	}
	if run.Outcome != nil {
		run.Outcome.Result, run.Outcome.Size = result, len(result)
	}
	return run, nil
}

const transitionColumns = `t.task, t.element, t.seq, t.state, t.attempt, t.at, t.started_at, t.next_at, t.generation, t.skip, t.problem, t.approval, t.size`

func scanTransition(row interface{ Scan(...any) error }, t *store.Transition) error {
	var at, started, next int64
	var skip, problem, approval []byte
	err := row.Scan(&t.Task, &t.Element, &t.Seq, &t.State, &t.Attempt, &at, &started, &next, &t.Generation, &skip, &problem, &approval, &t.Size, &t.Result)
	if err != nil {
		return err
	}
	t.At, t.Started, t.Next = column.Moment(at), column.Moment(started), column.Moment(next)
	if t.Skip, err = column.ReadSkip(skip); err != nil {
		return err
	}
	if t.Approval, err = column.ReadApproval(approval); err != nil {
		return err
	}
	t.Problem, err = column.ReadProblem(problem)
	return err
}

// Transitions reads a run's transitions in order.
func (s *Store) Transitions(ctx context.Context, id string, after int64, maxResult int) ([]store.Transition, error) {
	db, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	key, err := keyOf(ctx, db, id)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, `select `+transitionColumns+`, case when t.size <= ? then t.result end
		from transitions t where t.run = ? and t.seq > ? order by t.seq`, maxResult, key, after)
	return scanTransitions(rows, err, id)
}

// keyOf reads the row key of a run.
func keyOf(ctx context.Context, db *sql.DB, id string) (key int64, err error) {
	switch err := db.QueryRowContext(ctx, "select key from runs where id = ?", id).Scan(&key); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, store.ErrNotFound
	case err != nil:
		return 0, fmt.Errorf("reading run %s: %w", id, err)
	}
	return key, nil
}

// Head reads the beginning of a transition's result.
func (s *Store) Head(ctx context.Context, id string, seq int64, n int) ([]byte, error) {
	db, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	var head []byte
	switch err := db.QueryRowContext(ctx, `select substr(cast(t.result as blob), 1, ?) from transitions t
		where t.run = (select key from runs where id = ?) and t.seq = ?`, n, id, seq).Scan(&head); {
	case errors.Is(err, sql.ErrNoRows):
		_, err := s.Run(ctx, id)
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("reading the beginning of a result of run %s: %w", id, err)
	}
	return head, nil
}

// Elements reads the transitions of a task's elements.
func (s *Store) Elements(ctx context.Context, id string, task int, after int64) ([]store.Transition, error) {
	db, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, `select `+transitionColumns+`, t.result from transitions t
		where t.run = (select key from runs where id = ?) and t.task = ? and t.seq > ? and t.element > 0 order by t.seq`, id, task, after)
	list, err := scanTransitions(rows, err, id)
	if len(list) == 0 && err == nil {
		_, err = s.Run(ctx, id)
	}
	return list, err
}

// scanTransitions reads all rows of a query, unless the query failed.
func scanTransitions(rows *sql.Rows, err error, id string) ([]store.Transition, error) {
	failed := func(err error) ([]store.Transition, error) {
		return nil, fmt.Errorf("reading the transitions of run %s: %w", id, err)
	}
	if err != nil {
		return failed(err)
	}
	defer rows.Close()
	var list []store.Transition
	for rows.Next() {
		list = append(list, store.Transition{})
		if err := scanTransition(rows, &list[len(list)-1]); err != nil {
			return failed(err)
		}
	}
	if err := rows.Err(); err != nil {
		return failed(err)
	}
	return list, nil
}

// Last reads a task's latest transition.
func (s *Store) Last(ctx context.Context, id string, task int) (*store.Transition, error) {
	db, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	row := db.QueryRowContext(ctx, `select `+transitionColumns+`, t.result from transitions t
		where t.run = (select key from runs where id = ?) and t.task = ? and t.element = 0 order by t.seq desc limit 1`, id, task)
	t := &store.Transition{}
	if err := scanTransition(row, t); errors.Is(err, sql.ErrNoRows) {
		_, err := s.Run(ctx, id)
		return nil, err
	} else if err != nil {
		return nil, fmt.Errorf("reading task %d of run %s: %w", task, id, err)
	}
	return t, nil
}

// List reads runs, the newest first.
func (s *Store) List(ctx context.Context, q store.Query) ([]store.Run, error) {
	db, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, `select `+runColumns+` from runs r left join owners o on o.id = r.owner
		where (?1 or principal = ?2) and (?3 = '' or kind = ?3) and (?4 = '' or status = ?4)
			and (?5 = '' or key < (select key from runs where id = ?5)) and (not ?7 or counts like '%"waiting":%')
			and (?8 = '' or instr(lower(name), lower(?8)) > 0)
			and (?9 = '' or not exists (select 1 from json_each(?9) w where not exists
				(select 1 from json_each(labels) l where l.key = w.key and l.value = w.value)))
			and created_at >= ?10 and (?11 = 0 or created_at < ?11) and (?12 = '' or substr(r.id, 1, length(?12)) = ?12)
		order by key desc limit ?6`, q.Anyone, q.Principal, q.Kind, q.Status, q.Before, q.Limit, q.Waiting,
		q.Name, column.Labels(q.Labels), column.Nanos(q.Since), column.Nanos(q.Until), q.Prefix)
	if err != nil {
		return nil, fmt.Errorf("listing runs: %w", err)
	}
	defer rows.Close()
	var list []store.Run
	for rows.Next() {
		list = append(list, store.Run{})
		if err := scanRun(rows, &list[len(list)-1]); err != nil {
			return nil, fmt.Errorf("listing runs: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing runs: %w", err)
	}
	return list, nil
}

// TakeCancels returns the cancel requests for an owner's runs and deletes them.
func (s *Store) TakeCancels(ctx context.Context, owner string) ([]store.Cancel, error) {
	db, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	var any int
	err = db.QueryRowContext(ctx, "select 1 from cancels c join runs r on r.id = c.run where r.owner = ? limit 1", owner).Scan(&any)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("looking for cancel requests: %w", err)
	}
	var list []store.Cancel
	err = s.submit(ctx, 0, func(w *writer) error {
		list = nil
		rows, err := w.conn.QueryContext(context.Background(), "delete from cancels where exists (select 1 from runs where id = cancels.run and owner = ?) returning run, task", owner)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var c store.Cancel
			if err := rows.Scan(&c.RunID, &c.Task); err != nil {
				return err
			}
			list = append(list, c)
		}
		return rows.Err()
	})
	return list, err
}
