package sql_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

func postgresBounds(t *testing.T, c *client, admin *pgx.Conn) {
	var a answer
	executortest.Ends(t, "reading the first of 100,000,000,000 rows", func() {
		a = must(t)(c.do(t, map[string]any{"connection": "reading", "query": "select generate_series(1, 100000000000) as i", "max_rows": 5}))
	})
	if a.Count != 5 || !a.Cut {
		t.Errorf("%d rows, truncated %v", a.Count, a.Cut)
	}
	a = must(t)(c.do(t, map[string]any{"connection": "reading", "query": "select i from generate_series(1, 5) i", "max_rows": 5}))
	if a.Count != 5 || a.Cut {
		t.Errorf("%d rows, truncated %v", a.Count, a.Cut)
	}
	a = must(t)(c.do(t, map[string]any{"connection": "reading", "query": "select repeat('x', 1000000) as x from generate_series(1, 1000)"}))
	if a.Count != 9 || !a.Cut {
		t.Errorf("%d large rows, truncated %v", a.Count, a.Cut)
	}
	_, err := c.query(t, "reading", "select repeat('x', 20000000)", nil)
	if e := failure(t, err); e.Type != executors.ExecutionError || !strings.Contains(e.Message, "a row is larger than") {
		t.Errorf("a row of 20 MB: %+v", e)
	}
	must(t)(c.query(t, "reading", "select 1", nil))
	none(t, admin, "active")
}

// none waits until no query of the clients runs in the server.
func none(t *testing.T, admin *pgx.Conn, state string) {
	t.Helper()
	for end := time.Now().Add(executortest.Patience); ; time.Sleep(10 * time.Millisecond) {
		var n int
		err := admin.QueryRow(context.Background(), "select count(*) from pg_stat_activity where application_name = 'chainwright' and state = $1", state).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d queries are still %s", n, state)
		}
	}
}

func postgresStops(t *testing.T, c *client, admin *pgx.Conn) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := c.call(ctx, t, map[string]any{"connection": "reading", "query": "select pg_sleep(3600)"})
		done <- err
	}()
	running(t, admin)
	cancel()
	executortest.Ends(t, "a cancelled query", func() {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
	none(t, admin, "active")

	ctx, cancel = context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.call(ctx, t, map[string]any{"connection": "orders", "query": "select pg_sleep(3600)", "mode": "write"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timed out: %v", err)
	}
	none(t, admin, "active")
	must(t)(c.query(t, "reading", "select 1", nil))
}

func running(t *testing.T, admin *pgx.Conn) {
	t.Helper()
	for end := time.Now().Add(executortest.Patience); ; time.Sleep(10 * time.Millisecond) {
		var n int
		if err := admin.QueryRow(context.Background(), "select count(*) from pg_stat_activity where query like '%pg_sleep%' and state = 'active' and pid <> pg_backend_pid()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the query does not run")
		}
	}
}

func postgresErrors(t *testing.T, c *client) {
	for _, each := range []struct {
		connection, query string
		kind              executors.ErrorType
		field, code, text string
		retryable         bool
	}{
		{"reading", "selec 1", executors.ValidationError, "query", "42601", `syntax error at or near "selec" (at character 1)`, false},
		{"reading", "select * from nowhere", executors.ValidationError, "query", "42P01", `relation "nowhere" does not exist`, false},
		{"reading", "select nowhere from orders", executors.ValidationError, "query", "42703", "does not exist", false},
		{"reading", "select 1 / 0", executors.ValidationError, "params", "22012", "division by zero", false},
		{"reading", "select * from lobs_x", executors.ValidationError, "query", "42P01", "", false},
		{"reading", "insert into orders (city) values ('x') returning id", executors.PermissionDenied, "query", "25006", "does more than read", false},
		{"reading", "select * from pg_authid", executors.PermissionDenied, "", "42501", "permission denied", false},
		{"reading", "delete from orders", executors.PermissionDenied, "query", "", "it returns no rows", false},
		{"nodb", "select 1", executors.NotFound, "", "3D000", "does not exist", false},
		{"norole", "select 1", executors.AuthenticationError, "", "28000", "nobody", false},
		{"refused", "select 1", executors.NetworkError, "", "", "refused", true},
	} {
		_, err := c.query(t, each.connection, each.query, nil)
		e := failure(t, err)
		if e.Type != each.kind || e.Field != each.field || e.Code != each.code || !strings.Contains(e.Message, each.text) || e.Retryable != each.retryable {
			t.Errorf("%s: %s: %+v", each.connection, each.query, e)
		}
		if strings.Contains(e.Message, "hidden-word") {
			t.Errorf("the password is in %q", e.Message)
		}
	}
}

// Connections are kept and shared, and concurrent calls have separate ones.
func postgresPools(t *testing.T, c *client, admin *pgx.Conn) {
	pid := func() string { return rows(must(t)(c.query(t, "orders", "select pg_backend_pid() as p", nil))) }
	if a, b := pid(), pid(); a != b {
		t.Errorf("two connections for calls one after the other: %s, %s", a, b)
	}
	done := make(chan error, 20)
	for range cap(done) {
		go func() {
			_, err := c.call(context.Background(), t, map[string]any{"connection": "reading", "query": "select pg_sleep(0.02)"})
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	var n int
	if err := admin.QueryRow(context.Background(), "select count(*) from pg_stat_activity where usename = 'reader'").Scan(&n); err != nil || n > 8 {
		t.Errorf("%d connections, %v", n, err)
	}
}

func postgresCallers(t *testing.T, server *peers.Postgres) {
	dsn := server.DSN("reader", "postgres")
	shut := newClient(t, policy.Config{})
	_, err := shut.do(t, map[string]any{"dsn": dsn, "query": "select 1"})
	if e := failure(t, err); e.Type != executors.PermissionDenied || e.Field != "dsn" || e.Hint == "" {
		t.Errorf("without caller_dsn: %+v", e)
	}
	open := newClient(t, policy.Config{Databases: policy.Databases{CallerDSN: true}})
	_, err = open.do(t, map[string]any{"dsn": dsn, "query": "select 1"})
	if e := failure(t, err); e.Type != executors.PermissionDenied {
		t.Errorf("a private address: %+v", e)
	}
	allowed := newClient(t, policy.Config{
		Databases: policy.Databases{CallerDSN: true}, Network: policy.Network{Allow: []string{server.Addr}},
	})
	if a := must(t)(allowed.do(t, map[string]any{"dsn": dsn, "query": "select 1 as one"})); rows(a) != `[{"one":1}]` {
		t.Errorf("got %s", rows(a))
	}
	_, err = allowed.do(t, map[string]any{"dsn": dsn, "query": "select 1", "mode": "write"})
	if e := failure(t, err); e.Type != executors.PermissionDenied || e.Field != "mode" {
		t.Errorf("to write: %+v", e)
	}
}
