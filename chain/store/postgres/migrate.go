package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The files are named NNNN_what.sql. Each is applied once, in that order.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the key of the advisory lock of a migration. It is held by a
// transaction, never by a session.
const migrationLock = 0x636861696e

// tooNew is the error of a schema that a later program has migrated.
type tooNew struct{ at, known int }

func (e *tooNew) Error() string {
	return fmt.Sprintf("its schema has version %d, and this program supports up to version %d: use a newer program, or another store", e.at, e.known)
}

func (e *tooNew) Unwrap() error { return errDefect }

// migrate brings the schema up to date. Several processes may migrate at once:
// the first one takes the lock, and the others find the work done.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return fmt.Errorf("%w: %w", errDefect, err)
	}
	var known bool
	if err := pool.QueryRow(ctx, "select to_regclass('chainwright.migrations') is not null").Scan(&known); err != nil {
		return fmt.Errorf("looking for the schema: %w", err)
	}
	if known {
		if at, err := version(ctx, pool); err != nil || at == len(files) {
			return err
		}
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return fmt.Errorf("waiting to migrate the schema: %w", err)
		}
		// A simple query may hold several statements, and takes no parameters.
		script := func(text string) error {
			_, err := tx.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol)
			return err
		}
		if err := script(`create schema if not exists chainwright;
			create table if not exists chainwright.migrations (version integer primary key, applied_at timestamptz not null default clock_timestamp())`); err != nil {
			return fmt.Errorf("creating the table of migrations: %w", err)
		}
		at, err := version(ctx, tx)
		if err != nil {
			return err
		}
		if at > len(files) {
			return &tooNew{at, len(files)}
		}
		for i, name := range files[at:] {
			text, err := migrations.ReadFile(name)
			if err != nil {
				return fmt.Errorf("%w: %w", errDefect, err)
			}
			if err := script(string(text)); err != nil {
				return fmt.Errorf("migration %s: %w", name, err)
			}
			if _, err := tx.Exec(ctx, "insert into chainwright.migrations (version) values ($1)", at+i+1); err != nil {
				return fmt.Errorf("migration %s: %w", name, err)
			}
		}
		return nil
	})
}

// version returns the number of the last migration.
func version(ctx context.Context, db interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}) (at int, err error) {
	if err := db.QueryRow(ctx, "select coalesce(max(version), 0) from chainwright.migrations").Scan(&at); err != nil {
		return 0, fmt.Errorf("reading the version of the schema: %w", err)
	}
	return at, nil
}
