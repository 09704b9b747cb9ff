package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/chainwright/chainwright/chain/store"
)

// number numbers the transitions of a shared batch, unless one of its tasks or
// elements has changed.
func (w *writer) number(batch *store.Batch, run int64) error {
	var seq int64
	err := w.conn.QueryRowContext(context.Background(), "select seq from runs where key = ? and owner = ? and epoch = ?", run, batch.Owner, batch.Epoch).Scan(&seq)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrLost
	case err != nil:
		return err
	}
	for _, g := range batch.Guards() {
		var changed bool
		if err := w.conn.QueryRowContext(context.Background(), "select exists (select 1 from transitions where run = ? and seq > ? and task = ? and element = ?)",
			run, g.After, g.Task, g.Element).Scan(&changed); err != nil {
			return err
		}
		if changed {
			return store.ErrChanged
		}
	}
	batch.Number(seq)
	return nil
}
