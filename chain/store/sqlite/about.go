package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
)

// About implements store.Durable.
func (s *Store) About(ctx context.Context) (*store.Content, error) {
	about := &store.Content{Kind: "sqlite", Where: s.path, Statuses: map[string]int64{}, Owners: []store.Owner{}}
	err := s.snapshot(ctx, func(conn *sql.Conn) error {
		begin := time.Now()
		if err := conn.QueryRowContext(ctx, "select 'SQLite ' || sqlite_version()").Scan(&about.Server); err != nil {
			return err
		}
		about.Latency = time.Since(begin)
		var err error
		if about.Schema, err = version(ctx, conn); err != nil {
			return err
		}
		if err := statuses(ctx, conn, about); err != nil {
			return err
		}
		return holders(ctx, conn, about)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the store %s: %w", s.path, err)
	}
	abs, err := filepath.Abs(s.path)
	if err != nil {
		return nil, fmt.Errorf("reading the store: %w", err)
	}
	about.Where = abs
	for _, ending := range []string{"", "-wal"} {
		if info, err := os.Stat(abs + ending); err == nil {
			about.Bytes += info.Size()
		}
	}
	return about, nil
}

func statuses(ctx context.Context, conn *sql.Conn, about *store.Content) error {
	rows, err := conn.QueryContext(ctx, "select status, count(*), min(created_at), max(created_at) from runs group by status")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var status string
		var n, oldest, newest int64
		if err := rows.Scan(&status, &n, &oldest, &newest); err != nil {
			return err
		}
		about.Runs += n
		about.Statuses[status] = n
		about.Include(column.Moment(oldest), column.Moment(newest))
	}
	return rows.Err()
}

func holders(ctx context.Context, conn *sql.Conn, about *store.Content) error {
	rows, err := conn.QueryContext(ctx, `select r.owner, coalesce(o.host, ''), coalesce(o.pid, 0), coalesce(o.beat_at, 0), count(*)
		from runs r left join owners o on o.id = r.owner where r.completed_at = 0 group by r.owner order by r.owner`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var o store.Owner
		var seen int64
		if err := rows.Scan(&o.ID, &o.Host, &o.PID, &seen, &o.Runs); err != nil {
			return err
		}
		o.Seen = column.Moment(seen)
		about.Hold(o)
	}
	return rows.Err()
}
