package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
)

// Answer stores the first answer to a question, and returns it.
func (s *Store) Answer(ctx context.Context, answer store.Answer) (first *store.Answer, err error) {
	body := column.Answer(&answer)
	if err := texts(answer.Principal, answer.Reason); err != nil {
		return nil, s.failed("writing to", err)
	}
	var raw []byte
	err = s.submit(ctx, len(body), work{
		send: func(b *pgx.Batch) {
			b.Queue(`insert into chainwright.answers (run, task, asked, at, answer) select id, $2::int, $3::bigint, $4::bigint, $5 from chainwright.runs where id = $1
				on conflict do nothing`, answer.RunID, int32(answer.Task), answer.Asked, column.Nanos(answer.At), body) //nolint:gosec // limited by what a tree may be
			// The statement before sees only what was there when it began, and it may
			// have waited for another process to answer.
			b.Queue(`select coalesce((select answer from chainwright.answers where run = $1 and task = $2::int and asked = $3::bigint), '')`,
				answer.RunID, int32(answer.Task), answer.Asked). //nolint:gosec // limited by what a tree may be
				QueryRow(func(row pgx.Row) error { return row.Scan(&raw) })
		},
		read: func() error {
			if len(raw) == 0 {
				return store.ErrNotFound
			}
			first, err = column.ReadAnswer(raw, answer.RunID, answer.Task)
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	return first, nil
}

// Answers returns the answers that an owner has yet to take up.
func (s *Store) Answers(ctx context.Context, owner string) (list []store.Answer, err error) {
	pool, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Silence)
	defer cancel()
	rows, err := pool.Query(ctx, `select a.run, a.task, a.answer from chainwright.answers a join chainwright.runs r on r.id = a.run
		where not a.taken and r.owner = $1 order by a.at`, owner)
	if err == nil {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a store.Answer, err error) {
			var run string
			var task int
			var raw []byte
			if err := row.Scan(&run, &task, &raw); err != nil {
				return a, err
			}
			read, err := column.ReadAnswer(raw, run, task)
			if err != nil {
				return a, damaged(err)
			}
			return *read, nil
		})
	}
	if err != nil {
		return nil, s.failed("looking for answers in", err)
	}
	return list, nil
}

// queueTaken marks the answers that a batch takes up.
func queueTaken(b *pgx.Batch, batch *store.Batch) {
	for i := range batch.Transitions {
		t := &batch.Transitions[i]
		if a := t.Answered(); a != nil {
			b.Queue(`update chainwright.answers a set taken = true from chainwright.runs r
				where a.run = $1 and a.task = $2::int and a.asked = $3::bigint and r.id = a.run and r.epoch = $4`,
				batch.RunID, int32(t.Task), a.Asked, batch.Epoch) //nolint:gosec // limited by what a tree may be
		}
	}
}
