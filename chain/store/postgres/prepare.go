package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// prepared are the statements of most writes: to plan one takes longer than to
// execute it.
var prepared = []string{holdSQL, appendSQL, callsSQL, createSQL, keyedSQL, beatSQL}

// prepare prepares the statements of a new connection, unless a pooler is in
// between: behind it, the next transaction may run on another connection.
func (s *Store) prepare(ctx context.Context, conn *pgx.Conn) error {
	var pid uint32
	var known bool
	if err := conn.QueryRow(ctx, "select pg_backend_pid(), to_regclass('chainwright.runs') is not null").Scan(&pid, &known); err != nil {
		return err
	}
	if pid != conn.PgConn().PID() { // a pooler tells its own number of the connection
		return nil
	}
	if !known { // preparing would write errors to the server's log
		s.unprepared.Store(true)
		return nil
	}
	for _, text := range prepared {
		_, err := conn.Prepare(ctx, text, text)
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code[:2] == "42" { // an earlier schema
			s.unprepared.Store(true)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
