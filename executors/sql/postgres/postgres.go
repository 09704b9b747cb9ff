// Package postgres runs statements on PostgreSQL. What reads runs in a
// READ ONLY transaction, by the extended protocol, which takes one statement
// at a time, and is always rolled back.
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

	"github.com/chainwright/chainwright/executors/sql/backend"
)

// Dial opens a network connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

const (
	maxConns    = 8
	idleTime    = 5 * time.Minute
	cleanupTime = 2 * time.Second
)

// settings are those that the form of values depends on.
var settings = map[string]string{
	"client_encoding": "UTF8", "timezone": "UTC", "datestyle": "ISO, YMD", "intervalstyle": "iso_8601",
	"bytea_output": "hex", "extra_float_digits": "1",
}

type database struct{ pool *pgxpool.Pool }

// Open prepares a database by its DSN; nothing is dialled yet. Names are for
// dial to resolve.
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
	query, values, err := bind(request)
	if err != nil {
		return nil, err
	}
	begin, err := s.begin(ctx, request)
	if err != nil {
		return nil, err
	}
	if err := s.simple(ctx, begin); err != nil {
		return nil, noReadRole(err)
	}
	statement, err := s.conn.Prepare(ctx, "", query, nil)
	if err != nil {
		return nil, err
	}
	if !request.Write && len(statement.Fields) == 0 {
		// The server says that it gives no rows: it is there for what it does.
		return nil, backend.ReadOnly("it gives no rows")
	}
	params, err := encode(values, statement.ParamOIDs)
	if err != nil {
		return nil, err
	}
	return s.execute(ctx, request, statement, params)
}

func (s *session) execute(ctx context.Context, request backend.Request, statement *pgconn.StatementDescription, params [][]byte) (*backend.Result, error) {
	columns := make([]backend.Column, len(statement.Fields))
	for i, f := range statement.Fields {
		columns[i] = backend.Column{Name: f.Name, Type: typeName(f.DataTypeOID)}
	}
	rows := backend.NewRows(columns, request)
	s.sent = true
	reader := s.conn.ExecPrepared(ctx, "", params, nil, nil)
	cancelled := false
	for reader.NextRow() {
		if rows.Full() {
			if !request.Write && !cancelled {
				// Enough: the server need not send the rest. What writes must
				// end by itself, or it would be undone.
				cancelled = true
				if err := s.conn.CancelRequest(ctx); err != nil {
					return nil, fmt.Errorf("ending the query: %w", err)
				}
			}
			continue
		}
		for i, v := range reader.Values() {
			rows.Value(appendValue(rows.Next(), v, statement.Fields[i].DataTypeOID))
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
	if err := s.nameTypes(ctx, columns, statement.Fields); err != nil && !cancelled {
		return nil, err
	}
	return result, nil
}

// begin is what is sent before a statement. In a READ ONLY transaction the
// first query settles that it stays one, so one is made.
func (s *session) begin(ctx context.Context, request backend.Request) (string, error) {
	limit := "statement_timeout = " + backend.Milliseconds(backend.Left(ctx)+time.Second)
	if request.Write {
		return "SET " + limit, nil
	}
	role := ""
	if s.conn.ParameterStatus("is_superuser") == "on" {
		// A superuser may read and write the server's files from any
		// transaction. A role that may only read tables takes its place.
		if err := refuseEscapes(request.Query); err != nil {
			return "", err
		}
		role = "SET LOCAL ROLE pg_read_all_data; "
	}
	return "BEGIN TRANSACTION READ ONLY; SET LOCAL " + limit + "; " + role + "SELECT 1", nil
}

// simple sends text of our own by the simple protocol.
func (s *session) simple(ctx context.Context, sql string) error {
	_, err := s.conn.Exec(ctx, sql).ReadAll()
	return err
}

// clean makes the connection as new: no transaction, settings, locks or
// prepared statements are left. One that can't be is closed.
func (s *session) clean() {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTime)
	defer cancel()
	if s.conn.IsClosed() {
		// The library reads for 15 s what may come yet, and whoever closes the
		// database waits for that.
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
