// Package postgres runs statements on PostgreSQL. Read mode uses a READ ONLY
// transaction, which is always rolled back, and the extended protocol, which
// accepts one statement at a time.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

// Dial opens a network connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

const (
	maxConns    = 8
	idleTime    = 5 * time.Minute
	cleanupTime = 2 * time.Second
)

// settings are the session settings that decide how values are written. The time
// zone is not one of them: it is what the operator set.
var settings = map[string]string{
	"client_encoding": "UTF8", "datestyle": "ISO, YMD", "intervalstyle": "iso_8601",
	"bytea_output": "hex", "extra_float_digits": "1",
}

type database struct{ pool *pgxpool.Pool }

// Open prepares a database by its DSN. It does not dial; dial resolves names.
func Open(dsn string, dial Dial) (backend.Database, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("reading the DSN: %w", err) // pgx leaves passwords out
	}
	config.MaxConns, config.MaxConnIdleTime = maxConns, idleTime
	config.ConnConfig.DialFunc = pgconn.DialFunc(dial)
	config.ConnConfig.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	for name, value := range settings {
		config.ConnConfig.RuntimeParams[name] = value
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "chainwright"
	}
	config.ConnConfig.MaxProtocolMessageBodyLen = backend.MaxMessage
	config.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cleanupTime}
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return &database{pool}, nil
}

func (d *database) Close() error {
	d.pool.Close()
	return nil
}

func (d *database) Run(ctx context.Context, request backend.Request) (*backend.Result, error) {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return nil, explain(ctx, err, false)
	}
	defer conn.Release()
	s := &session{conn: conn.Conn().PgConn()}
	defer s.clean()
	result, err := s.run(ctx, request)
	if err != nil {
		return nil, explain(ctx, err, s.sent && request.Write)
	}
	return result, nil
}

// session is one statement on one connection.
type session struct {
	conn *pgconn.PgConn
	sent bool
}

func (s *session) run(ctx context.Context, request backend.Request) (*backend.Result, error) {
	bound, err := bind(request)
	if err != nil {
		return nil, err
	}
	begin, err := s.begin(ctx, request)
	if err != nil {
		return nil, err
	}
	if err := s.simple(ctx, begin); err != nil {
		return nil, err
	}
	statement, err := s.conn.Prepare(ctx, "", bound.Query, nil)
	if err != nil {
		return nil, err
	}
	if !request.Write {
		if err := refuseEscapes(bound.Query); err != nil {
			return nil, err
		}
		if len(statement.Fields) == 0 {
			// The statement returns no rows, so it is there for its effect.
			return nil, backend.ReadOnly("it returns no rows")
		}
	}
	types, err := s.describe(ctx, statement)
	if err != nil {
		return nil, err
	}
	params, err := types.encode(bound, statement.ParamOIDs)
	if err != nil {
		return nil, err
	}
	if types != nil {
		if statement, err = s.conn.Prepare(ctx, "", bound.Query, nil); err != nil {
			return nil, err
		}
	}
	return s.execute(ctx, request, statement, types, params)
}

func (s *session) execute(ctx context.Context, request backend.Request, statement *pgconn.StatementDescription, types catalog, params [][]byte) (*backend.Result, error) {
	columns := make([]backend.Column, len(statement.Fields))
	for i, f := range statement.Fields {
		columns[i] = backend.Column{Name: f.Name, Type: types.name(f.DataTypeOID)}
	}
	rows := backend.NewRows(columns, request)
	s.sent = true
	reader := s.conn.ExecPrepared(ctx, "", params, nil, nil)
	cancelled := false
	for reader.NextRow() {
		if rows.Full() {
			if !request.Write && !cancelled {
				// The limit is reached: cancel a read. A write must finish, or
				// it would be rolled back.
				cancelled = true
				if err := s.conn.CancelRequest(ctx); err != nil {
					return nil, fmt.Errorf("ending the query: %w", err)
				}
			}
			continue
		}
		for i, v := range reader.Values() {
			rows.Value(types.appendValue(rows.Next(), v, statement.Fields[i].DataTypeOID))
		}
		rows.End()
	}
	tag, err := reader.Close()
	if err != nil && (!cancelled || !isCancelled(err)) {
		return nil, err
	}
	result := rows.Result(columns)
	if request.Write && !tag.Select() {
		result.RowsAffected = tag.RowsAffected()
	}
	return result, nil
}

// begin returns the statements that precede a statement. A READ ONLY
// transaction can't be changed after its first query, so one is included.
func (s *session) begin(ctx context.Context, request backend.Request) (string, error) {
	limit := "statement_timeout = " + backend.Milliseconds(backend.Left(ctx)+time.Second)
	if request.Write {
		return "SET " + limit, nil
	}
	if err := s.mayRead(ctx); err != nil {
		return "", err
	}
	return "BEGIN TRANSACTION READ ONLY; SET LOCAL " + limit + "; SELECT 1", nil
}

// powers returns the roles of the session that a READ ONLY transaction does not
// restrict: they read files, run programs or end the sessions of others.
const powers = `SELECT coalesce(string_agg(CASE WHEN rolsuper THEN 'a superuser' ELSE rolname::text END, ', '), '') FROM pg_catalog.pg_roles
	WHERE (rolname = session_user AND (rolsuper OR rolreplication)) OR NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user)
		AND pg_catalog.pg_has_role(session_user, oid, 'MEMBER') AND (rolsuper OR rolreplication OR rolname IN ('pg_read_server_files', 'pg_write_server_files',
			'pg_execute_server_program', 'pg_signal_backend', 'pg_signal_autovacuum_worker', 'pg_checkpoint', 'pg_create_subscription', 'pg_maintain'))`

// mayRead returns an error if the session's role can't be restricted to reading.
// It asks once for each connection.
func (s *session) mayRead(ctx context.Context) error {
	const key = "chainwright.may_read"
	if s.conn.CustomData()[key] != nil {
		return nil
	}
	results, err := s.conn.Exec(ctx, powers).ReadAll()
	if err != nil {
		return err
	}
	if found := string(results[0].Rows[0][0]); found != "" {
		return tooPowerful(found)
	}
	s.conn.CustomData()[key] = true
	return nil
}

// simple sends our own text by the simple protocol.
func (s *session) simple(ctx context.Context, sql string) error {
	_, err := s.conn.Exec(ctx, sql).ReadAll()
	return err
}

// clean resets the connection: no transaction, settings, locks or prepared
// statements are left. If that fails, it closes it.
func (s *session) clean() {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTime)
	defer cancel()
	if s.conn.IsClosed() {
		// The library would read the rest for 15 s, and Close waits for that.
		time.AfterFunc(cleanupTime, func() { _ = s.conn.Conn().Close() })
		return
	}
	var err error
	if s.conn.TxStatus() != 'I' {
		err = s.simple(ctx, "ROLLBACK")
	}
	if err = errors.Join(err, s.simple(ctx, "DISCARD ALL")); err != nil {
		_ = s.conn.Close(ctx)
	}
}
