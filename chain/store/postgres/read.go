package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
)

// reading calls do with the connections for reading when all queued ops are
// written. It may call it again if the database can't be reached.
func (s *Store) reading(ctx context.Context, what string, do func(context.Context, *pgxpool.Pool) error) error {
	pool, err := s.open(ctx)
	if err != nil {
		return err
	}
	if err := s.Flush(ctx); err != nil {
		return err
	}
	err = s.patiently(ctx, func(ctx context.Context) error {
		return s.attempt(ctx, pool, func(ctx context.Context) error { return do(ctx, pool) })
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return store.ErrNotFound
	}
	return s.failed("reading "+what+" from", err)
}

const runColumns = `r.key, r.id, r.kind, r.principal, r.name, r.user_id, r.idem_key, r.digest, r.owner,
	extract(epoch from clock_timestamp() - o.beat_at)::float8, coalesce(o.pid, 0), coalesce(o.host, ''),
	r.epoch, r.crashes, extract(epoch from clock_timestamp() - r.owned_at)::float8, extract(epoch from r.wake_at - clock_timestamp())::float8,
	r.status, r.counts, r.problem, r.max_parallel, r.on_failure, r.seq, r.created_at, r.completed_at, r.attempts,
	r.policy, r.config, r.trace, r.labels, r.within`

// scanRun reads runColumns, and into more the columns after them.
func scanRun(row pgx.Row, run *store.Run, key *int64, more ...any) error {
	var counts, problem, labels []byte
	var created, completed int64
	var unseen, due *float64
	var owned float64
	var pid int32
	var attempts *int32
	err := row.Scan(append([]any{key, &run.ID, &run.Kind, &run.Principal, &run.Name, &run.UserID, &run.Key, &run.Digest, &run.Owner, &unseen, &pid, &run.OwnerHost,
		&run.Epoch, &run.Crashes, &owned, &due,
		&run.Status, &counts, &problem, &run.MaxParallel, &run.OnFailure, &run.Seq, &created, &completed, &attempts,
		&run.Policy, &run.Config, &run.Trace, &labels, &run.Within}, more...)...)
	if err != nil {
		return err
	}
	run.CreatedAt, run.CompletedAt = column.Moment(created), column.Moment(completed)
	// By the database's clock.
	run.OwnerPID, run.OwnerSince = int(pid), fromNow(-owned)
	if unseen != nil {
		run.OwnerSeen = fromNow(-*unseen)
	}
	if due != nil {
		run.Wake = fromNow(*due)
	}
	if run.Problem, err = column.ReadProblem(problem); err != nil {
		return damaged(err)
	}
	if err := column.ReadMap(counts, &run.Counts); err != nil {
		return damaged(err)
	}
	if err := column.ReadMap(labels, &run.Labels); err != nil {
		return damaged(err)
	}
	run.FillCall()
	if attempts != nil {
		run.Outcome = &store.Transition{Seq: 2, State: run.Status, Attempt: int(*attempts), At: run.CompletedAt, Started: run.CreatedAt, Problem: run.Problem}
		run.Problem = nil
	}
	return nil
}

func fromNow(seconds float64) time.Time {
	return time.Now().Add(time.Duration(seconds * float64(time.Second))).UTC()
}

// damaged marks an error of a record that can't be read: to try again is no use.
func damaged(err error) error { return fmt.Errorf("%w: %w", errDefect, err) }

// Run reads a run's row.
func (s *Store) Run(ctx context.Context, id string) (run *store.Run, err error) {
	err = s.reading(ctx, "run "+id, func(ctx context.Context, pool *pgxpool.Pool) error {
		var err error
		run, err = wholeRun(pool.QueryRow(ctx, readRun+" where r.id = $1", id))
		return err
	})
	return run, err
}

const readRun = `select ` + runColumns + `, coalesce(t.inputs, r.arguments), t.tree, t.tasks, coalesce(t.parent, ''), r.result
	from chainwright.runs r left join chainwright.owners o on o.id = r.owner left join chainwright.trees t on t.run = r.key`

// wholeRun reads a row of readRun.
func wholeRun(row pgx.Row) (*store.Run, error) {
	run := &store.Run{}
	var key int64
	var tasks, result []byte
	if err := scanRun(row, run, &key, &run.Inputs, &run.Tree, &tasks, &run.Parent, &result); err != nil {
		return nil, err
	}
	if tasks != nil {
		if err := json.Unmarshal(tasks, &run.Tasks); err != nil {
			return nil, damaged(err)
		}
	}
	if run.Outcome != nil {
		run.Outcome.Result, run.Outcome.Size = result, len(result)
	}
	return run, nil
}

const transitionColumns = `t.task, t.element, t.seq, t.state, t.attempt, t.at, t.started_at, t.next_at, t.generation, t.skip, t.problem, t.approval, t.size`

func scanTransition(row pgx.CollectableRow) (t store.Transition, err error) {
	var at, started, next int64
	var skip, problem, approval []byte
	err = row.Scan(&t.Task, &t.Element, &t.Seq, &t.State, &t.Attempt, &at, &started, &next, &t.Generation, &skip, &problem, &approval, &t.Size, &t.Result)
	if err != nil {
		return t, err
	}
	t.At, t.Started, t.Next = column.Moment(at), column.Moment(started), column.Moment(next)
	if t.Skip, err = column.ReadSkip(skip); err != nil {
		return t, damaged(err)
	}
	if t.Approval, err = column.ReadApproval(approval); err != nil {
		return t, damaged(err)
	}
	if t.Problem, err = column.ReadProblem(problem); err != nil {
		return t, damaged(err)
	}
	return t, nil
}

// transitions reads those that a query selects by the run's key, $1, and the
// other arguments.
func (s *Store) transitions(ctx context.Context, id, query string, args ...any) (list []store.Transition, err error) {
	err = s.reading(ctx, "the transitions of run "+id, func(ctx context.Context, pool *pgxpool.Pool) error {
		var key int64
		if err := pool.QueryRow(ctx, "select key from chainwright.runs where id = $1", id).Scan(&key); err != nil {
			return err
		}
		rows, err := pool.Query(ctx, "select "+transitionColumns+query, append([]any{key}, args...)...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanTransition)
		return err
	})
	return list, err
}

// Transitions reads a run's transitions in order.
func (s *Store) Transitions(ctx context.Context, id string, after int64, maxResult int) ([]store.Transition, error) {
	return s.transitions(ctx, id, `, case when t.size <= $3::bigint then t.result end
		from chainwright.transitions t where t.run = $1 and t.seq > $2 order by t.seq`, after, int64(maxResult))
}

// Elements reads the transitions of a task's elements.
func (s *Store) Elements(ctx context.Context, id string, task int, after int64) ([]store.Transition, error) {
	return s.transitions(ctx, id, `, t.result from chainwright.transitions t where t.run = $1 and t.task = $2 and t.seq > $3 and t.element > 0
		order by t.seq`, int64(task), after)
}

// Last reads a task's latest transition.
func (s *Store) Last(ctx context.Context, id string, task int) (*store.Transition, error) {
	list, err := s.transitions(ctx, id, `, t.result from chainwright.transitions t
		where t.run = $1 and t.task = $2 and t.element = 0 order by t.seq desc limit 1`, int64(task))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// Head reads the beginning of a transition's result.
func (s *Store) Head(ctx context.Context, id string, seq int64, n int) ([]byte, error) {
	list, err := s.transitions(ctx, id, `, substring(t.result from 1 for $3) from chainwright.transitions t where t.run = $1 and t.seq = $2`, seq, int32(n))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0].Result, nil
}

// List reads runs, the newest first.
func (s *Store) List(ctx context.Context, q store.Query) (list []store.Run, err error) {
	err = s.reading(ctx, "the list of runs", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, `select `+runColumns+` from chainwright.runs r left join chainwright.owners o on o.id = r.owner
			where ($1::bool or r.principal = $2) and ($3 = '' or r.kind = $3) and ($4 = '' or r.status = $4)
				and ($5 = '' or r.key < (select key from chainwright.runs where id = $5)) and (not $7::bool or r.counts like '%"waiting":%')
				and ($8 = '' or position(lower($8) in lower(r.name)) > 0)
				and ($9::text = '' or case when r.labels = '' then false else r.labels::jsonb @> nullif($9, '')::jsonb end)
				and r.created_at >= $10 and ($11::bigint = 0 or r.created_at < $11) and starts_with(r.id, $12)
			order by r.key desc limit $6`, q.Anyone, q.Principal, q.Kind, q.Status, q.Before, int64(q.Limit), q.Waiting,
			q.Name, column.Labels(q.Labels), column.Nanos(q.Since), column.Nanos(q.Until), q.Prefix)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (run store.Run, err error) {
			var key int64
			err = scanRun(row, &run, &key)
			return run, err
		})
		return err
	})
	return list, err
}

// TakeCancels returns the cancel requests for an owner's runs and deletes them.
// A request whose answer was lost with the connection is lost too.
func (s *Store) TakeCancels(ctx context.Context, owner string) (list []store.Cancel, err error) {
	pool, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Silence)
	defer cancel()
	rows, err := pool.Query(ctx, `with taken as (
			delete from chainwright.cancels c using chainwright.runs r where r.id = c.run and r.owner = $1 returning c.number, c.run, c.task)
		select run, task from taken order by number`, owner)
	if err == nil {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c store.Cancel, err error) {
			err = row.Scan(&c.RunID, &c.Task)
			return c, err
		})
	}
	if err != nil {
		return nil, s.failed("looking for cancel requests in", err)
	}
	return list, nil
}
