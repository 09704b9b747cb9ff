package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The files are named NNNN_what.sql. Each is applied once, in that order.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Before it changes a schema that exists,
// it keeps a copy of the file: see backup. Several processes may migrate at
// once: the first one takes the write lock, and the others find the work done.
func (s *Store) migrate(ctx context.Context, conn *sql.Conn) (err error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if at, err := version(ctx, conn); err == nil && at == len(files) {
		return nil
	}
	if _, err := conn.ExecContext(ctx, "begin immediate"); err != nil {
		return fmt.Errorf("locking the file to migrate its schema: %w", err)
	}
	defer func() {
		if err != nil {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "rollback")
		}
	}()
	if _, err := conn.ExecContext(ctx, "create table if not exists migrations (version integer primary key, applied_at integer not null)"); err != nil {
		return fmt.Errorf("creating the table of migrations: %w", err)
	}
	at, err := version(ctx, conn)
	if err != nil {
		return err
	}
	switch {
	case at > len(files):
		return fmt.Errorf("its schema has version %d, and this program supports up to version %d: use a newer program, or another store", at, len(files))
	case at > 0 && at < len(files):
		if err := s.backup(ctx, at); err != nil {
			return fmt.Errorf("keeping a copy before the schema is migrated from version %d to %d: %w", at, len(files), err)
		}
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
		return fmt.Errorf("migrating the schema: %w", err)
	}
	return nil
}

// version returns the number of the last migration. It fails if there never was
// one.
func version(ctx context.Context, conn *sql.Conn) (int, error) {
	var at int
	err := conn.QueryRowContext(ctx, "select coalesce(max(version), 0) from migrations").Scan(&at)
	return at, err
}

// backup copies the file to FILE.vN.bak, where N is the version of its schema.
// The caller holds the write lock, so the copy is what was committed before. An
// older copy of that version is replaced.
func (s *Store) backup(ctx context.Context, version int) (err error) {
	path, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	// SQLite fills an empty file and keeps its permissions: a store is private.
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(draft.Name()))
		}
	}()
	if err := draft.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", s.dsn(path))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "vacuum into ?", draft.Name())
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), fmt.Sprintf("%s.v%d.bak", path, version))
}
