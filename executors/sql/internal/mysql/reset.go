package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// The commands of the protocol that ping a server and that reset a session:
// transaction, variables, temporary tables, locks, prepared statements. Their
// replies have the same form.
var (
	pingCommand  = []byte{1, 0, 0, 0, 0x0e}
	resetCommand = []byte{1, 0, 0, 0, 0x1f}
)

// errSealed reports a connection that can't be reset, because it is encrypted.
var errSealed = errors.New("the session can't be reset")

// Write sends data. While the session is being reset, the driver's ping becomes
// the command that resets: the driver has no function for it.
func (w *wire) Write(p []byte) (int, error) {
	if w.resetting {
		if !bytes.Equal(p, pingCommand) {
			return 0, errSealed
		}
		w.resetting = false
		p = resetCommand
	}
	return w.Conn.Write(p)
}

// reset makes the session like a new one. What it restores is what the driver
// sets when it connects.
func (s *session) reset(ctx context.Context, params map[string]string) error {
	if s.wire == nil {
		return errSealed
	}
	s.wire.resetting = true
	if err := s.conn.PingContext(ctx); err != nil {
		return err
	}
	restore := []string{fmt.Sprintf("NAMES %s COLLATE %s", s.charset, s.collation)}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		restore = append(restore, name+" = "+params[name])
	}
	_, err := s.conn.ExecContext(ctx, "SET "+strings.Join(restore, ", "))
	return err
}

// harmless are the global privileges that read mode restricts to reading. With
// any other, a query reads the server's files or the sessions of others.
var harmless = []string{
	"USAGE", "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER", "SHOW DATABASES", "CREATE TEMPORARY TABLES", "LOCK TABLES",
	"EXECUTE", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "SHOW CREATE ROUTINE", "SHOW_ROUTINE", "EVENT", "TRIGGER", "DELETE HISTORY", "DELETE VERSIONING ROWS",
}

// powers returns the global privileges of the account that are not harmless.
func powers(ctx context.Context, conn *sql.Conn) ([]string, error) {
	rows, err := conn.QueryContext(ctx, `SELECT DISTINCT privilege_type FROM information_schema.user_privileges
		WHERE REPLACE(grantee, '''', '') = CURRENT_USER() OR REPLACE(grantee, '''', '') IN (SELECT role_name FROM information_schema.enabled_roles)
			OR SUBSTRING_INDEX(REPLACE(grantee, '''', ''), '@', 1) IN (SELECT role_name FROM information_schema.enabled_roles)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		if !slices.Contains(harmless, strings.ToUpper(name)) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found, rows.Err()
}

// tooPowerful returns the refusal of read mode for an account with these
// privileges, or nil.
func tooPowerful(found []string) error {
	if len(found) == 0 {
		return nil
	}
	shown := found
	if len(shown) > 4 {
		shown = append(slices.Clone(found[:4]), "and others")
	}
	return executors.Errorf(executors.PermissionDenied, "the connection's account has global privileges that read mode can't restrict: %s", strings.Join(shown, ", ")).
		WithField("connection").WithHint("the operator configures an account that has only privileges on its database: GRANT SELECT ON orders.* TO reader")
}
