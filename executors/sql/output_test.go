package sql_test

import (
	"context"
	databasesql "database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/sql"
)

// Rows that are too large, too many, or not text, in each kind of database.
func TestOutputs(t *testing.T) { // not parallel: it measures memory
	const many = 1_000_000_000
	t.Run("sqlite", func(t *testing.T) {
		file := sqliteFile(t, "create table big (x)", "insert into big values (zeroblob(100000000))", "create table latin (x text)", "insert into latin values (cast(x'fc626572' as text))")
		outputs(t, policy.Connection{Kind: "sqlite", DSN: file}, []output{
			{query: "select x from big", fails: "SQLITE_TOOBIG"},
			{query: "select length(x) as n from big", count: 1, has: "100000000"},
			{query: "select hex(zeroblob(3000000)) as x", count: 1},
			{query: fmt.Sprintf("with recursive n(i) as (select 1 union all select i + 1 from n limit %d) select i from n", many), count: 1000, cut: true},
			{query: fmt.Sprintf("with recursive n(i) as (select 1 union all select i + 1 from n limit %d) select hex(zeroblob(1000000)) from n", many), count: 4, cut: true},
			{query: "select x from latin", count: 1, has: "\uFFFDber"},
			{query: "select x'ff00fe' as x", count: 1, has: "/wD+"},
			{query: "select char(0, 1, 8232, 55296) as x", count: 1},
			{query: "select 9e999 as x, -9e999 as y", count: 1, has: `"Infinity"`},
		})
	})
	t.Run("postgres", func(t *testing.T) {
		server := peers.StartPostgres(t)
		admin, err := pgx.Connect(context.Background(), server.Superuser())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := admin.Exec(context.Background(), "create role reader login; "); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.Exec(context.Background(), "create database bytes encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'"); err != nil {
			t.Fatal(err)
		}
		_ = admin.Close(context.Background())
		outputs(t, policy.Connection{Kind: "postgres", DSN: server.DSN("reader", "postgres")}, []output{
			{query: "select repeat('x', 100000000) as x", fails: "larger than"},
			{query: "select convert_to(repeat('x', 100000000), 'UTF8') as x", fails: "larger than"},
			{query: fmt.Sprintf("select generate_series(1, %d) as i", many), count: 1000, cut: true},
			{query: fmt.Sprintf("select repeat('x', 1000000) as x, generate_series(1, %d) as i", many), count: 9, cut: true},
			{query: `select '\xff00fe'::bytea as x`, count: 1, has: "/wD+"},
			{query: "select array_fill(1, array[1000000]) as x", count: 1},
			{query: "select ('[' || repeat('[', 5000) || repeat(']', 5000) || ']')::json as x", count: 1, has: `"[[[`},
		})
		outputs(t, policy.Connection{Kind: "postgres", DSN: server.DSN("reader", "bytes")}, []output{
			{query: "select convert_from('\\xfc626572', 'SQL_ASCII') as x", fails: "invalid byte sequence"},
		})
	})
	t.Run("mysql", func(t *testing.T) {
		server := peers.StartMariaDB(t)
		admin, err := databasesql.Open("mysql", server.DSN("root", "", "test"))
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close()
		for _, each := range []string{
			"set global max_allowed_packet = 1073741824", "create table latin (x varchar(10) character set latin1)", "insert into latin values (x'fc626572')",
			"create user writer@'%'", "grant all on test.* to writer@'%'",
		} {
			if _, err := admin.Exec(each); err != nil {
				t.Fatal(err)
			}
		}
		outputs(t, policy.Connection{Kind: "mysql", DSN: server.DSN("writer", "", "test"), Write: true}, []output{
			{query: "select repeat('x', 100000000) as x", fails: "larger than"},
			{query: "select cast(repeat('x', 100000000) as binary) as x", fails: "larger than"},
			{query: "select repeat('x', 100000000) as x", write: true, fails: "larger than"},
			{query: "select repeat('x', 8000000) as x", count: 1},
			{query: fmt.Sprintf("select seq from seq_1_to_%d", many), count: 1000, cut: true},
			{query: fmt.Sprintf("select repeat('x', 1000000) as x from seq_1_to_%d", many), count: 9, cut: true},
			{query: "select x from latin", count: 1, has: "über"},
			{query: "select x'ff00fe' as x, cast(x'ff' as char character set binary) as y", count: 1, has: "/wD+"},
			{query: "select convert(x'fc626572' using latin1) as x", count: 1, has: "über"},
			{query: "select json_compact(concat(repeat('[', 30), repeat(']', 30))) as x", count: 1, has: "[[["},
		})
	})
}

type output struct {
	query string
	write bool
	count int
	cut   bool
	has   string
	fails string
}

func outputs(t *testing.T, connection policy.Connection, cases []output) {
	t.Helper()
	registry := executortest.Registry(t, executortest.Policy(t, connections(map[string]policy.Connection{"db": connection})), sql.New())
	for _, c := range cases {
		mode := "read"
		if c.write {
			mode = "write"
		}
		var out executors.Outcome
		spent := executortest.Spent(func() {
			out = executortest.Call(t, registry, "db_query", fmt.Sprintf(`{"connection": "db", "mode": %q, "query": %s}`, mode, mustJSON(t, c.query)))
		})
		if spent > 200<<20 {
			t.Errorf("%s: it took %d MiB", c.query, spent>>20)
		}
		if c.fails != "" {
			if out.Err == nil || out.Err.Retryable || !strings.Contains(out.Err.Code+out.Err.Message, c.fails) {
				t.Errorf("%s: %.200s, %+v", c.query, out.Result, out.Err)
			}
			continue
		}
		var got answer
		if out.Err != nil {
			t.Errorf("%s: %+v", c.query, out.Err)
		} else if err := json.Unmarshal(out.Result, &got); err != nil || !utf8.Valid(out.Result) {
			t.Errorf("%s: %v", c.query, err)
		} else if got.Count != c.count || got.Cut != c.cut || !strings.Contains(string(out.Result), c.has) {
			t.Errorf("%s: %d rows, truncated %v: %.200s", c.query, got.Count, got.Cut, out.Result)
		}
		if again := executortest.Call(t, registry, "db_query", `{"connection": "db", "query": "select 1 as x"}`); again.Err != nil {
			t.Errorf("after %s: %+v", c.query, again.Err)
		}
	}
}

func mustJSON(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
