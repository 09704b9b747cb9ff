// Package mysql runs statements on MySQL and MariaDB. What reads runs in a
// READ ONLY transaction, as a prepared statement, and is always rolled back.
package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/chainwright/chainwright/executors/sql/backend"
)

// Dial opens a network connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

const (
	maxConns    = 8
	idleTime    = 5 * time.Minute
	cleanupTime = 3 * time.Second
)

type database struct {
	pool *sql.DB
	// killer has connections of its own, for the pool may be used up by what
	// is to be ended.
	killer *sql.DB
	wires  *wires
}

// Open prepares a database by its DSN, in the driver's form or as
// mysql://user:password@host/database; nothing is dialled yet. Of the options
// of a caller's DSN only tls is taken.
func Open(dsn string, dial Dial, callers bool) (backend.Database, error) {
	config, err := parse(dsn)
	if err != nil {
		return nil, err
	}
	config.DialFunc = dial
	if callers {
		config = restricted(config, dial)
	}
	config.MultiStatements, config.InterpolateParams, config.AllowAllFiles = false, false, false
	config.ParseTime, config.Loc = false, time.UTC
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	config.Params["time_zone"] = "'+00:00'"
	wires, err := watch(config)
	if err != nil {
		return nil, fmt.Errorf("reading the DSN: %w", err)
	}
	d := &database{pool: sql.OpenDB(wires), killer: sql.OpenDB(wires), wires: wires}
	d.pool.SetMaxOpenConns(maxConns)
	d.pool.SetConnMaxIdleTime(idleTime)
	d.killer.SetMaxOpenConns(2)
	d.killer.SetMaxIdleConns(0)
	return d, nil
}

func parse(dsn string) (*mysql.Config, error) {
	rest, isURL := strings.CutPrefix(dsn, "mysql://")
	if !isURL {
		config, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, errors.New("reading the DSN: it is not in the form user:password@tcp(host:port)/database")
		}
		return config, nil
	}
	u, err := url.Parse("mysql://" + rest)
	if err != nil || u.Host == "" {
		return nil, errors.New("reading the DSN: it is not in the form mysql://user:password@host:port/database")
	}
	base := mysql.NewConfig()
	base.Net, base.Addr, base.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	if u.Port() == "" {
		base.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	base.User = u.User.Username()
	base.Passwd, _ = u.User.Password()
	formatted := base.FormatDSN()
	if u.RawQuery != "" {
		formatted += map[bool]string{true: "&", false: "?"}[strings.Contains(formatted, "?")] + u.RawQuery
	}
	config, err := mysql.ParseDSN(formatted)
	if err != nil {
		return nil, errors.New("reading the DSN: its options are not known")
	}
	return config, nil
}

// restricted keeps of a caller's DSN who connects to what.
func restricted(given *mysql.Config, dial Dial) *mysql.Config {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = given.User, given.Passwd, given.DBName
	config.Net, config.Addr, config.TLSConfig = "tcp", given.Addr, given.TLSConfig
	config.DialFunc = func(ctx context.Context, _, address string) (net.Conn, error) {
		conn, err := dial(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return &bounded{Conn: conn, left: maxReceived}, nil
	}
	return config
}

// maxReceived bounds what a server that a caller named may send in all.
const maxReceived = 64 << 20

type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the server sent more than %d bytes", maxReceived)
	}
	n, err := b.Conn.Read(p)
	b.left -= n
	return n, err
}

func (d *database) Close() error { return errors.Join(d.pool.Close(), d.killer.Close()) }

func (d *database) Run(ctx context.Context, request backend.Request) (*backend.Result, error) {
	query, args, err := bind(request)
	if err != nil {
		return nil, err
	}
	if !request.Write {
		if err := readable(request.Query); err != nil {
			return nil, err
		}
	}
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return nil, explain(ctx, err, false)
	}
	defer conn.Close()
	s := &session{conn: conn, write: request.Write}
	_ = conn.Raw(func(made any) error { // which has no errors of its own
		s.wire = d.wires.of(made)
		return nil
	})
	s.wire.allow()
	stop, err := s.begin(ctx, d.killer)
	if err != nil {
		return nil, explain(ctx, err, false)
	}
	defer stop()
	defer s.end()
	result, err := s.run(ctx, query, args, request)
	if err != nil {
		return nil, explain(ctx, s.wire.overflow(err), s.sent && request.Write)
	}
	return result, nil
}

// session is one statement on one connection.
type session struct {
	conn  *sql.Conn
	wire  *wire
	write bool
	sent  bool
}

// begin bounds the statement in the server and begins the transaction. The
// statement is killed in the server when ctx ends; until stop is called.
func (s *session) begin(ctx context.Context, killer *sql.DB) (stop func(), err error) {
	var id int64
	var version string
	if err := s.conn.QueryRowContext(ctx, "SELECT CONNECTION_ID(), VERSION()").Scan(&id, &version); err != nil {
		return nil, err
	}
	setup := []string{timeLimit(version, backend.Left(ctx)+time.Second)}
	if !s.write {
		setup = append(setup, "SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY")
	}
	for _, each := range setup {
		if _, err := s.conn.ExecContext(ctx, each); err != nil {
			return nil, err
		}
	}
	done := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(done)
		within, cancel := context.WithTimeout(context.Background(), cleanupTime)
		defer cancel()
		_, _ = killer.ExecContext(within, "KILL QUERY "+strconv.FormatInt(id, 10))
	})
	return func() {
		if !unhook() {
			<-done
		}
	}, nil
}

// timeLimit bounds a statement: MySQL bounds what reads, MariaDB all.
func timeLimit(version string, limit time.Duration) string {
	if strings.Contains(strings.ToLower(version), "mariadb") {
		return "SET SESSION max_statement_time = " + strconv.FormatFloat(limit.Seconds(), 'f', 3, 64)
	}
	return "SET SESSION max_execution_time = " + backend.Milliseconds(limit)
}

// end makes the connection as new. One that can't be is closed.
func (s *session) end() {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTime)
	defer cancel()
	for _, each := range []string{"ROLLBACK", "SET SESSION TRANSACTION READ WRITE", "DO RELEASE_ALL_LOCKS()"} {
		if _, err := s.conn.ExecContext(ctx, each); err != nil {
			_ = s.conn.Raw(func(any) error { return errBad })
			return
		}
	}
}

func (s *session) run(ctx context.Context, query string, args []any, request backend.Request) (*backend.Result, error) {
	// Prepared, even without parameters: the server then takes one statement,
	// whatever the connection was opened with.
	statement, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer statement.Close()
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	s.sent = true
	found, err := statement.QueryContext(within, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	result, err := collect(found, request, cancel, s.wire.allow)
	if err != nil || !s.write {
		return result, err
	}
	if err := found.Close(); err != nil {
		return nil, err
	}
	// ROW_COUNT() is -1 after a statement that gave rows.
	if len(result.Columns) == 0 {
		err = s.conn.QueryRowContext(ctx, "SELECT GREATEST(ROW_COUNT(), 0)").Scan(&result.RowsAffected)
	}
	return result, err
}
