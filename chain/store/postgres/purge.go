package postgres

import (
	"context"
	_ "embed"
	"time"
)

const (
	// Old records are removed some time after the start and then every hour,
	// in small pieces, so that they delay writes only briefly.
	purgeFirst = 10 * time.Second
	purgeEvery = time.Hour
	purgeAgain = 20 * time.Millisecond
	purgeRuns  = 100
)

//go:embed statements/purge.sql
var purgeSQL string

// purge removes some of the runs that have ended and are too old. Several
// processes may do so at once.
func (w *writer) purge() {
	ctx, cancel := context.WithTimeout(w.waiting, w.store.opts.Patience)
	defer cancel()
	var removed int
	oldest := time.Now().Add(-w.store.opts.MaxAge).UnixNano()
	err := w.pool.QueryRow(ctx, purgeSQL, oldest, purgeRuns).Scan(&removed)
	if err == nil && removed == 0 {
		_, err = w.pool.Exec(ctx, `delete from chainwright.owners o where beat_at < clock_timestamp() - make_interval(secs => $1::float8)
			and not exists (select 1 from chainwright.runs where owner = o.id and completed_at = 0)`, w.store.opts.MaxAge.Seconds())
	}
	if err != nil {
		w.store.opts.OnError(w.store.failed("removing old records from", err))
	}
	w.purgeAt = time.Now().Add(purgeEvery)
	if removed > 0 && err == nil {
		w.purgeAt = time.Now().Add(purgeAgain)
	}
}
