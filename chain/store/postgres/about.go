package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
)

// About implements store.Durable.
func (s *Store) About(ctx context.Context) (about *store.Content, err error) {
	err = s.reading(ctx, "the content of", func(ctx context.Context, pool *pgxpool.Pool) error {
		about = &store.Content{Kind: "postgres", Where: "postgres://" + s.where, Statuses: map[string]int64{}, Owners: []store.Owner{}}
		return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return describe(ctx, conn, about) })
	})
	return about, err
}

func describe(ctx context.Context, conn *pgxpool.Conn, about *store.Content) error {
	begin := time.Now()
	var pid uint32
	if err := conn.QueryRow(ctx, "select current_setting('server_version'), pg_backend_pid()").Scan(&about.Server, &pid); err != nil {
		return err
	}
	about.Latency = time.Since(begin)
	about.Server = "PostgreSQL " + strings.Fields(about.Server)[0]
	// A pooler tells its own number of the connection.
	about.Pooled = "no"
	if pid != conn.Conn().PgConn().PID() {
		about.Pooled = "yes"
	}
	var err error
	if about.Schema, err = version(ctx, conn); err != nil {
		return err
	}
	err = conn.QueryRow(ctx, "select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c where c.relnamespace = 'chainwright'::regnamespace and c.relkind = 'r'").Scan(&about.Bytes)
	if err != nil {
		return err
	}
	rows, err := conn.Query(ctx, "select status, count(*), min(created_at), max(created_at) from chainwright.runs group by status")
	if err != nil {
		return err
	}
	var status string
	var n, oldest, newest int64
	_, err = pgx.ForEachRow(rows, []any{&status, &n, &oldest, &newest}, func() error {
		about.Runs += n
		about.Statuses[status] = n
		about.Include(column.Moment(oldest), column.Moment(newest))
		return nil
	})
	if err != nil {
		return err
	}
	rows, err = conn.Query(ctx, `select r.owner, coalesce(o.host, ''), coalesce(o.pid, 0), extract(epoch from clock_timestamp() - o.beat_at)::float8, count(*)
		from chainwright.runs r left join chainwright.owners o on o.id = r.owner where r.completed_at = 0 group by r.owner, o.host, o.pid, o.beat_at order by r.owner`)
	if err != nil {
		return err
	}
	var o store.Owner
	var unseen *float64
	_, err = pgx.ForEachRow(rows, []any{&o.ID, &o.Host, &o.PID, &unseen, &o.Runs}, func() error {
		o.Seen = time.Time{}
		if unseen != nil {
			o.Seen = fromNow(-*unseen)
		}
		about.Hold(o)
		return nil
	})
	return err
}
