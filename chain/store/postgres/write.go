package postgres

import (
	"context"
	_ "embed"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
	"github.com/chainwright/chainwright/chain/store/internal/queue"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// The statements. Each may be sent again when it is not known whether it was
// committed, and then changes nothing more.
var (
	//go:embed statements/create.sql
	createSQL string
	//go:embed statements/calls.sql
	callsSQL string
	//go:embed statements/hold.sql
	holdSQL string
	//go:embed statements/append.sql
	appendSQL string
)

// keyedSQL returns the run of an idempotency key.
const keyedSQL = `select coalesce((select id from chainwright.runs where principal = $1 and idem_key = $2 and $2 <> ''), '')`

// errNUL is the error of a text that PostgreSQL can't keep.
var errNUL = errors.New("PostgreSQL keeps no text with a NUL character (U+0000): a name, a user id or an idempotency key has one")

// texts fails if PostgreSQL can't keep one of them.
func texts(all ...string) error {
	for _, each := range all {
		if strings.ContainsRune(each, 0) {
			return errNUL
		}
	}
	return nil
}

// Create writes a run and waits until it is durable.
func (s *Store) Create(ctx context.Context, run *store.Run) (*store.Run, error) {
	if err := texts(run.Name, run.UserID, run.Key, run.Principal); err != nil {
		return nil, s.failed("writing to", err)
	}
	var tasks []byte
	if run.Kind != store.KindCall {
		tasks = plainjson.Must(run.Tasks)
	}
	var arguments, inputs []byte
	if run.Kind == store.KindCall {
		arguments = run.Inputs
	} else {
		inputs = run.Inputs
	}
	existing := ""
	err := s.submit(ctx, queue.RunBytes(run), work{owner: run.Owner, send: func(b *pgx.Batch) {
		b.Queue(createSQL, run.ID, run.Kind, run.Principal, run.Name, run.UserID, run.Key, run.Digest, run.Owner, run.Status, column.Map(run.Counts),
			column.Problem(run.Problem), blob(arguments), run.MaxParallel, run.OnFailure, run.Seq, column.Nanos(run.CreatedAt), column.Nanos(run.CompletedAt),
			run.Policy, run.Config, run.Trace, column.Map(run.Labels), blob(run.Tree), blob(inputs), blob(tasks), run.Parent, run.Within)
		// The statement before sees only what was there when it began, and it may
		// have waited for another process to write the same key.
		b.Queue(keyedSQL, run.Principal, run.Key).
			QueryRow(func(row pgx.Row) error { return row.Scan(&existing) })
	}})
	if err != nil || existing == "" || existing == run.ID {
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

// blob returns nil for an empty value, which is null.
func blob(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// queueCalls inserts calls that have ended by one statement.
func queueCalls(b *pgx.Batch, calls []*store.Run) {
	if len(calls) == 0 {
		return
	}
	n := len(calls)
	var ids, principals, names, owners, statuses, problems, policies, configs, traces = make([]string, n), make([]string, n), make([]string, n), make([]string, n),
		make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	arguments, results := make([][]byte, n), make([][]byte, n)
	created, completed, attempts := make([]int64, n), make([]int64, n), make([]int32, n)
	for i, c := range calls {
		ids[i], principals[i], names[i], owners[i], statuses[i] = c.ID, c.Principal, c.Name, c.Owner, c.Status
		policies[i], configs[i], traces[i] = c.Policy, c.Config, c.Trace
		arguments[i], created[i], completed[i] = blob(c.Inputs), column.Nanos(c.CreatedAt), column.Nanos(c.CompletedAt)
		if out := c.Outcome; out != nil {
			problems[i], attempts[i], results[i] = column.Problem(out.Problem), int32(out.Attempt), blob(out.Result) //nolint:gosec // attempts are few
		}
	}
	b.Queue(callsSQL, ids, principals, names, owners, statuses, problems, arguments, created, completed, attempts, results, policies, configs, traces)
}

// Append queues a batch.
func (s *Store) Append(batch *store.Batch, done func(error)) {
	pool, err := s.open(context.Background())
	if err != nil {
		done(err)
		return
	}
	held := false
	write := work{
		send: func(b *pgx.Batch) {
			queueHold(b, batch).Exec(func(tag pgconn.CommandTag) error { held = tag.RowsAffected() > 0; return nil })
			queueAppend(b, batch)
			queueTaken(b, batch)
		},
		read: func() error {
			if held {
				return nil
			}
			return s.lost(pool, batch.RunID)
		},
	}
	if batch.Shared {
		write = shared(batch)
	}
	if err := s.queue.Add(op{Write: write, Bytes: queue.BatchBytes(batch), Done: done}, batch.Behind); err != nil {
		done(err)
	}
}

// lost returns why a run is not its owner's any more.
func (s *Store) lost(pool *pgxpool.Pool, id string) error {
	var there bool
	err := s.patiently(context.Background(), func(ctx context.Context) error {
		return s.attempt(ctx, pool, func(ctx context.Context) error {
			return pool.QueryRow(ctx, "select exists (select 1 from chainwright.runs where id = $1)", id).Scan(&there)
		})
	})
	switch {
	case err != nil:
		return err
	case there:
		return store.ErrLost
	}
	return store.ErrNotFound
}

// queueHold locks a batch's run and changes it, if it is still its owner's.
func queueHold(b *pgx.Batch, batch *store.Batch) *pgx.QueuedQuery {
	last := int64(0)
	if n := len(batch.Transitions); n > 0 {
		last = batch.Transitions[n-1].Seq
	}
	return b.Queue(holdSQL, batch.RunID, batch.Owner, last, column.Map(batch.Counts), batch.Status, column.Problem(batch.Problem), column.Nanos(batch.CompletedAt),
		batch.Epoch, batch.Release, column.Nanos(batch.Wake))
}

// queueAppend adds a batch's transitions, if its run is held.
func queueAppend(b *pgx.Batch, batch *store.Batch) {
	if len(batch.Transitions) == 0 {
		return
	}
	c := columnsOf(batch.Transitions)
	b.Queue(appendSQL, batch.RunID, batch.Epoch, batch.Owner, batch.Release,
		c.tasks, c.elements, c.seqs, c.states, c.attempts, c.ats, c.starts, c.nexts, c.generations, c.skips, c.problems, c.sizes, c.results, c.approvals)
}

// RequestCancel stores a cancel request for a run's owner.
func (s *Store) RequestCancel(ctx context.Context, cancel store.Cancel) error {
	stored := 0
	return s.submit(ctx, 0, work{
		send: func(b *pgx.Batch) {
			b.Queue(`with stored as (insert into chainwright.cancels (run, task) select id, $2 from chainwright.runs where id = $1 returning 1)
				select count(*) from stored`, cancel.RunID, int32(cancel.Task)).QueryRow(func(row pgx.Row) error { return row.Scan(&stored) }) //nolint:gosec // limited by what a tree may be
		},
		read: func() error {
			if stored == 0 {
				return store.ErrNotFound
			}
			return nil
		},
	})
}
