package postgres

import (
	"context"
	_ "embed"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// purgeRuns is how many runs are removed at once.
const purgeRuns = 100

//go:embed statements/purge.sql
var purgeSQL string

// purge removes some of the runs that have ended and are too old, and reports
// whether it removed any. Several processes may do so at once.
func (w *writer) purge() bool {
	ctx, cancel := context.WithTimeout(w.waiting, w.store.opts.Patience)
	defer cancel()
	var removed []string
	oldest := time.Now().Add(-w.store.opts.MaxAge).UnixNano()
	err := w.pool.QueryRow(ctx, purgeSQL, oldest, purgeRuns, nil).Scan(&removed)
	if err == nil && len(removed) == 0 {
		_, err = w.pool.Exec(ctx, `delete from chainwright.owners o where beat_at < clock_timestamp() - make_interval(secs => $1::float8)
			and not exists (select 1 from chainwright.runs where owner = o.id and completed_at = 0)`, w.store.opts.MaxAge.Seconds())
	}
	if err == nil && len(removed) == 0 {
		_, err = w.pool.Exec(ctx, "delete from chainwright.notes where until < clock_timestamp()")
	}
	if err != nil {
		w.store.opts.OnError(w.store.failed("removing old records from", err))
	}
	return len(removed) > 0 && err == nil
}

// Remove removes runs that have ended.
func (s *Store) Remove(ctx context.Context, ids []string) (removed []string, err error) {
	size := 0
	for _, id := range ids {
		size += len(id)
	}
	err = s.submit(ctx, size, work{send: func(b *pgx.Batch) {
		b.Queue(purgeSQL, int64(math.MaxInt64), len(ids), ids).QueryRow(func(row pgx.Row) error { return row.Scan(&removed) })
	}})
	if err != nil {
		return nil, err
	}
	return removed, nil
}
