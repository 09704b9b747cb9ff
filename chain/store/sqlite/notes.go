package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// Keep stores a note, unless there is one.
func (s *Store) Keep(ctx context.Context, note store.Note) (value []byte, err error) {
	err = s.submit(ctx, len(note.Value), func(w *writer) error {
		now := time.Now()
		_, err := w.conn.ExecContext(context.Background(), `insert into notes (kind, name, value, at, until) values (?1, ?2, ?3, ?4, ?5)
			on conflict (kind, name) do update set value = excluded.value, at = excluded.at, until = excluded.until where until <= ?4`,
			note.Kind, note.Name, note.Value, now.UnixNano(), now.Add(note.Life).UnixNano())
		if err != nil {
			return err
		}
		return w.conn.QueryRowContext(context.Background(), "select value from notes where kind = ? and name = ?", note.Kind, note.Name).Scan(&value)
	})
	return value, err
}

// Kept reads the live notes of a kind.
func (s *Store) Kept(ctx context.Context, kind, prefix string, limit int) ([]store.Note, error) {
	db, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, `select name, value from notes where kind = ?1 and substr(name, 1, length(?2)) = ?2 and until > ?3
		order by at desc limit ?4`, kind, prefix, time.Now().UnixNano(), limit)
	if err != nil {
		return nil, fmt.Errorf("reading notes: %w", err)
	}
	defer rows.Close()
	var list []store.Note
	for rows.Next() {
		note := store.Note{Kind: kind}
		if err := rows.Scan(&note.Name, &note.Value); err != nil {
			return nil, fmt.Errorf("reading notes: %w", err)
		}
		list = append(list, note)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading notes: %w", err)
	}
	return list, nil
}
