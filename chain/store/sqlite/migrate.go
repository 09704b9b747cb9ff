package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// The files are named NNNN_what.sql and are applied in that order, each once.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Several processes may do so at once:
// the first to take the write lock wins, the others find it done.
func migrate(ctx context.Context, conn *sql.Conn) (err error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if at, err := version(ctx, conn); err == nil && at == len(files) {
		return nil
	}
	if _, err := conn.ExecContext(ctx, "begin immediate"); err != nil {
		return fmt.Errorf("taking the lock to set up the schema: %w", err)
	}
	defer func() {
		if err != nil {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "rollback")
		}
	}()
	if _, err := conn.ExecContext(ctx, "create table if not exists migrations (version integer primary key, applied_at integer not null)"); err != nil {
		return fmt.Errorf("setting up the schema: %w", err)
	}
	at, err := version(ctx, conn)
	if err != nil {
		return err
	}
	if at > len(files) {
		return fmt.Errorf("the schema is version %d, made by a newer program; this one knows up to %d", at, len(files))
	}
	for _, name := range files[at:] {
		number, err := strconv.Atoi(strings.TrimPrefix(name, "migrations/")[:4])
		if err != nil {
			return fmt.Errorf("migration %s: its name has no number: %w", name, err)
		}
		script, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, string(script)); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
		if _, err := conn.ExecContext(ctx, "insert into migrations values (?, ?)", number, time.Now().UnixNano()); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	if _, err := conn.ExecContext(ctx, "commit"); err != nil {
		return fmt.Errorf("setting up the schema: %w", err)
	}
	return nil
}

// version is the number of the last migration; an error where there never was
// one.
func version(ctx context.Context, conn *sql.Conn) (int, error) {
	var at int
	err := conn.QueryRowContext(ctx, "select coalesce(max(version), 0) from migrations").Scan(&at)
	return at, err
}
