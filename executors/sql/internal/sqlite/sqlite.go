// Package sqlite runs statements on SQLite files. Read mode opens the file
// read-only, and an authorizer refuses every action that does more than read.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

const (
	maxConns = 4
	idleTime = time.Minute
)

// limits are the limits of one statement. No file can be attached.
var limits = map[int]int{
	lib.SQLITE_LIMIT_ATTACHED:            0,
	lib.SQLITE_LIMIT_LENGTH:              backend.MaxMessage,
	lib.SQLITE_LIMIT_SQL_LENGTH:          1 << 20,
	lib.SQLITE_LIMIT_WORKER_THREADS:      0,
	lib.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
}

type database struct {
	path          string
	memory        int64 // the most bytes for one statement
	reads, writes func() *sql.DB
	mu            sync.Mutex
	open          []*sql.DB
	closed        bool
}

// Open prepares a file. The file is opened at the first use and never created.
func Open(path string) (backend.Database, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", path, err)
	}
	d := &database{path: absolute, memory: maxMemory}
	d.reads = sync.OnceValue(func() *sql.DB { return d.pool(false) })
	d.writes = sync.OnceValue(func() *sql.DB { return d.pool(true) })
	return d, nil
}

func (d *database) pool(write bool) *sql.DB {
	db := sql.OpenDB(connector{uri(d.path, write), write})
	db.SetMaxOpenConns(maxConns)
	db.SetConnMaxIdleTime(idleTime)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = db.Close()
	}
	d.open = append(d.open, db)
	return db
}

func (d *database) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	var err error
	for _, db := range d.open {
		if failed := db.Close(); failed != nil {
			err = failed
		}
	}
	return err
}

// uri returns the file's URI, escaped so that nothing in the path is read as an
// option.
func uri(path string, write bool) string {
	path = filepath.ToSlash(path)
	if runtime.GOOS == "windows" {
		path = "/" + path
	}
	options := url.Values{"_defensive": {"1"}, "_busy_timeout": {"5000"}, "_dqs": {"0"}, "_pragma": {"trusted_schema(0)", "cell_size_check(1)", "temp_store(2)"}}
	if write {
		options.Set("mode", "rw")
		options.Set("_foreign_keys", "1")
	} else {
		options.Set("mode", "ro")
		options.Set("_query_only", "1")
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: options.Encode()}
	return u.String()
}

// connector opens connections with the authorizer set from the start.
type connector struct {
	uri   string
	write bool
}

// own is a driver without functions, modules or hooks other than SQLite's own.
var own = &sqlite.Driver{}

func (c connector) Driver() driver.Driver { return own }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := own.Open(c.uri)
	if err != nil {
		return nil, err
	}
	h, err := handleOf(conn)
	if guarded, ok := conn.(sqlite.AuthorizerRegisterer); !ok {
		err = fmt.Errorf("the driver's connection %T has no authorizer", conn)
	} else if err == nil {
		h.measured()
		err = guarded.RegisterAuthorizer(authorize(h, c.write))
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func (d *database) Run(ctx context.Context, request backend.Request) (*backend.Result, error) {
	bound, err := bind(request)
	if err != nil {
		return nil, err
	}
	if counting != nil {
		return nil, counting
	}
	if err := d.present(); err != nil {
		return nil, err
	}
	pool := d.reads()
	if request.Write {
		pool = d.writes()
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, explain(ctx, err, request)
	}
	defer conn.Close()
	for id, value := range limits {
		if _, err := sqlite.Limit(conn, id, value); err != nil {
			return nil, fmt.Errorf("bounding the connection: %w", err)
		}
	}
	h, err := rawHandle(conn)
	if err != nil {
		return nil, err
	}
	defer h.interruptWith(ctx)()
	m, stop := h.meter(d.memory, request)
	defer stop()
	result, err := run(ctx, conn, request, bound, m)
	if m.refused && (err != nil || !request.Write) {
		// SQLite goes on without memory that it can do without. A write that
		// did so has happened; a read may lack values.
		err = m.tooMuch()
	}
	if err != nil {
		return nil, explain(ctx, err, request)
	}
	return result, nil
}

// present checks that the file exists and is a regular file: SQLite would block
// on a pipe, and its message for a missing file is unclear.
func (d *database) present() error {
	info, err := os.Stat(d.path)
	switch {
	case os.IsNotExist(err):
		return executors.Errorf(executors.NotFound, "there is no database file %s", filepath.Base(d.path))
	case err != nil:
		return executors.Errorf(executors.ExecutionError, "checking the database file: %w", err)
	case !info.Mode().IsRegular():
		return executors.Errorf(executors.PermissionDenied, "the database %s is not a regular file", filepath.Base(d.path))
	}
	return nil
}

func run(ctx context.Context, conn *sql.Conn, request backend.Request, bound backend.Bound, m *meter) (*backend.Result, error) {
	before, err := changed(ctx, conn, request)
	if err != nil {
		return nil, err
	}
	found, err := conn.QueryContext(ctx, bound.Query, bound.Values...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	result, err := collect(found, request, m)
	if err != nil {
		return nil, err
	}
	if err := found.Close(); err != nil {
		return nil, err
	}
	after, err := changed(ctx, conn, request)
	if err != nil {
		return nil, err
	}
	if after.total > before.total {
		result.RowsAffected = after.last
	}
	return result, nil
}

// changes returns the rows changed by the last statement, and by all statements
// with their triggers.
type changes struct{ last, total int64 }

func changed(ctx context.Context, conn *sql.Conn, request backend.Request) (c changes, err error) {
	if request.Write {
		err = conn.QueryRowContext(ctx, "SELECT changes(), total_changes()").Scan(&c.last, &c.total)
	}
	return c, err
}

// collect reads the rows. In write mode it reads to the end, because only then
// is a statement with RETURNING done.
func collect(found *sql.Rows, request backend.Request, m *meter) (*backend.Result, error) {
	names, err := found.Columns()
	if err != nil {
		return nil, err
	}
	types, err := found.ColumnTypes()
	if err != nil {
		return nil, err
	}
	columns := make([]backend.Column, len(names))
	for i, name := range names {
		columns[i] = backend.Column{Name: name, Type: strings.ToLower(types[i].DatabaseTypeName())}
	}
	rows := backend.NewRows(columns, request)
	values := make([]any, len(names))
	targets := make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	for found.Next() {
		if rows.Full() {
			if request.Write {
				continue
			}
			break
		}
		if m.wide {
			rows.Drop()
			continue
		}
		if err := found.Scan(targets...); err != nil {
			return nil, err
		}
		for i, v := range values {
			if _, ok := v.(time.Time); ok {
				v = m.times[i] // the driver has changed it
			}
			if columns[i].Type == "" {
				columns[i].Type = storageClass(v)
			}
			rows.Value(appendValue(rows.Next(), v, columns[i].Type))
		}
		rows.End()
	}
	return rows.Result(columns), found.Err()
}
