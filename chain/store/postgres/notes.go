package postgres

import (
	"context"
	_ "embed"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chainwright/chainwright/chain/store"
)

var (
	//go:embed statements/keep.sql
	keepSQL string
	//go:embed statements/kept.sql
	keptSQL string
)

// Keep stores a note, unless there is one.
func (s *Store) Keep(ctx context.Context, note store.Note) (value []byte, err error) {
	if err := texts(note.Name); err != nil {
		return nil, s.failed("writing to", err)
	}
	err = s.submit(ctx, len(note.Value), work{send: func(b *pgx.Batch) {
		b.Queue(keepSQL, note.Kind, note.Name, note.Value, note.Life.Seconds())
		// The statement before sees only what was there when it began, and it may
		// have waited for another process to write the same name.
		b.Queue("select value from chainwright.notes where kind = $1 and name = $2", note.Kind, note.Name).
			QueryRow(func(row pgx.Row) error { return row.Scan(&value) })
	}})
	return value, err
}

// Kept reads the live notes of a kind.
func (s *Store) Kept(ctx context.Context, kind, prefix string, limit int) (list []store.Note, err error) {
	err = s.reading(ctx, "notes", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, keptSQL, kind, prefix, int64(limit))
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Note, error) {
			note := store.Note{Kind: kind}
			err := row.Scan(&note.Name, &note.Value)
			return note, err
		})
		return err
	})
	return list, err
}
