// Package sqlite keeps the records of runs in one SQLite file, which several processes may share. It is not a stable API.
//
// One goroutine writes: it commits all queued writes in one transaction, so that
// they share the cost of the flush to disk. The file is opened on first use.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/queue"
)

// Options are the settings of a store. The zero value has the defaults.
type Options struct {
	// Linger is how long a record that no caller waits for may be delayed, to
	// be written with others. 0: 50 ms.
	Linger time.Duration
	// MaxAge and MaxBytes limit the records of runs that have ended. 0: 30
	// days, 1 GiB.
	MaxAge   time.Duration
	MaxBytes int64
	// BusyTimeout is how long to wait for another process that has locked the
	// file. 0: 10 s.
	BusyTimeout time.Duration
	// MaxPages limits the size of the file, in pages of 4 KiB. 0: no limit.
	// Writes to a full store fail.
	MaxPages int
	// OnError is called, if it is set, when a write fails that no caller waits
	// for.
	OnError func(error)
}

// Open returns a store. The file is opened, and created with permissions for the
// user only, on first use.
func Open(path string, opts Options) *Store {
	if opts.Linger == 0 {
		opts.Linger = 50 * time.Millisecond
	}
	if opts.MaxAge == 0 {
		opts.MaxAge = 30 * 24 * time.Hour
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = 1 << 30
	}
	if opts.BusyTimeout == 0 {
		opts.BusyTimeout = 10 * time.Second
	}
	if opts.OnError == nil {
		opts.OnError = func(error) {}
	}
	return &Store{path: path, opts: opts, queue: queue.New[work]()}
}

// Store is a store.Store in an SQLite file.
type Store struct {
	path  string
	opts  Options
	queue *queue.Queue[work]

	// opening means that the file is open or being opened.
	opening atomic.Bool

	mu     sync.Mutex // guards what follows
	closed bool
	read   *sql.DB
	write  *sql.DB
	beats  *sql.DB // made for the first heartbeat
	// writer receives the writer's last error when it has ended. It is nil before
	// the writer starts.
	writer chan error
}

var _ store.Store = (*Store)(nil)

// open opens the file. After an error the next call tries again.
func (s *Store) open(ctx context.Context) (*sql.DB, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	if s.read != nil {
		return s.read, nil
	}
	abs, err := filepath.Abs(s.path)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	if err := private(abs); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	pragmas := []string{"journal_mode(wal)", "synchronous(full)", "journal_size_limit(67108864)"}
	if s.opts.MaxPages > 0 {
		pragmas = append(pragmas, fmt.Sprintf("max_page_count(%d)", s.opts.MaxPages))
	}
	write, err := sql.Open("sqlite", s.dsn(abs, pragmas...))
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", s.path, err)
	}
	write.SetMaxOpenConns(1)
	conn, statements, err := s.prepare(ctx, write)
	if err != nil {
		write.Close()
		return nil, fmt.Errorf("opening the store %s: %w", s.path, err)
	}
	read, err := sql.Open("sqlite", s.dsn(abs, "query_only(1)"))
	if err != nil {
		write.Close()
		return nil, fmt.Errorf("opening the store %s: %w", s.path, err)
	}
	read.SetMaxOpenConns(4)
	read.SetConnMaxIdleTime(time.Minute)
	s.read, s.write, s.writer = read, write, make(chan error, 1)
	s.opening.Store(true)
	go func() {
		w := &writer{store: s, conn: conn, stmt: statements, keys: map[string]int64{}}
		s.queue.Write(s.opts.Linger, w.commit, w.purge)
		s.writer <- errors.Join(statements.close(), conn.Close())
	}()
	return read, nil
}

// beatConnection returns the connection for heartbeats.
func (s *Store) beatConnection() (*sql.DB, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	if s.beats == nil {
		abs, err := filepath.Abs(s.path)
		if err != nil {
			return nil, fmt.Errorf("opening the store: %w", err)
		}
		limit := min(s.opts.BusyTimeout, beatTimeout)
		if s.beats, err = sql.Open("sqlite", DSN(abs, fmt.Sprintf("busy_timeout(%d)", limit.Milliseconds()), "synchronous(normal)")); err != nil {
			return nil, fmt.Errorf("opening the store %s: %w", s.path, err)
		}
		s.beats.SetMaxOpenConns(1)
	}
	return s.beats, nil
}

// openBehind opens the file in the background, unless it is open. If that fails,
// so do the queued ops.
func (s *Store) openBehind() {
	if !s.opening.CompareAndSwap(false, true) {
		return
	}
	go func() {
		if _, err := s.open(context.Background()); err != nil {
			s.opening.Store(false)
			s.queue.Fail(err)
		}
	}()
}

// prepare opens the connection for writing.
func (s *Store) prepare(ctx context.Context, db *sql.DB) (*sql.Conn, *statements, error) {
	ctx = context.WithoutCancel(ctx) // the connection outlives the caller
	var conn *sql.Conn
	var err error
	// Two processes that make a new file at once collide over the journal
	// mode, which SQLite's own waiting does not cover.
	for range 50 {
		if conn, err = db.Conn(ctx); err == nil || !strings.Contains(err.Error(), "locked") {
			break
		}
		time.Sleep(20 * time.Millisecond) //nolint:forbidigo // SQLite has no signal for this
	}
	if err != nil {
		return nil, nil, err
	}
	if err := s.migrate(ctx, conn); err != nil {
		conn.Close()
		return nil, nil, err
	}
	stmt, err := newStatements(ctx, conn)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, stmt, nil
}

// private creates the folder and the file with permissions for the user only.
func private(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn returns the driver's name for the store's file.
func (s *Store) dsn(path string, pragmas ...string) string {
	return DSN(path, append([]string{fmt.Sprintf("busy_timeout(%d)", s.opts.BusyTimeout.Milliseconds())}, pragmas...)...)
}

// DSN returns the driver's name for a file, with pragmas that each connection
// sets in this order. The path must be absolute.
func DSN(path string, pragmas ...string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/…
	}
	return "file:" + (&url.URL{Path: slashed}).EscapedPath() + "?" + url.Values{"_pragma": pragmas}.Encode()
}

// Close writes the queued ops and closes the file.
func (s *Store) Close() error {
	if !s.queue.Idle() {
		if _, err := s.open(context.Background()); err != nil {
			s.queue.Fail(err)
		}
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	read, write, beats, writer := s.read, s.write, s.beats, s.writer
	s.mu.Unlock()
	s.queue.Close()
	if read == nil {
		return nil
	}
	errs := []error{<-writer, read.Close(), write.Close()}
	if beats != nil {
		errs = append(errs, beats.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the store %s: %w", s.path, err)
	}
	return nil
}
