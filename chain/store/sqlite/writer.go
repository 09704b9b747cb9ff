package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/queue"
)

// work is one write: a call that has ended, or a function. apply runs inside a
// transaction, and may run again after a rollback.
type work struct {
	call  *store.Run
	apply func(*writer) error
}

type op = queue.Op[work]

// writer is the goroutine that writes. It owns the connection for writing.
type writer struct {
	store *Store
	conn  *sql.Conn
	stmt  *statements
	// values are the arguments of a statement; kept to be used again.
	values []any
	// keys are the row keys of recent runs.
	keys map[string]int64
}

// errBegin is the error of a transaction that did not begin: another process has
// locked the file, or it is gone.
var errBegin = errors.New("the file can't be written to now")

// commit writes all ops in one transaction. If that fails, it writes each in its
// own, so that only those at fault fail.
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
		o.Done(errs[i])
	}
}

// transaction applies the ops and commits. ErrLost and ErrNotFound are results of
// one op and do not fail the others.
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
	for i := 0; i < len(ops); {
		if calls, err := w.insertCalls(ops[i:]); err != nil || calls > 0 {
			if err != nil {
				return err
			}
			i += calls
			continue
		}
		if apply := ops[i].Write.apply; apply != nil {
			answers[i] = apply(w)
			if e := answers[i]; e != nil && !errors.Is(e, store.ErrLost) && !errors.Is(e, store.ErrNotFound) {
				return e
			}
		}
		i++
	}
	_, err = w.conn.ExecContext(ctx, "commit")
	return err
}

// submit queues an op and waits for it. A queued op is written even if the
// caller's context ends.
func (s *Store) submit(ctx context.Context, bytes int, apply func(*writer) error) error {
	if _, err := s.open(ctx); err != nil {
		return err
	}
	result := make(chan error, 1)
	if err := s.queue.Add(op{Write: work{apply: apply}, Bytes: bytes, Done: func(err error) { result <- err }}, false); err != nil {
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
	return s.submit(ctx, 0, nil)
}
