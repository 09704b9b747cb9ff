package sql_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/sql"
)

func TestCallersDSNIsRefused(t *testing.T) {
	t.Parallel()
	file := sqliteFile(t)
	inside := filepath.Dir(file)
	c := newClient(t, policy.Config{
		Databases: policy.Databases{CallerDSN: true},
		Files:     policy.Files{Roots: map[string]policy.Root{"data": {Path: inside}}},
	})
	for _, each := range []struct {
		dsn, field, text string
		kind             executors.ErrorType
	}{
		{"x", "dsn", "must begin with sqlite:, postgres:// or mysql://", executors.ValidationError},
		{"host=example.com user=a", "dsn", "must begin with", executors.ValidationError},
		{"a:b@tcp(example.com)/db", "dsn", "must begin with", executors.ValidationError},
		{"postgres:///db", "dsn", "must name one host", executors.ValidationError},
		{"postgres://a@%2Fvar%2Frun/db", "dsn", "", executors.ValidationError},
		{"postgres://a@example.com,10.0.0.1/db", "dsn", "", executors.ValidationError},
		{"postgres://example.com/db", "dsn", "must name a user", executors.ValidationError},
		{"postgres://a@example.com/db?host=/var/run", "dsn", "the option host is not allowed", executors.ValidationError},
		{"postgres://a@example.com/db?sslkey=/etc/shadow", "dsn", "the option sslkey is not allowed", executors.ValidationError},
		{"postgres://a@example.com/db?passfile=/etc/shadow", "dsn", "the option passfile is not allowed", executors.ValidationError},
		{"postgres://a@example.com/db?servicefile=/x&service=y", "dsn", "is not allowed", executors.ValidationError},
		{"postgres://a@example.com/db?sslmode=x", "dsn", "sslmode", executors.ValidationError},
		{"mysql://a@example.com/db?allowAllFiles=true", "dsn", "the option allowAllFiles is not allowed", executors.ValidationError},
		{"mysql:///db", "dsn", "must name one host", executors.ValidationError},
		{"postgres://a@127.0.0.1:1/db", "", "", executors.PermissionDenied},
		{"postgres://a@localhost:1/db", "", "", executors.PermissionDenied},
		{"postgres://a@[::ffff:10.0.0.1]:1/db", "", "", executors.PermissionDenied},
		{"mysql://a@127.0.0.1:1/db", "", "", executors.PermissionDenied},
		{"mysql://a@[::1]/db", "", "", executors.PermissionDenied},
		{"sqlite:/etc/passwd", "dsn", "", executors.PermissionDenied},
		{"sqlite:data:../x.db", "dsn", "", executors.PermissionDenied},
		{"file:/etc/passwd", "dsn", "", executors.PermissionDenied},
		{"sqlite::memory:", "dsn", "in memory", executors.ValidationError},
		{"sqlite:x.db?mode=rwc", "dsn", "options", executors.ValidationError},
	} {
		_, err := c.do(t, map[string]any{"dsn": each.dsn, "query": "select 1"})
		e := failure(t, err)
		if e.Type != each.kind || each.field != "" && e.Field != each.field || !strings.Contains(e.Message, each.text) {
			t.Errorf("%s: %+v", each.dsn, e)
		}
	}
	escaped := "file:" + strings.NewReplacer("%", "%25", "?", "%3f").Replace(file)
	a := must(t)(c.do(t, map[string]any{"dsn": escaped, "query": "select count(*) as n from orders"}))
	if rows(a) != `[{"n":3}]` {
		t.Errorf("got %s", rows(a))
	}
	_, err := c.do(t, map[string]any{"dsn": escaped, "query": "delete from orders", "mode": "write"})
	if e := failure(t, err); e.Type != executors.PermissionDenied {
		t.Errorf("to write: %+v", e)
	}
}

// TestCallersDSNTakesNothingAlong checks that a server that a caller names
// receives nothing from this process's environment.
func TestCallersDSNTakesNothingAlong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("PGPASSWORD", "operators-word")
	t.Setenv("PGUSER", "operator")
	t.Setenv("PGOPTIONS", "-c operators=option")
	t.Setenv("PGAPPNAME", "operators-app")
	t.Setenv("PGSSLMODE", "disable")
	seen := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 4096)
		n, _ := conn.Read(buf)
		first := string(buf[:n])
		// The server asks for a password in plain text; the test reads the
		// reply.
		_, _ = conn.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3})
		n, _ = conn.Read(buf)
		seen <- first + string(buf[:n])
	}()
	c := newClient(t, policy.Config{
		Databases: policy.Databases{CallerDSN: true}, Network: policy.Network{Allow: []string{l.Addr().String()}},
	})
	_, err = c.do(t, map[string]any{"dsn": "postgres://caller@" + l.Addr().String() + "/db?sslmode=disable", "query": "select 1"})
	if err == nil {
		t.Fatal("no error")
	}
	got := <-seen
	if !strings.Contains(got, "caller") || strings.Contains(got, "operator") {
		t.Errorf("the server got %q", got)
	}
}

func TestConnectionIsNamed(t *testing.T) {
	t.Parallel()
	c := newClient(t, connections(map[string]policy.Connection{
		"orders": {Kind: "sqlite", DSN: sqliteFile(t)},
		"unset":  {Kind: "postgres", DSNEnv: "CHAINWRIGHT_TEST_NOT_SET"},
		"mail":   {Kind: "smtp", Host: "localhost"},
		"broken": {Kind: "postgres", DSN: "postgres://a:hidden-word@[::1/x"},
	}))
	for _, each := range []struct {
		inputs map[string]any
		kind   executors.ErrorType
		field  string
		text   string
	}{
		{map[string]any{}, executors.ValidationError, "connection", "is required"},
		{map[string]any{"connection": "orders", "dsn": "sqlite:x"}, executors.ValidationError, "dsn", "set only one"},
		{map[string]any{"connection": "unset"}, executors.PermissionDenied, "connection", "CHAINWRIGHT_TEST_NOT_SET is not set"},
		{map[string]any{"connection": "mail"}, executors.ValidationError, "connection", "is of kind smtp"},
		{map[string]any{"connection": "broken"}, executors.ExecutionError, "", "DSN"},
	} {
		each.inputs["query"] = "select 1"
		_, err := c.do(t, each.inputs)
		e := failure(t, err)
		if e.Type != each.kind || e.Field != each.field || !strings.Contains(e.Message, each.text) || strings.Contains(e.Message, "hidden-word") {
			t.Errorf("%v: %+v", each.inputs, e)
		}
	}
	_, err := c.do(t, map[string]any{"query": "select 1"})
	if e := failure(t, err); !strings.Contains(e.Hint, "broken, orders, unset") {
		t.Errorf("hint %q", e.Hint)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	c := newClient(t, connections(map[string]policy.Connection{"orders": {Kind: "sqlite", DSN: sqliteFile(t)}}))
	must(t)(c.query(t, "orders", "select 1", nil))
	if err := c.executor.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := c.query(t, "orders", "select 1", nil)
	if e := failure(t, err); e.Type != executors.Cancelled {
		t.Errorf("after Close: %+v", e)
	}
}

func TestDefinition(t *testing.T) {
	t.Parallel()
	executor := sql.New()
	executortest.Check(t, executor)
	def := executor.Definition()
	for mode, want := range map[string]executors.Annotations{
		"read":  {ReadOnly: true, Idempotent: true},
		"write": {Destructive: true},
	} {
		if got := def.EffectOf(map[string]any{"mode": mode}); got != want {
			t.Errorf("mode %s: %+v", mode, got)
		}
	}
	if got := def.EffectOf(map[string]any{}); !got.ReadOnly {
		t.Errorf("the default is not to read: %+v", got)
	}
}
