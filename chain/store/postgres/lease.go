package postgres

import (
	"context"
	_ "embed"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chainwright/chainwright/chain/store"
)

var (
	//go:embed statements/claim.sql
	claimSQL string
	//go:embed statements/free.sql
	freeSQL string
	//go:embed statements/queued.sql
	queuedSQL string
)

const beatSQL = `insert into chainwright.owners (id, pid, host) values ($1, $2, $3)
	on conflict (id) do update set beat_at = clock_timestamp()`

func queueBeat(b *pgx.Batch, owner string) {
	host, _ := os.Hostname()
	b.Queue(beatSQL, owner, int32(os.Getpid()), host) //nolint:gosec // process ids are small
}

// Beat stores the heartbeat of an owner at once: it does not wait for the queued
// writes.
func (s *Store) Beat(ctx context.Context, owner string) error {
	pool, err := s.open(ctx)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	queueBeat(b, owner)
	if err := pool.SendBatch(ctx, b).Close(); err != nil {
		return s.failed("writing to", err)
	}
	return nil
}

// Claim assigns a run to an owner, if it is free and as the owner read it.
func (s *Store) Claim(ctx context.Context, claim store.Claim) (*store.Run, error) {
	var there, free, taken int
	unseen := time.Since(claim.UnseenSince).Seconds()
	err := s.submit(ctx, 0, work{owner: claim.Owner,
		send: func(b *pgx.Batch) {
			b.Queue(claimSQL, claim.RunID, claim.Owner, claim.Seq, unseen, int32(claim.Crashes), claim.Within).QueryRow(func(row pgx.Row) error { return row.Scan(&there, &free, &taken) }) //nolint:gosec // crashes are few
		},
		read: func() error {
			switch {
			case taken > 0:
				return nil
			case free > 0:
				return store.ErrChanged
			case there > 0:
				return store.ErrLost
			}
			return store.ErrNotFound
		},
	})
	if err != nil {
		return nil, err
	}
	return s.Run(ctx, claim.RunID)
}

// Free returns runs that no process drives.
func (s *Store) Free(ctx context.Context, unseenSince time.Time, limit int) (list []string, err error) {
	unseen := time.Since(unseenSince).Seconds()
	err = s.asking(ctx, "looking for runs that no process drives in", func(pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, freeSQL, unseen, int64(limit), store.Elsewhere+"%")
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return list, err
}

// Queued returns queued runs.
func (s *Store) Queued(ctx context.Context, limit int) (list []string, err error) {
	err = s.asking(ctx, "looking for queued runs in", func(pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, queuedSQL, int64(limit))
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return list, err
}

// Held returns the epochs of the runs of an owner.
func (s *Store) Held(ctx context.Context, owner string) (map[string]int64, error) {
	held := map[string]int64{}
	err := s.asking(ctx, "reading the runs of this process from", func(pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, "select id, epoch from chainwright.runs where owner = $1 and completed_at = 0", owner)
		if err != nil {
			return err
		}
		var id string
		var epoch int64
		_, err = pgx.ForEachRow(rows, []any{&id, &epoch}, func() error {
			held[id] = epoch
			return nil
		})
		return err
	})
	return held, err
}

// asking calls do, once, without waiting for queued writes.
func (s *Store) asking(ctx context.Context, what string, do func(*pgxpool.Pool) error) error {
	pool, err := s.open(ctx)
	if err != nil {
		return err
	}
	if err := do(pool); err != nil {
		return s.failed(what, err)
	}
	return nil
}

// Wake makes a run without an owner due.
func (s *Store) Wake(ctx context.Context, id string) error {
	return s.submit(ctx, 0, work{send: func(b *pgx.Batch) {
		b.Queue("update chainwright.runs set wake_at = null where id = $1 and owner = '' and completed_at = 0", id)
	}})
}
