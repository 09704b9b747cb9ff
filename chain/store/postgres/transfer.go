package postgres

import (
	"context"
	_ "embed"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
	"github.com/chainwright/chainwright/executors/plainjson"
)

var _ store.Durable = (*Store)(nil)

var (
	//go:embed statements/restore.sql
	restoreSQL string
	//go:embed statements/restore_transitions.sql
	restoreTransitionsSQL string
	//go:embed statements/restore_there.sql
	restoreThereSQL string
)

// pageRuns is how many row keys are read at once, and chunkBytes how much is sent
// at once.
const (
	pageRuns   = 1000
	chunkBytes = 4 << 20
)

// Snapshot implements store.Durable. A connection that breaks ends it.
func (s *Store) Snapshot(ctx context.Context, each func(*store.Run, iter.Seq2[*store.Transition, error]) error) error {
	pool, err := s.open(ctx)
	if err != nil {
		return err
	}
	if err := s.Flush(ctx); err != nil {
		return err
	}
	var own error // of each: it is not the store's
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		for key := int64(0); ; {
			rows, err := tx.Query(ctx, "select key from chainwright.runs where key > $1 order by key limit $2", key, int64(pageRuns))
			if err != nil {
				return err
			}
			keys, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			if err != nil {
				return err
			}
			if len(keys) == 0 {
				return nil
			}
			for _, key = range keys {
				run, err := wholeRun(tx.QueryRow(ctx, readRun+" where r.key = $1", key))
				if err != nil {
					return err
				}
				if own = each(run, transitionsOf(ctx, tx, key, run)); own != nil {
					return own
				}
			}
		}
	})
	if err != nil && own == nil {
		return s.failed("reading", err)
	}
	return own
}

func transitionsOf(ctx context.Context, tx pgx.Tx, key int64, run *store.Run) iter.Seq2[*store.Transition, error] {
	return func(yield func(*store.Transition, error) bool) {
		if run.Outcome != nil { // it has none
			return
		}
		rows, err := tx.Query(ctx, "select "+transitionColumns+", t.result from chainwright.transitions t where t.run = $1 order by t.seq", key)
		if err != nil {
			yield(nil, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			t, err := scanTransition(rows)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&t, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// Restore implements store.Durable.
func (s *Store) Restore(ctx context.Context, runs []store.Restoring) (fates []store.Restored, err error) {
	pool, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		fates = make([]store.Restored, len(runs))
		r := &restorer{ctx: ctx, tx: tx, batch: &pgx.Batch{}}
		if err := r.look(runs); err != nil {
			return err
		}
		for i := range runs {
			var err error
			if fates[i], err = r.restore(&runs[i]); err != nil {
				return err
			}
		}
		return r.send()
	})
	if err != nil {
		return nil, s.failed("writing to", err)
	}
	return fates, nil
}

// restorer restores runs in one transaction.
type restorer struct {
	ctx   context.Context
	tx    pgx.Tx
	there map[string]found
	keys  map[idempotency]bool // that are in use
	batch *pgx.Batch           // what is yet to be sent
	bytes int
}

type found struct {
	run store.Run
	at  *store.Transition
}

type idempotency struct{ principal, key string }

// look reads what is there of runs.
func (r *restorer) look(runs []store.Restoring) error {
	r.there, r.keys = map[string]found{}, map[idempotency]bool{}
	var ids, principals, keys []string
	for _, each := range runs {
		ids = append(ids, each.Run.ID)
		if each.Run.Key != "" {
			principals, keys = append(principals, each.Run.Principal), append(keys, each.Run.Key)
		}
	}
	rows, err := r.tx.Query(r.ctx, restoreThereSQL, ids)
	if err != nil {
		return err
	}
	var f found
	var completed, at int64
	var last store.Transition
	_, err = pgx.ForEachRow(rows, []any{&f.run.ID, &f.run.Seq, &completed, &last.Task, &last.Element, &last.Seq, &last.State, &at}, func() error {
		f.run.CompletedAt, last.At = column.Moment(completed), column.Moment(at)
		f.at = nil
		if last.Seq > 0 {
			t := last
			f.at = &t
		}
		r.there[f.run.ID] = f
		return nil
	})
	if err != nil || len(keys) == 0 {
		return err
	}
	rows, err = r.tx.Query(r.ctx, `select r.principal, r.idem_key from chainwright.runs r
		join unnest($1::text[], $2::text[]) k (principal, idem_key) on r.principal = k.principal and r.idem_key = k.idem_key and r.idem_key <> ''`, principals, keys)
	if err != nil {
		return err
	}
	var used idempotency
	_, err = pgx.ForEachRow(rows, []any{&used.principal, &used.key}, func() error {
		r.keys[used] = true
		return nil
	})
	return err
}

func (r *restorer) restore(each *store.Restoring) (done store.Restored, err error) {
	run := *each.Run
	f, is := r.there[run.ID]
	if is {
		if done.Fate, err = each.Continues(&f.run, f.at); err != nil || done.Fate != store.Continued {
			return done, err
		}
		attempts, problem, result := outcome(&run)
		r.queue(len(result), `update chainwright.runs set seq = $2, status = $3, counts = $4, problem = $5, completed_at = $6, attempts = $7, result = $8::bytea, within = $9 where id = $1`,
			run.ID, run.Seq, run.Status, column.Map(run.Counts), problem, column.Nanos(run.CompletedAt), attempts, result, run.Within)
		return done, r.transitions(each, f.run.Seq)
	}
	done.Fate = store.Added
	key := idempotency{run.Principal, run.Key}
	if run.Key != "" && r.keys[key] {
		run.Key, done.KeyLeft = "", true
	}
	r.keys[key] = true
	if err := texts(run.Name, run.UserID, run.Key, run.Principal); err != nil {
		return done, err
	}
	attempts, problem, result := outcome(&run)
	var arguments, inputs, tasks []byte
	if run.Kind == store.KindCall {
		arguments = run.Inputs
	} else {
		inputs, tasks = run.Inputs, plainjson.Must(run.Tasks)
	}
	r.queue(len(run.Tree)+len(run.Inputs)+len(tasks)+len(result), restoreSQL, run.ID, run.Kind, run.Principal, run.Name, run.UserID, run.Key, run.Digest, run.Status, column.Map(run.Counts),
		problem, blob(arguments), run.MaxParallel, run.OnFailure, run.Seq, column.Nanos(run.CreatedAt), column.Nanos(run.CompletedAt),
		run.Policy, run.Config, run.Trace, column.Map(run.Labels), attempts, result, blob(run.Tree), blob(inputs), blob(tasks), run.Parent, run.Within)
	return done, r.transitions(each, 0)
}

// outcome returns the columns for how a run ended.
func outcome(run *store.Run) (attempts *int32, problem string, result []byte) {
	if o := run.Outcome; o != nil {
		n := int32(o.Attempt) //nolint:gosec // attempts are few
		return &n, column.Problem(o.Problem), blob(o.Result)
	}
	return nil, column.Problem(run.Problem), nil
}

// transitions adds those after a number.
func (r *restorer) transitions(each *store.Restoring, after int64) error {
	var list []store.Transition
	bytes := 0
	flush := func() error {
		if len(list) == 0 {
			return nil
		}
		c := columnsOf(list)
		r.queue(bytes, restoreTransitionsSQL, each.Run.ID, c.tasks, c.elements, c.seqs, c.states, c.attempts, c.ats, c.starts, c.nexts, c.generations,
			c.skips, c.problems, c.sizes, c.results, c.approvals)
		list, bytes = nil, 0
		if r.bytes < chunkBytes {
			return nil
		}
		return r.send()
	}
	for t, err := range each.Transitions {
		if err != nil {
			return err
		}
		if t.Seq <= after {
			continue
		}
		list = append(list, *t)
		if bytes += 256 + len(t.Result); bytes > chunkBytes/4 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func (r *restorer) queue(bytes int, statement string, args ...any) {
	r.batch.Queue(statement, args...)
	r.bytes += 512 + bytes
}

// send sends what is queued, as one pipeline.
func (r *restorer) send() error {
	if r.batch.Len() == 0 {
		return nil
	}
	err := r.tx.SendBatch(r.ctx, r.batch).Close()
	r.batch, r.bytes = &pgx.Batch{}, 0
	return err
}
