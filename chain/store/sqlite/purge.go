package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// purgeRuns is how many runs are removed at once.
const purgeRuns = 100

// purge removes some of the runs that have ended and exceed the limits. It reports
// whether it removed any.
func (w *writer) purge() bool {
	removed, err := w.purgeSome()
	if err != nil {
		w.store.opts.OnError(fmt.Errorf("removing old records from the store %s: %w", w.store.path, err))
	}
	return removed && err == nil
}

func (w *writer) purgeSome() (removed bool, err error) {
	ctx := context.Background()
	oldest := time.Now().Add(-w.store.opts.MaxAge).UnixNano()
	var used int64
	if err := w.conn.QueryRowContext(ctx, `select (page_count - freelist_count) * page_size
		from pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&used); err != nil {
		return false, err
	}
	if used > w.store.opts.MaxBytes {
		oldest = time.Now().UnixNano() // remove the oldest at any age
	}
	clean := work{apply: func(w *writer) error {
		ids, err := w.drop("completed_at <= ? order by key limit ?", oldest, purgeRuns)
		if err != nil {
			return err
		}
		removed = len(ids) > 0
		if removed {
			return nil
		}
		aged := time.Now().Add(-w.store.opts.MaxAge).UnixNano()
		if _, err := w.conn.ExecContext(ctx, "delete from cancels where at < ?", aged); err != nil {
			return err
		}
		if _, err := w.conn.ExecContext(ctx, "delete from notes where until < ?", time.Now().UnixNano()); err != nil {
			return err
		}
		_, err = w.conn.ExecContext(ctx, "delete from owners where beat_at < ? and id not in (select owner from runs)", aged)
		return err
	}}
	answers := make([]error, 1)
	return removed, w.transaction([]op{{Write: clean}}, answers)
}

// drop removes the runs that have ended and that a condition selects, with all
// that belongs to them. It returns their ids.
func (w *writer) drop(condition string, args ...any) ([]string, error) {
	ctx := context.Background()
	rows, err := w.conn.QueryContext(ctx, `delete from runs where key in (
		select key from runs where status not in ('pending', 'in_progress', 'queued') and `+condition+`) returning key, id`, args...)
	if err != nil {
		return nil, err
	}
	var keys []int64
	var ids []string
	for rows.Next() {
		var key int64
		var id string
		if err := rows.Scan(&key, &id); err != nil {
			rows.Close()
			return nil, err
		}
		keys, ids = append(keys, key), append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i, key := range keys {
		if _, err := w.conn.ExecContext(ctx, "delete from answers where run = ?", ids[i]); err != nil {
			return nil, err
		}
		for _, table := range []string{"transitions", "trees", "logs"} {
			if _, err := w.conn.ExecContext(ctx, "delete from "+table+" where run = ?", key); err != nil {
				return nil, err
			}
		}
	}
	return ids, nil
}

// Remove removes runs that have ended.
func (s *Store) Remove(ctx context.Context, ids []string) (removed []string, err error) {
	list := string(plainjson.Must(ids))
	err = s.submit(ctx, len(list), func(w *writer) error {
		removed, err = w.drop("id in (select value from json_each(?))", list)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("removing runs from the store %s: %w", s.path, err)
	}
	return removed, nil
}
