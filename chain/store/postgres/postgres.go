// Package postgres keeps the records of runs in a PostgreSQL database, which several processes may share. It is not a stable API.
//
// One goroutine writes: it sends all queued writes as one pipeline, which is one
// transaction and one round trip. No session keeps a setting or a lock, and
// statements are prepared only where no pooler is in between, so that
// transactions can be pooled. The tables are in the schema chainwright. Lives are
// measured by the database's clock.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/queue"
)

// Options are the settings of a store. The zero value has the defaults.
type Options struct {
	// Linger is how long a record that no caller waits for may be delayed, to
	// be written with others. 0: 50 ms.
	Linger time.Duration
	// MaxAge limits the records of runs that have ended. 0: 30 days.
	MaxAge time.Duration
	// Patience is how long writes and reads wait for a database that can't be
	// reached. 0: 10 s.
	Patience time.Duration
	// Silence is how long one attempt at a write or a read may take before its
	// connection is taken for dead: a network can lose packets for as long as it
	// likes, and a server behind it never answers. 0: 30 s.
	Silence time.Duration
	// OnError is called, if it is set, when a write fails that no caller waits
	// for.
	OnError func(error)
}

const (
	// maxConns are the connections for reading and beats. The writer has one
	// more.
	maxConns    = 5
	idleTime    = 5 * time.Minute
	application = "chainwright"
)

// Open returns a store of the database of a DSN, which is not reached before its
// first use. It fails if the DSN can't be read; the error holds no password.
func Open(dsn string, opts Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("reading the DSN of the store: %w", err)
	}
	if opts.Linger == 0 {
		opts.Linger = 50 * time.Millisecond
	}
	if opts.MaxAge == 0 {
		opts.MaxAge = 30 * 24 * time.Hour
	}
	if opts.Patience == 0 {
		opts.Patience = 10 * time.Second
	}
	if opts.Silence == 0 {
		opts.Silence = 30 * time.Second
	}
	if opts.OnError == nil {
		opts.OnError = func(error) {}
	}
	config.MaxConns, config.MaxConnIdleTime = maxConns+1, idleTime
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.ConnConfig.StatementCacheCapacity, config.ConnConfig.DescriptionCacheCapacity = 0, 0
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = application
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = opts.Patience
	}
	where := fmt.Sprintf("%s:%d/%s", config.ConnConfig.Host, config.ConnConfig.Port, config.ConnConfig.Database)
	return &Store{config: config, where: where, opts: opts, queue: queue.New[work]()}, nil
}

// Store is a store.Store in a PostgreSQL database.
type Store struct {
	config *pgxpool.Config
	where  string // for messages: it has no password
	opts   Options
	queue  *queue.Queue[work]

	// opening means that the database is open or being opened.
	opening atomic.Bool
	// unprepared means that a connection was made before there were tables.
	unprepared atomic.Bool

	mu     sync.Mutex // guards what follows
	closed bool
	pool   *pgxpool.Pool
	// stop ends the writer's waiting for the database; done is closed when the
	// writer has ended. Both are nil before it starts.
	stop context.CancelFunc
	done chan struct{}
}

var _ store.Store = (*Store)(nil)

// open reaches the database. After an error the next call tries again.
func (s *Store) open(ctx context.Context) (*pgxpool.Pool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	if s.pool != nil {
		return s.pool, nil
	}
	config := s.config.Copy()
	config.AfterConnect = s.prepare
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, s.failed("opening", err)
	}
	if err := s.patiently(ctx, func(ctx context.Context) error { return migrate(ctx, pool) }); err != nil {
		pool.Close()
		return nil, s.failed("opening", err)
	}
	if s.unprepared.Swap(false) {
		pool.Reset()
	}
	waiting, stop := context.WithCancel(context.Background())
	s.pool, s.stop, s.done = pool, stop, make(chan struct{})
	s.opening.Store(true)
	w := &writer{store: s, pool: pool, waiting: waiting}
	go func() {
		defer close(s.done)
		s.queue.Write(s.opts.Linger, w.commit, w.purge)
	}()
	return pool, nil
}

// openBehind reaches the database in the background. If that fails, so do the
// queued ops.
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

// failed says which store an error is of.
func (s *Store) failed(what string, err error) error {
	var unreached *pgconn.ConnectError
	if errors.As(err, &unreached) { // its text has a line for each address
		err = &oneLine{err}
	}
	return fmt.Errorf("%s the store postgres://%s: %w", what, s.where, err)
}

// oneLine is an error whose text is on one line.
type oneLine struct{ error }

func (e *oneLine) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }
func (e *oneLine) Unwrap() error { return e.error }

// Close writes the queued ops and closes the connections.
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
	pool, stop, done := s.pool, s.stop, s.done
	s.mu.Unlock()
	s.queue.Close()
	if pool == nil {
		return nil
	}
	<-done
	stop()
	pool.Close()
	return nil
}

// firstPause is the pause before a database that could not be reached is tried
// again; it doubles up to a second.
const firstPause = 20 * time.Millisecond

// patiently does something again while the database can't be reached, for as
// long as the store's patience.
func (s *Store) patiently(ctx context.Context, do func(context.Context) error) error {
	end := time.Now().Add(s.opts.Patience)
	again := true // after a connection that was silent for longer than that, another one may answer
	for pause := firstPause; ; pause = min(2*pause, time.Second) {
		began := time.Now()
		err := do(ctx)
		silent := time.Since(began) >= s.opts.Silence && again
		if err == nil || !unreachable(err) || ctx.Err() != nil || time.Now().Add(pause).After(end) && !silent {
			return err
		}
		again = again && !silent
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// attempt does something with the store's bound on silence. If that is reached, the
// other connections may be dead too, so all are given up.
func (s *Store) attempt(ctx context.Context, pool *pgxpool.Pool, do func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, s.opts.Silence)
	defer cancel()
	err := do(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		pool.Reset()
	}
	return err
}

// unreachable reports whether an error is of the connection or of the moment, so
// that the same statements may succeed later. All statements here may be sent
// again: what they did is recognised.
func unreachable(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code[:2] {
		case "08", "40", "53", "57": // connection, rollback, resources, operator
			return true
		}
		return false
	}
	var unreadable *pgconn.ParseConfigError
	return !errors.As(err, &unreadable) && !errors.Is(err, pgx.ErrNoRows) && !errors.Is(err, errDefect)
}

// errDefect marks errors that do not come from the connection.
var errDefect = errors.New("defect")
