package postgres

import (
	_ "embed"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
)

//go:embed statements/append_shared.sql
var appendSharedSQL string

// shared returns the write of a shared batch.
func shared(batch *store.Batch) work {
	var ours, changed, there bool
	var seq int64
	return work{
		send: func(b *pgx.Batch) {
			b.Queue("select 1 from chainwright.runs where id = $1 for update", batch.RunID)
			queueShared(b, batch).QueryRow(func(row pgx.Row) error { return row.Scan(&ours, &changed, &seq, &there) })
			queueTaken(b, batch)
		},
		read: func() error {
			switch {
			case !there:
				return store.ErrNotFound
			case !ours:
				return store.ErrLost
			case changed:
				return store.ErrChanged
			}
			batch.Number(seq - int64(len(batch.Transitions)))
			return nil
		},
	}
}

func queueShared(b *pgx.Batch, batch *store.Batch) *pgx.QueuedQuery {
	c, guards := columnsOf(batch.Transitions), columnsOf(batch.Guards())
	return b.Queue(appendSharedSQL, batch.RunID, batch.Owner, batch.Epoch, int64(len(batch.Transitions)), column.Map(batch.Counts), batch.Status,
		column.Problem(batch.Problem), column.Nanos(batch.CompletedAt), guards.tasks, guards.elements, guards.afters,
		c.tasks, c.elements, c.states, c.attempts, c.ats, c.starts, c.nexts, c.generations, c.skips, c.problems, c.sizes, c.results, c.approvals)
}

// columns are transitions by column.
type columns struct {
	tasks, elements, attempts, generations, sizes []int32
	seqs, afters, ats, starts, nexts              []int64
	states, skips, problems, approvals            []string
	results                                       [][]byte
}

func columnsOf(list []store.Transition) columns {
	n := len(list)
	c := columns{
		tasks: make([]int32, n), elements: make([]int32, n), attempts: make([]int32, n), generations: make([]int32, n), sizes: make([]int32, n),
		seqs: make([]int64, n), afters: make([]int64, n), ats: make([]int64, n), starts: make([]int64, n), nexts: make([]int64, n),
		states: make([]string, n), skips: make([]string, n), problems: make([]string, n), results: make([][]byte, n), approvals: make([]string, n),
	}
	for i := range list {
		t := &list[i]
		c.tasks[i], c.elements[i], c.attempts[i], c.generations[i], c.sizes[i] = int32(t.Task), int32(t.Element), int32(t.Attempt), int32(t.Generation), int32(len(t.Result)) //nolint:gosec // limited by what a tree and a result may be
		c.seqs[i], c.afters[i], c.ats[i], c.starts[i], c.nexts[i] = t.Seq, t.After, column.Nanos(t.At), column.Nanos(t.Started), column.Nanos(t.Next)
		c.approvals[i] = column.Approval(t.Approval)
		c.states[i], c.skips[i], c.problems[i], c.results[i] = t.State, column.Skip(t.Skip), column.Problem(t.Problem), blob(t.Result)
	}
	return c
}
