// Package sqlite keeps the records of runs in one SQLite file, which several
// processes may share.
//
// One goroutine writes: it takes whatever waits and commits it at once, so
// that the cost of making things durable is shared by all who wait. The file
// is opened on first use.
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
)

// Options are how the file is kept. The zero value is fine.
type Options struct {
	// Linger is how long a record that nobody waits for may wait for company
	// (50 ms).
	Linger time.Duration
	// MaxAge and MaxBytes are how long, and how much, is kept of runs that
	// have ended (30 days, 1 GiB).
	MaxAge   time.Duration
	MaxBytes int64
	// BusyTimeout is how long another process may hold the file (10 s).
	BusyTimeout time.Duration
	// MaxPages bounds the size of the file, in pages of 4 KiB; 0: by the disk
	// alone. A store that is full fails what it can't keep.
	MaxPages int
	// OnError hears of records that could not be written and that nobody
	// waits for.
	OnError func(error)
}

// Open makes a store of the file, which is opened and where need be created
// (private to the user) on first use.
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
	s := &Store{path: path, opts: opts}
	s.queue.init()
	return s
}

// Store is a store.Store in an SQLite file.
type Store struct {
	path  string
	opts  Options
	queue queue

	// opening says that the file is open, or that someone is opening it.
	opening atomic.Bool

	mu     sync.Mutex // guards what follows
	closed bool
	read   *sql.DB
	write  *sql.DB
	// writer is closed when the writer has ended; nil before it began.
	writer chan struct{}
}

var _ store.Store = (*Store)(nil)

// open opens the file, or says why it can't be; the next call tries again.
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
	conn, statements, err := prepare(ctx, write)
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
	s.read, s.write, s.writer = read, write, make(chan struct{})
	s.opening.Store(true)
	go func() {
		defer close(s.writer)
		w := &writer{store: s, conn: conn, stmt: statements, keys: map[string]int64{}}
		w.run()
		conn.Close()
	}()
	return read, nil
}

// openBehind has the file opened, if it is not, without waiting for it. Where
// that fails so does what is queued.
func (s *Store) openBehind() {
	if !s.opening.CompareAndSwap(false, true) {
		return
	}
	go func() {
		if _, err := s.open(context.Background()); err != nil {
			s.opening.Store(false)
			s.queue.fail(err)
		}
	}()
}

// prepare opens the one connection that writes.
func prepare(ctx context.Context, db *sql.DB) (*sql.Conn, *statements, error) {
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
	if err := migrate(ctx, conn); err != nil {
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

// private makes the folder and the file, readable by the user alone.
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

// dsn is the driver's name for the file.
func (s *Store) dsn(path string, pragmas ...string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/…
	}
	q := url.Values{"_pragma": append([]string{fmt.Sprintf("busy_timeout(%d)", s.opts.BusyTimeout.Milliseconds())}, pragmas...)}
	return "file:" + (&url.URL{Path: slashed}).EscapedPath() + "?" + q.Encode()
}

// Close writes what waits and closes the file.
func (s *Store) Close() error {
	if !s.queue.idle() {
		if _, err := s.open(context.Background()); err != nil {
			s.queue.fail(err)
		}
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	read, write, writer := s.read, s.write, s.writer
	s.mu.Unlock()
	s.queue.close()
	if read == nil {
		return nil
	}
	<-writer
	if err := errors.Join(read.Close(), write.Close()); err != nil {
		return fmt.Errorf("closing the store %s: %w", s.path, err)
	}
	return nil
}
