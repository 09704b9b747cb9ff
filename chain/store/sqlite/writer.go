package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// writer is the one goroutine that writes. It owns the connection and every
// transaction on it.
type writer struct {
	store *Store
	conn  *sql.Conn
	stmt  *statements
	// keys are the row keys of runs that were written to lately.
	keys map[string]int64
	// purgeAt is when old records are looked for next.
	purgeAt time.Time
}

func (w *writer) run() {
	w.purgeAt = time.Now().Add(purgeFirst)
	timer := time.NewTimer(purgeFirst)
	defer timer.Stop()
	for {
		ops, wait, closed := w.store.queue.take(w.store.opts.Linger)
		switch {
		case closed:
			return
		case ops != nil:
			w.commit(ops)
			continue
		}
		if until := time.Until(w.purgeAt); until <= 0 {
			w.purge()
			continue
		} else if wait == 0 || until < wait {
			wait = until
		}
		timer.Reset(wait)
		select {
		case <-w.store.queue.wake:
		case <-timer.C:
		}
	}
}

// errBegin is the failure of a transaction that did not begin: the file is
// held by somebody else, or gone.
var errBegin = errors.New("the file can't be written to now")

// commit writes all ops in one transaction. Where that fails each gets one of
// its own, so that only what is at fault fails.
func (w *writer) commit(ops []op) {
	errs := make([]error, len(ops))
	if err := w.transaction(ops, errs); err != nil {
		for i := range ops {
			if !errors.Is(err, errBegin) {
				err = w.transaction(ops[i:i+1], errs[i:i+1])
			}
			if err != nil {
				errs[i] = fmt.Errorf("writing to the store %s: %w", w.store.path, err)
			}
		}
	}
	for i, o := range ops {
		o.done(errs[i])
	}
}

// transaction applies the ops and commits. What an op says about the records
// (ErrLost, ErrNotFound) is that op's own answer and spoils nothing.
func (w *writer) transaction(ops []op, answers []error) (err error) {
	ctx := context.Background()
	if _, err := w.conn.ExecContext(ctx, "begin immediate"); err != nil {
		return fmt.Errorf("%w: %w", errBegin, err)
	}
	defer func() {
		if err != nil {
			_, _ = w.conn.ExecContext(ctx, "rollback")
		}
	}()
	for i, o := range ops {
		if o.apply == nil {
			continue
		}
		answers[i] = o.apply(w)
		if e := answers[i]; e != nil && !errors.Is(e, store.ErrLost) && !errors.Is(e, store.ErrNotFound) {
			return e
		}
	}
	_, err = w.conn.ExecContext(ctx, "commit")
	return err
}

// submit queues an op and waits for it. An op that is queued is written even
// if the caller has gone.
func (s *Store) submit(ctx context.Context, bytes int, apply func(*writer) error) error {
	if _, err := s.open(ctx); err != nil {
		return err
	}
	result := make(chan error, 1)
	if err := s.queue.add(op{apply: apply, bytes: bytes, done: func(err error) { result <- err }}, false); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Flush waits until what was queued before it is durable.
func (s *Store) Flush(ctx context.Context) error {
	if s.queue.idle() {
		return nil
	}
	return s.submit(ctx, 0, nil)
}
