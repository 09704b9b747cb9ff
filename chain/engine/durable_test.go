package engine_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/postgres"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	servers "github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// insert inserts rows as bare programs do: one statement a row, one commit for
// all. They are rows of the table of transitions, of a run that there is not.
type insert func(ctx context.Context, run, first, rows int) error

const bareRow = `insert into transitions (run, task, element, seq, state, attempt, at, started_at, next_at, generation, skip, problem, size, result, approval)
	values ($1, $2, 0, $3, 'completed', 1, $4, $4, 0, 0, '', '', 2, $5, '')`

func bareSQLite(b *testing.B, path string) insert {
	db, err := sql.Open("sqlite", sqlite.DSN(path, "journal_mode(wal)", "synchronous(full)"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	row, err := db.PrepareContext(b.Context(), bareRow)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = row.Close() })
	return func(ctx context.Context, run, first, rows int) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		own := tx.StmtContext(ctx, row)
		for i := range rows {
			if _, err := own.ExecContext(ctx, run, first+i, first+i, time.Now().UnixNano(), []byte("{}")); err != nil {
				return err
			}
		}
		return tx.Commit()
	}
}

func barePostgres(b *testing.B, url string) insert {
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(b.Context(), "set search_path to chainwright"); err != nil {
		b.Fatal(err)
	}
	return func(ctx context.Context, run, first, rows int) error {
		batch := &pgx.Batch{}
		for i := range rows {
			batch.Queue(bareRow, run, first+i, first+i, time.Now().UnixNano(), []byte("{}"))
		}
		return conn.SendBatch(ctx, batch).Close()
	}
}

// makeTables opens a store.
func makeTables(b *testing.B, s store.Store) {
	if _, err := s.Create(b.Context(), &store.Run{ID: "first", Kind: store.KindCall, Status: "completed", CreatedAt: time.Now(), CompletedAt: time.Now()}); err != nil {
		b.Fatal(err)
	}
}

// appendTo inserts the same rows as the store does: one batch a commit, fenced by
// the run's row.
func appendTo(b *testing.B, s store.Store) insert {
	return func(ctx context.Context, number, first, rows int) error {
		run := &store.Run{ID: fmt.Sprintf("appended-%d", number), Kind: store.KindTree, Owner: "bare", Status: "in_progress", Tree: []byte("[]"), CreatedAt: time.Now()}
		if first == 0 {
			if _, err := s.Create(ctx, run); err != nil {
				return err
			}
		}
		batch := &store.Batch{RunID: run.ID, Owner: run.Owner}
		for i := range rows {
			now := time.Now()
			batch.Transitions = append(batch.Transitions, store.Transition{Task: first + i, Seq: int64(first + i + 1), State: "completed", Attempt: 1, At: now, Started: now, Size: 2, Result: []byte("{}")})
		}
		done := make(chan error, 1)
		s.Append(batch, func(err error) { done <- err })
		return <-done
	}
}

// BenchmarkDurable compares durable tasks that do nothing with loops that write as
// many rows into the same table, in turn with them: in a fan-out one row for the
// start and one for the end of each task, 128 rows a commit; in a chain one commit
// a task. x/same is against the store's own batches, x/bare against plain inserts.
func BenchmarkDurable(b *testing.B) {
	asTheProgram(b)
	server := servers.StartPostgres(b, "fsync=on", "synchronous_commit=on")
	for _, kind := range []string{"sqlite", "postgres"} {
		for _, shape := range []durableShape{{"fan-out", fanOut(10_000), 10_000, 128}, {"chain", line(1000), 1000, 2}} {
			b.Run(kind+"/"+shape.name, func(b *testing.B) {
				if kind == "sqlite" {
					path := filepath.Join(b.TempDir(), "runs.db")
					s := sqlite.Open(path, sqlite.Options{})
					makeTables(b, s)
					benchmarkDurable(b, s, bareSQLite(b, path), shape)
					return
				}
				url := server.NewDatabase(b)
				s, err := postgres.Open(url, postgres.Options{})
				if err != nil {
					b.Fatal(err)
				}
				makeTables(b, s)
				benchmarkDurable(b, s, barePostgres(b, url), shape)
			})
		}
	}
}

// durableShape is a tree, the number of its tasks, and how many rows a loop
// commits at once.
type durableShape struct {
	name         string
	tree         string
	tasks, batch int
}

func benchmarkDurable(b *testing.B, s store.Store, bare insert, shape durableShape) {
	t := newBench(b, s, engine.Options{}, policy.Config{})
	tree := t.Tree(b, shape.tree)
	write := func(rows insert, run int) time.Duration {
		begin := time.Now()
		for done := 0; done < 2*shape.tasks; done += shape.batch {
			if err := rows(b.Context(), run, done, min(shape.batch, 2*shape.tasks-done)); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(begin)
	}
	var plain, same, ours time.Duration
	for loop := 1; b.Loop(); loop++ {
		plain += write(bare, -loop)
		same += write(appendTo(b, s), loop)
		begin := time.Now()
		run, err := t.Start(b.Context(), tree, chain.RunOptions{})
		if err != nil {
			b.Fatal(err)
		}
		var last chain.Counts
		err = t.Watch(b.Context(), run.ID, "", func(c chain.Counts, _ string) { last = c })
		if err != nil || last[chain.Completed] != shape.tasks {
			b.Fatal(last, err)
		}
		ours += time.Since(begin)
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N)/float64(shape.tasks), "ns/task")
	b.ReportMetric(float64(ours)/float64(same), "x/same")
	b.ReportMetric(float64(ours)/float64(plain), "x/bare")
	b.ReportMetric(0, "ns/op")
}
