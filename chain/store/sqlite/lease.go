package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// beatTimeout is how long a heartbeat waits for another process that has locked
// the file. It is shorter than the time between heartbeats, so that a process
// that is stopped in the middle of a write costs the others few of them.
const beatTimeout = 3 * time.Second

const beatSQL = `insert into owners values (?, ?, ?, ?, ?) on conflict (id) do update set beat_at = excluded.beat_at`

func beatRow(owner string) []any {
	host, _ := os.Hostname()
	now := time.Now().UnixNano()
	return []any{owner, os.Getpid(), host, now, now}
}

func (w *writer) beat(owner string) error {
	_, err := w.stmt.beat.Exec(beatRow(owner)...)
	return err
}

// Beat stores the heartbeat of an owner. It has a connection of its own.
func (s *Store) Beat(ctx context.Context, owner string) error {
	if _, err := s.open(ctx); err != nil {
		return err
	}
	db, err := s.beatConnection()
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, beatSQL, beatRow(owner)...); err != nil {
		return fmt.Errorf("writing to the store %s: %w", s.path, err)
	}
	return nil
}

// Claim assigns a run to an owner, if it is free and as the owner read it.
func (s *Store) Claim(ctx context.Context, claim store.Claim) (*store.Run, error) {
	err := s.submit(ctx, 0, func(w *writer) error {
		if err := w.beat(claim.Owner); err != nil {
			return err
		}
		var seq int64
		err := w.conn.QueryRowContext(context.Background(), `select seq from runs where id = ?2
			and (status not in ('pending', 'in_progress') or owner in (?1, '')
				or coalesce((select beat_at from owners where owners.id = runs.owner), 0) not between ?3 and ?4)`,
			claim.Owner, claim.RunID, claim.UnseenSince.UnixNano(), unlikely(claim.UnseenSince)).Scan(&seq)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return store.ErrLost
		case err != nil:
			return err
		case seq != claim.Seq:
			return store.ErrChanged
		}
		_, err = w.conn.ExecContext(context.Background(), `update runs set owner = ?, status = 'in_progress', problem = null, completed_at = 0,
				epoch = epoch + 1, crashes = ?, owned_at = ?, wake_at = 0, within = ? where id = ?`, claim.Owner, claim.Crashes, time.Now().UnixNano(), text(claim.Within), claim.RunID)
		return err
	})
	if errors.Is(err, store.ErrLost) {
		if _, missing := s.Run(ctx, claim.RunID); missing != nil {
			return nil, missing
		}
	}
	if err != nil {
		return nil, err
	}
	return s.Run(ctx, claim.RunID)
}

// unlikely returns the time after which a heartbeat says nothing: the clock has
// been set back since. A process that lives will store another one.
func unlikely(unseenSince time.Time) int64 {
	now := time.Now()
	return now.Add(now.Sub(unseenSince).Abs()).UnixNano()
}

// Free returns runs that no process drives.
func (s *Store) Free(ctx context.Context, unseenSince time.Time, limit int) ([]string, error) {
	return s.ids(ctx, "looking for runs that no process drives", `select r.id from runs r left join owners o on o.id = r.owner left join trees t on t.run = r.key
		where r.completed_at = 0 and r.status <> 'queued' and not exists (select 1 from runs p where p.id = t.parent and p.completed_at = 0)
			and case when r.owner = '' then r.wake_at <= ?1
				or exists (select 1 from answers a where a.run = r.id and not a.taken) or exists (select 1 from cancels c where c.run = r.id)
			else r.owner not like ?3 and coalesce(o.beat_at, 0) not between ?2 and ?5 end
		order by r.key limit ?4`, time.Now().UnixNano(), unseenSince.UnixNano(), store.Elsewhere+"%", limit, unlikely(unseenSince))
}

// Queued returns queued runs.
func (s *Store) Queued(ctx context.Context, limit int) ([]string, error) {
	return s.ids(ctx, "looking for queued runs", `select id from runs where completed_at = 0 and owner = '' and status = 'queued'
		order by row_number() over (partition by principal order by key), key limit ?`, limit)
}

// ids returns the ids that a query finds, if there is a store.
func (s *Store) ids(ctx context.Context, what, query string, args ...any) ([]string, error) {
	if !s.opening.Load() {
		if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	db, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		list = append(list, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return list, nil
}

// Held returns the epochs of the runs of an owner.
func (s *Store) Held(ctx context.Context, owner string) (map[string]int64, error) {
	db, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, "select id, epoch from runs where owner = ? and completed_at = 0", owner)
	if err != nil {
		return nil, fmt.Errorf("reading the runs of this process: %w", err)
	}
	defer rows.Close()
	held := map[string]int64{}
	for rows.Next() {
		var id string
		var epoch int64
		if err := rows.Scan(&id, &epoch); err != nil {
			return nil, fmt.Errorf("reading the runs of this process: %w", err)
		}
		held[id] = epoch
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the runs of this process: %w", err)
	}
	return held, nil
}

// Wake makes a run without an owner due.
func (s *Store) Wake(ctx context.Context, id string) error {
	return s.submit(ctx, 0, func(w *writer) error {
		_, err := w.conn.ExecContext(context.Background(), "update runs set wake_at = 0 where id = ? and owner = '' and completed_at = 0", id)
		return err
	})
}
