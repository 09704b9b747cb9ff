package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/queue"
)

// work is one write: a call that has ended, or statements. send adds its
// statements to a pipeline, and may do so again after a failure. read is called
// when the pipeline is durable, for what the statements answered.
type work struct {
	call  *store.Run
	owner string // whose heartbeat is stored with this write; empty: nobody's
	send  func(*pgx.Batch)
	read  func() error
}

type op = queue.Op[work]

// writer is the goroutine that writes.
type writer struct {
	store *Store
	pool  *pgxpool.Pool
	// waiting ends when the store no longer waits for the database.
	waiting context.Context
}

// commit writes all ops in one transaction. If that fails, it writes each in its
// own, so that only those at fault fail.
func (w *writer) commit(ops []op) {
	errs := make([]error, len(ops))
	if err := w.transaction(ops); err != nil {
		for i := range ops {
			if !unreachable(err) && len(ops) > 1 {
				err = w.transaction(ops[i : i+1])
			}
			errs[i] = err
		}
	}
	for i, o := range ops {
		err := errs[i]
		if err == nil && o.Write.read != nil {
			err = o.Write.read()
		}
		if err != nil && !errors.Is(err, store.ErrLost) && !errors.Is(err, store.ErrNotFound) {
			err = w.store.failed("writing to", err)
		}
		o.Done(err)
	}
}

// transaction sends the ops as one pipeline, which the server takes as one
// transaction.
func (w *writer) transaction(ops []op) error {
	return w.store.patiently(w.waiting, func(ctx context.Context) error {
		batch := &pgx.Batch{}
		var calls []*store.Run
		seen := ""
		for _, o := range ops {
			if owner := o.Write.owner; owner != "" && owner != seen {
				seen = owner
				queueBeat(batch, owner)
			}
			if o.Write.call != nil {
				calls = append(calls, o.Write.call)
			}
		}
		queueCalls(batch, calls)
		for _, o := range ops {
			if o.Write.send != nil {
				o.Write.send(batch)
			}
		}
		if batch.Len() == 0 {
			return nil
		}
		return w.store.attempt(ctx, w.pool, func(ctx context.Context) error { return w.pool.SendBatch(ctx, batch).Close() })
	})
}

// submit queues an op and waits for it. A queued op is written even if the
// caller's context ends.
func (s *Store) submit(ctx context.Context, bytes int, write work) error {
	if _, err := s.open(ctx); err != nil {
		return err
	}
	result := make(chan error, 1)
	if err := s.queue.Add(op{Write: write, Bytes: bytes, Done: func(err error) { result <- err }}, false); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Flush waits until everything that was queued before is durable.
func (s *Store) Flush(ctx context.Context) error {
	if s.queue.Idle() {
		return nil
	}
	return s.submit(ctx, 0, work{})
}
