// Package mysql runs statements on MySQL and MariaDB. Read mode runs a prepared
// statement in a READ ONLY transaction, which is always rolled back.
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

	"github.com/chainwright/chainwright/executors/sql/internal/backend"
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
	// killer has its own connections, because the statements to end may use up
	// the pool.
	killer *sql.DB
	wires  *wires
	params map[string]string // session variables that the driver sets
}

// Open prepares a database by its DSN, in the driver's form or as
// mysql://user:password@host/database. It does not dial. Of the options of a
// caller's DSN only tls is used.
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
	wires, err := watch(config)
	if err != nil {
		return nil, fmt.Errorf("reading the DSN: %w", err)
	}
	d := &database{pool: sql.OpenDB(wires), killer: sql.OpenDB(wires), wires: wires, params: config.Params}
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

// restricted returns a caller's DSN with only the user and the address.
func restricted(given *mysql.Config, dial Dial) *mysql.Config {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = given.User, given.Passwd, given.DBName
	config.Net, config.Addr, config.TLSConfig = "tcp", given.Addr, given.TLSConfig
	config.Params = map[string]string{"time_zone": "'+00:00'"}
	config.DialFunc = func(ctx context.Context, _, address string) (net.Conn, error) {
		conn, err := dial(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return &bounded{Conn: conn, left: maxReceived}, nil
	}
	return config
}

// maxReceived is the most bytes in all from a server that a caller named.
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
	bound, err := bind(request)
	if err != nil {
		return nil, err
	}
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return nil, explain(ctx, err, false)
	}
	defer conn.Close()
	s := &session{conn: conn, write: request.Write, other: keeps[backend.FirstWord(request.Query, backend.MySQL)]}
	_ = conn.Raw(func(made any) error { // it returns no errors of its own
		s.wire = d.wires.of(made)
		return nil
	})
	s.wire.allow()
	stop, err := s.begin(ctx, d.killer)
	if err != nil {
		return nil, explain(ctx, err, false)
	}
	defer stop()
	defer s.end(d.params)
	result, err := s.run(ctx, bound, request)
	if err != nil {
		return nil, explain(ctx, s.wire.overflow(err), s.sent && request.Write)
	}
	return result, nil
}

// keeps are the first words of statements with an effect that a reset may keep.
var keeps = map[string]bool{"use": true, "set": true, "call": true, "execute": true, "begin": true, "do": true}

// session is one statement on one connection.
type session struct {
	conn  *sql.Conn
	wire  *wire
	write bool
	sent  bool
	// other is set for statements that change the default database or the role,
	// which a reset keeps.
	other              bool
	charset, collation string // of the session when it was new
}

// begin sets the statement's time limit and starts the transaction. Until stop
// is called, the server kills the statement when ctx ends.
func (s *session) begin(ctx context.Context, killer *sql.DB) (stop func(), err error) {
	var id int64
	var version string
	row := s.conn.QueryRowContext(ctx, "SELECT CONNECTION_ID(), VERSION(), @@character_set_client, @@collation_connection")
	if err := row.Scan(&id, &version, &s.charset, &s.collation); err != nil {
		return nil, err
	}
	if !s.write && (s.wire == nil || !s.wire.checked) {
		found, err := powers(ctx, s.conn)
		if err == nil {
			err = tooPowerful(found)
		}
		if err != nil {
			return nil, err
		}
		if s.wire != nil {
			s.wire.checked = true
		}
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

// timeLimit returns the time limit setting: in MySQL it applies to statements
// that read, in MariaDB to all.
func timeLimit(version string, limit time.Duration) string {
	if strings.Contains(strings.ToLower(version), "mariadb") {
		return "SET SESSION max_statement_time = " + strconv.FormatFloat(limit.Seconds(), 'f', 3, 64)
	}
	return "SET SESSION max_execution_time = " + backend.Milliseconds(limit)
}

// end resets the session, so that nothing of a call is left for the next one. If
// that fails, it closes the connection.
func (s *session) end(params map[string]string) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTime)
	defer cancel()
	if s.other && s.sent || s.reset(ctx, params) != nil {
		_ = s.conn.Raw(func(any) error { return errBad })
	}
}

func (s *session) run(ctx context.Context, bound backend.Bound, request backend.Request) (*backend.Result, error) {
	// Prepared even without parameters: the server then accepts only one
	// statement, whatever the options of the connection.
	statement, err := s.conn.PrepareContext(ctx, bound.Query)
	if statement != nil {
		defer statement.Close()
	}
	if !s.write && !isSyntax(err) {
		if failed := readable(request.Query); failed != nil {
			return nil, failed
		}
	}
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	s.sent = true
	found, err := statement.QueryContext(within, bound.Values...)
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
	// ROW_COUNT() is -1 after a statement that returned rows.
	if len(result.Columns) == 0 {
		err = s.conn.QueryRowContext(ctx, "SELECT GREATEST(ROW_COUNT(), 0)").Scan(&result.RowsAffected)
		if errors.Is(err, sql.ErrNoRows) { // the statement was SET sql_select_limit = 0
			err = nil
		}
	}
	return result, err
}
