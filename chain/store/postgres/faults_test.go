package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// wire is a connection to a server that can be cut. After a cut the server still
// receives what was sent, but its answer is lost: the client can't know whether
// the transaction was committed.
type wire struct {
	listener net.Listener
	mu       sync.Mutex
	conns    map[net.Conn]*atomic.Bool // whether what arrives is lost
	all      sync.WaitGroup
	down     atomic.Bool
}

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, conns: map[net.Conn]*atomic.Bool{}}
	w.all.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			if w.down.Load() {
				_ = near.Close()
				continue
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				_ = near.Close()
				continue
			}
			w.mu.Lock()
			deaf := &atomic.Bool{}
			w.conns[near] = deaf
			w.mu.Unlock()
			w.all.Go(func() {
				_, _ = io.Copy(losing{far, deaf}, near)
				_ = far.(*net.TCPConn).CloseWrite()
			})
			w.all.Go(func() {
				_, _ = io.Copy(losing{near, deaf}, far)
				_ = near.Close()
				_, _ = io.Copy(io.Discard, far)
				_ = far.Close()
				w.mu.Lock()
				delete(w.conns, near)
				w.mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		w.cut()
		w.all.Wait()
	})
	return w
}

// losing is a connection that loses what is sent when it is deaf.
type losing struct {
	net.Conn
	deaf *atomic.Bool
}

func (l losing) Write(p []byte) (int, error) {
	if l.deaf.Load() {
		return len(p), nil
	}
	return l.Conn.Write(p)
}

// deafen makes all connections lose what is sent, in both directions. They stay
// open. New ones work.
func (w *wire) deafen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, deaf := range w.conns {
		deaf.Store(true)
	}
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.conns {
		_ = conn.Close()
	}
}

// Connections are cut while many runs are written, also between a commit and its
// answer. Every write is there once.
func TestCuts(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	dsn := server.NewDatabase(t)
	w := newWire(t, server.Addr)
	s := open(t, strings.Replace(dsn, server.Addr, w.listener.Addr().String(), 1), Options{Patience: executortest.Patience})
	if _, err := s.List(t.Context(), store.Query{Limit: 1}); err != nil {
		t.Fatal(err)
	}
	const runs, each, most = 20, 40, 50
	var all sync.WaitGroup
	for i := range runs {
		all.Go(func() {
			id := fmt.Sprintf("r%d", i)
			if existing, err := s.Create(t.Context(), &store.Run{ID: id, Kind: store.KindTree, Key: id, Owner: "me", Status: "in_progress"}); err != nil || existing != nil {
				t.Errorf("creating %s: %v, %v", id, existing, err)
				return
			}
			for seq := int64(1); seq <= each; seq++ {
				done := make(chan error, 1)
				s.Append(&store.Batch{RunID: id, Owner: "me", Transitions: []store.Transition{{Seq: seq, State: "in_progress", At: time.Unix(1, 0)}}}, func(err error) { done <- err })
				if err := <-done; err != nil {
					t.Errorf("%s, %d: %v", id, seq, err)
				}
				s.Record(&store.Run{ID: fmt.Sprintf("c%d-%d", i, seq), Kind: store.KindCall, Owner: "me", Status: "completed", Outcome: &store.Transition{State: "completed", Attempt: 1}})
			}
		})
	}
	ended := make(chan struct{})
	var cutting sync.WaitGroup
	cuts := 0
	cutting.Go(func() {
		pause := time.NewTicker(30 * time.Millisecond)
		defer pause.Stop()
		for ; cuts < most; cuts++ {
			select {
			case <-ended:
				return
			case <-pause.C:
				w.cut()
			}
		}
	})
	all.Wait()
	close(ended)
	cutting.Wait()
	t.Logf("%d cuts", cuts)
	for i := range runs {
		list, err := s.Transitions(t.Context(), fmt.Sprintf("r%d", i), 0, 0)
		if err != nil || len(list) != each {
			t.Errorf("run %d has %d transitions, %v", i, len(list), err)
		}
	}
	calls, err := s.List(t.Context(), store.Query{Anyone: true, Kind: store.KindCall, Limit: 10_000})
	if err != nil || len(calls) != runs*each {
		t.Errorf("%d calls, %v", len(calls), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// If the database can't be reached for longer than Options.Patience, the error
// says so. When it can be reached again, the store works, and no part of a failed
// write is there.
func TestAway(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	dsn := strings.Replace(server.NewDatabase(t), "postgres@", "postgres:s3cret@", 1)
	w := newWire(t, server.Addr)
	s := open(t, strings.Replace(dsn, server.Addr, w.listener.Addr().String(), 1), Options{Patience: 100 * time.Millisecond})
	run := func(id string) *store.Run {
		return &store.Run{ID: id, Kind: store.KindTree, Owner: "me", Status: "in_progress"}
	}
	// The store is not patient, and the machine may be busy.
	reached := func(id string) {
		t.Helper()
		for end := time.Now().Add(executortest.Patience); ; {
			_, err := s.Create(t.Context(), run(id))
			if err == nil {
				return
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
	reached("before")
	w.down.Store(true)
	w.cut()
	for what, err := range map[string]error{
		"Create": second(s.Create(t.Context(), run("away"))), "Run": second(s.Run(t.Context(), "before")), "Beat": s.Beat(t.Context(), "me"),
		"List": second(s.List(t.Context(), store.Query{Anyone: true, Limit: 1})), "TakeCancels": second(s.TakeCancels(t.Context(), "me")),
	} {
		if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), w.listener.Addr().String()) || strings.ContainsAny(err.Error(), "\n\t") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.down.Store(false)
	reached("after")
	list, err := s.List(t.Context(), store.Query{Anyone: true, Limit: 10})
	for err != nil {
		list, err = s.List(t.Context(), store.Query{Anyone: true, Limit: 10})
	}
	if len(list) != 2 {
		t.Errorf("a run whose creation failed is there: %d runs", len(list))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// One text that PostgreSQL can't keep fails alone, with a clear error.
func TestNUL(t *testing.T) {
	t.Parallel()
	s := open(t, peers.StartPostgres(t).NewDatabase(t), Options{})
	defer s.Close()
	_, err := s.Create(t.Context(), &store.Run{ID: "a", Kind: store.KindTree, Name: "a\x00b", Owner: "me", Status: "in_progress"})
	if !errors.Is(err, errNUL) {
		t.Errorf("a name with NUL: %v", err)
	}
	if _, err := s.Create(t.Context(), &store.Run{ID: "b", Kind: store.KindTree, Name: "b", Owner: "me", Status: "in_progress"}); err != nil {
		t.Error(err)
	}
	result := []byte("\x00\xff\x01") // results are bytes
	done := make(chan error, 1)
	s.Append(&store.Batch{RunID: "b", Owner: "me", Transitions: []store.Transition{{Seq: 1, State: "completed", Result: result}}}, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Error(err)
	}
	if last, err := s.Last(t.Context(), "b", 0); err != nil || string(last.Result) != string(result) {
		t.Errorf("%+v, %v", last, err)
	}
}

// Three stores of one database act as three processes: a key makes one run, a
// claim one owner, and a cancel request reaches the owner wherever it was made.
func TestThreeProcesses(t *testing.T) {
	t.Parallel()
	dsn := peers.StartPostgres(t).NewDatabase(t)
	var stores []*Store
	for range 3 {
		s := open(t, dsn, Options{})
		t.Cleanup(func() { _ = s.Close() })
		stores = append(stores, s)
	}
	ctx := context.WithoutCancel(t.Context())
	var all sync.WaitGroup
	var made, claimed atomic.Int32
	for i, s := range stores {
		all.Go(func() {
			for n := range 30 {
				existing, err := s.Create(ctx, &store.Run{ID: fmt.Sprintf("r%d-%d", i, n), Kind: store.KindTree, Key: fmt.Sprint(n), Owner: fmt.Sprint(i), Status: "in_progress"})
				if err != nil {
					t.Errorf("key %d: %v", n, err)
				} else if existing == nil {
					made.Add(1)
				}
			}
		})
	}
	all.Wait()
	if made.Load() != 30 {
		t.Errorf("%d runs for 30 keys", made.Load())
	}
	list, err := stores[0].List(ctx, store.Query{Anyone: true, Limit: 100})
	if err != nil || len(list) != 30 {
		t.Fatalf("%d runs, %v", len(list), err)
	}
	for i, s := range stores {
		all.Go(func() {
			for _, r := range list {
				switch _, err := s.Claim(ctx, store.Claim{RunID: r.ID, Owner: fmt.Sprintf("new%d", i), UnseenSince: time.Now().Add(time.Hour), Seq: r.Seq}); {
				case err == nil:
					claimed.Add(1)
				case !errors.Is(err, store.ErrLost):
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if claimed.Load() < 30 { // with UnseenSince in the future a new owner is unseen too
		t.Errorf("%d claims", claimed.Load())
	}
	if err := stores[1].RequestCancel(ctx, store.Cancel{RunID: list[0].ID, Task: -1}); err != nil {
		t.Fatal(err)
	}
	r, err := stores[2].Run(ctx, list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := stores[0].TakeCancels(ctx, r.Owner); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

// Old runs that have ended are removed, with all that belongs to them.
func TestPurge(t *testing.T) {
	t.Parallel()
	s := open(t, peers.StartPostgres(t).NewDatabase(t), Options{MaxAge: time.Hour})
	defer s.Close()
	old := time.Now().Add(-2 * time.Hour)
	for _, id := range []string{"old", "goes-on"} {
		if _, err := s.Create(t.Context(), &store.Run{ID: id, Kind: store.KindTree, Owner: "me", Status: "in_progress", CreatedAt: old}); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	s.AppendLogs([]store.LogPart{{RunID: "old", Text: []byte("a line")}}, nil, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.Append(&store.Batch{RunID: "old", Owner: "me", Status: "completed", CompletedAt: old, Transitions: []store.Transition{{Seq: 1, State: "completed"}}}, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	pool, err := s.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{store: s, pool: pool, waiting: t.Context()}
	if !w.purge() || w.purge() {
		t.Error("the old run is not removed at once, or something else is")
	}
	if _, err := s.Run(t.Context(), "old"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the old run: %v", err)
	}
	if _, err := s.Run(t.Context(), "goes-on"); err != nil {
		t.Errorf("the run that goes on: %v", err)
	}
	var rows int
	for _, table := range []string{"transitions", "logs"} {
		if err := pool.QueryRow(t.Context(), "select count(*) from chainwright."+table).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d rows of %s are left, %v", rows, table, err)
		}
	}
}
