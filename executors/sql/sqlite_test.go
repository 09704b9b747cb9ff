package sql_test

import (
	"bytes"
	"context"
	databasesql "database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// sqliteFile creates a database file with some rows.
func sqliteFile(t testing.TB, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "te st?#%41.db")
	db, err := databasesql.Open("sqlite", "file:"+strings.NewReplacer("?", "%3f", "#", "%23", "%", "%25").Replace(filepath.ToSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, each := range append([]string{
		`create table orders (id integer primary key, city text, total real, at datetime, day date, ok boolean, extra json, raw blob)`,
		`create index by_city on orders (city)`,
		`insert into orders values (1, 'Oslo', 12.5, '2026-01-02 03:04:05', '2026-01-02', 1, '{"b": 1.10, "a": []}', x'00ff')`,
		`insert into orders values (2, 'Rome', null, null, null, 0, 'no json', null)`,
		`insert into orders values (3, 'Oslo', 7.25, '2026-01-02T03:04:05+02:00', 'someday', null, null, null)`,
	}, statements...) {
		if _, err := db.Exec(each); err != nil {
			t.Fatalf("%s: %v", each, err)
		}
	}
	return path
}

func sqliteClient(t testing.TB, statements ...string) (*client, string) {
	path := sqliteFile(t, statements...)
	return newClient(t, connections(map[string]policy.Connection{
		"orders":  {Kind: "sqlite", DSN: path, Write: true},
		"reading": {Kind: "sqlite", DSN: path},
	})), path
}

func TestSQLiteReads(t *testing.T) {
	t.Parallel()
	c, _ := sqliteClient(t)
	for _, each := range []struct {
		query  string
		params any
		want   string
	}{
		{"select id, total from orders where city = ? order by id", []any{"Oslo"}, `[{"id":1,"total":12.5},{"id":3,"total":7.25}]`},
		{"select id from orders where city = :city and id > @id", map[string]any{"city": "Oslo", "id": 1}, `[{"id":3}]`},
		{"select ?2 as b, ?1 as a", []any{1, "x"}, `[{"b":"x","a":1}]`},
		{"select * from orders where id = 1", nil,
			`[{"id":1,"city":"Oslo","total":12.5,"at":"2026-01-02 03:04:05","day":"2026-01-02","ok":true,"extra":{"b":1.10,"a":[]},"raw":{"base64":"AP8="}}]`},
		{"select ok, extra, day from orders where id > 1", nil, `[{"ok":false,"extra":"no json","day":null},{"ok":null,"extra":null,"day":"someday"}]`},
		{"select 9223372036854775807 as big, 1e300 as far, 3.0 as whole, 'a' as a, 'b' as a", nil, `[{"big":9223372036854775807,"far":1e+300,"whole":3.0,"a":"a","a_2":"b"}]`},
		{"select ? as a, ? as b, json(?) as c, ? as d", []any{true, nil, []any{1, "x"}, 1.5}, `[{"a":1,"b":null,"c":"[1,\"x\"]","d":1.5}]`},
		{"select cast(x'ff41' as text) as broken", nil, `[{"broken":"�A"}]`},
		{"with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) select sum(i) as s from n", nil, `[{"s":6}]`},
		{"select count(*) as n, max(total) as most from orders", nil, `[{"n":3,"most":12.5}]`},
		{"select json_extract(extra, '$.b') as b from orders where json_valid(extra)", nil, `[{"b":1.1}]`},
		{"select value from orders, json_each(extra) where json_valid(extra) and orders.id = 1 and key = 'b'", nil, `[{"value":1.1}]`},
		{"pragma table_info(orders)", nil, ""},
		{"select name from pragma_table_info('orders') limit 1", nil, `[{"name":"id"}]`},
		{"explain query plan select 1", nil, ""},
		{"select ';' as a; -- the end; really\n", nil, `[{"a":";"}]`},
		{"select id from orders where id > 99", nil, `[]`},
	} {
		a, err := c.query(t, "reading", each.query, each.params)
		if err != nil {
			t.Errorf("%s: %v", each.query, err)
		} else if got := rows(a); each.want != "" && got != each.want {
			t.Errorf("%s:\n got %s\nwant %s", each.query, got, each.want)
		}
	}
}

func TestSQLiteColumns(t *testing.T) {
	t.Parallel()
	c, _ := sqliteClient(t)
	a := must(t)(c.query(t, "reading", "select id, city, total, at, 1 as one, 'x' as x, null as empty from orders limit 1", nil))
	var got []string
	for _, column := range a.Columns {
		got = append(got, column.Name+":"+column.Type)
	}
	if want := "id:integer city:text total:real at:datetime one:integer x:text empty:"; strings.Join(got, " ") != want {
		t.Errorf("got %v; want %s", got, want)
	}
}

func TestSQLiteBounds(t *testing.T) {
	t.Parallel()
	c, _ := sqliteClient(t)
	const endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"
	a := must(t)(c.do(t, map[string]any{"connection": "reading", "query": endless, "max_rows": 10}))
	if a.Count != 10 || !a.Cut {
		t.Errorf("%d rows, truncated %v", a.Count, a.Cut)
	}
	a = must(t)(c.do(t, map[string]any{"connection": "reading", "query": endless + " limit 10", "max_rows": 10}))
	if a.Count != 10 || a.Cut {
		t.Errorf("%d rows, truncated %v", a.Count, a.Cut)
	}
	a = must(t)(c.do(t, map[string]any{"connection": "reading", "query": "select hex(zeroblob(1000000)) as x from (" + endless + ")", "max_rows": 100}))
	if a.Count != 4 || !a.Cut {
		t.Errorf("%d large rows, truncated %v", a.Count, a.Cut)
	}
	_, err := c.query(t, "reading", "select zeroblob(1000000000)", nil)
	if e := failure(t, err); e.Type != executors.ValidationError || e.Code != "SQLITE_TOOBIG" {
		t.Errorf("a large value: %+v", e)
	}
}

func TestSQLiteStops(t *testing.T) {
	t.Parallel()
	c, _ := sqliteClient(t)
	for name, query := range map[string]string{
		"before the first row": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
		"after the first row":  "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n where i = 1 or i < 0",
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		var err error
		executortest.Ends(t, "an endless query whose time is over", func() {
			_, err = c.call(ctx, t, map[string]any{"connection": "reading", "query": query})
		})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	must(t)(c.query(t, "reading", "select 1", nil)) // the remaining connections work
}

func TestSQLiteWrites(t *testing.T) {
	t.Parallel()
	c, _ := sqliteClient(t)
	check := must(t)
	if a := check(c.write(t, "orders", "update orders set city = ? where city = ?", []any{"Bergen", "Oslo"})); a.Changed != 2 || a.Count != 0 {
		t.Errorf("update: %+v", a)
	}
	a := check(c.do(t, map[string]any{
		"connection": "orders", "mode": "write", "max_rows": 1,
		"query": "insert into orders (city) values ('a'), ('b'), ('c') returning id",
	}))
	if rows(a) != `[{"id":4}]` || !a.Cut || a.Changed != 3 {
		t.Errorf("insert: %+v", a)
	}
	if a := check(c.query(t, "reading", "select count(*) as n from orders", nil)); rows(a) != `[{"n":6}]` {
		t.Errorf("after the insert: %s", rows(a))
	}
	check(c.write(t, "orders", "create table more (x)", nil))
	check(c.write(t, "orders", "create trigger tr after insert on more begin delete from orders; select 1; end", nil))
	if a := check(c.write(t, "orders", "insert into more values (1)", nil)); a.Changed != 1 {
		t.Errorf("with a trigger: %+v", a)
	}
	if a := check(c.write(t, "orders", "drop table more", nil)); a.Changed != 0 {
		t.Errorf("drop: %+v", a)
	}
	_, err := c.write(t, "orders", "insert into orders (id) values (1), (1)", nil)
	if e := failure(t, err); e.Type != executors.ExecutionError || e.Code != "SQLITE_CONSTRAINT" || e.Retryable {
		t.Errorf("a conflict: %+v", e)
	}
}

// attacks in read mode, and on features that write mode does not open.
var sqliteAttacks = []string{
	"insert into orders (city) values ('x')",
	"update orders set city = 'x'",
	"delete from orders",
	"drop table orders",
	"create table x (y)",
	"create temp table x (y)",
	"create view x as select 1",
	"alter table orders add column x",
	"reindex",
	"analyze",
	"select 1; delete from orders",
	"begin",
	"begin immediate",
	"commit",
	"savepoint x",
	"replace into orders (id, city) values (1, 'x')",
	"with x as (select 1) insert into orders (city) select 'x' from x",
	"with x as (select 1) delete from orders",
	"insert into orders (city) values ('x') returning id",
	"pragma query_only = off",
	"pragma query_only(0)",
	"pragma writable_schema = on",
	"pragma writable_schema = reset",
	"pragma journal_mode = delete",
	"pragma user_version = 7",
	"pragma schema_version = 7",
	"pragma application_id = 7",
	"pragma wal_checkpoint",
	"pragma incremental_vacuum",
	"pragma temp_store_directory = '/tmp'",
	"pragma database_list",
	"pragma optimize",
	"pragma trusted_schema = on",
	"pragma journal_mode(off)",
	"pragma locking_mode = exclusive",
	"pragma temp_store = file",
	"pragma data_store_directory = '/tmp'",
	"pragma hard_heap_limit = 1",
	"pragma soft_heap_limit = 1",
	"pragma mmap_size = 1000000000",
	"pragma cache_size = -1000000",
	"pragma cache_spill = off",
	"pragma foreign_keys = off",
	"pragma synchronous = off",
	"pragma page_size = 512",
	"pragma encoding = 'UTF-16'",
	"pragma busy_timeout = 1",
	"pragma shrink_memory",
	"select * from pragma_journal_mode('off')",
	"select * from pragma_database_list",
	"select * from pragma_wal_checkpoint",
	"select * from pragma_user_version(7)",
	"attach 'SECOND' as x",
	"attach ':memory:' as x",
	"attach '' as x",
	"attach database 'file:SECOND?mode=rwc' as x",
	"detach main",
	"detach database temp",
	"vacuum main into 'SECOND'",
	"rollback",
	"end",
	"release x",
	"drop index by_city",
	"create temp view x as select 1",
	"create temp trigger x after insert on orders begin select 1; end",
	"select edit('x', 'touch SECOND')",
	"select * from fsdir('.')",
	"select * from zipfile('SECOND')",
	"select fts3_tokenizer('simple')",
	"vacuum",
	"vacuum into 'SECOND'",
	"select load_extension('x')",
	"select load_extension('x', 'y')",
	"select sqlite_log(1, 'x')",
	"select * from sqlite_dbpage",
	"select fts5(1)",
	"select readfile('/etc/passwd')",
	"select writefile('SECOND', 'x')",
	"explain delete from orders; delete from orders",
	"create virtual table x using fts5(a)",
}

func TestSQLiteReadModeChangesNothing(t *testing.T) {
	t.Parallel()
	c, path := sqliteClient(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(filepath.Dir(path), "second.db")
	for _, connection := range []string{"reading", "orders"} {
		for _, attack := range sqliteAttacks {
			query := strings.ReplaceAll(attack, "SECOND", second)
			a, err := c.query(t, connection, query, nil)
			if err == nil {
				t.Errorf("%s: %s gave %+v", connection, query, a)
			} else if e := failure(t, err); e.Type != executors.PermissionDenied && e.Type != executors.ValidationError || e.Field != "query" || e.Message == "" {
				t.Errorf("%s: %s: %+v", connection, query, e)
			}
		}
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the file has changed")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("there are %d files, %v", len(entries), err)
	}
	must(t)(c.query(t, "reading", "select 1", nil))
}

func TestSQLiteWriteModeIsBounded(t *testing.T) {
	t.Parallel()
	c, path := sqliteClient(t)
	second := filepath.Join(filepath.Dir(path), "second.db")
	for _, attack := range []string{
		"attach 'SECOND' as x", "vacuum into 'SECOND'", "select load_extension('x')", "pragma writable_schema = on",
		"begin", "savepoint x", "pragma journal_mode = wal", "select 1; delete from orders", "pragma temp_store_directory = '/tmp'",
		"update sqlite_schema set sql = 'x'",
	} {
		if a, err := c.write(t, "orders", strings.ReplaceAll(attack, "SECOND", second), nil); err == nil {
			t.Errorf("%s gave %+v", attack, a)
		}
	}
	if _, err := os.Stat(second); !os.IsNotExist(err) {
		t.Error("a second file was made")
	}
	must(t)(c.write(t, "orders", "insert into orders (city) values ('x')", nil))
}

func TestSQLiteWAL(t *testing.T) {
	t.Parallel()
	c, path := sqliteClient(t, "pragma journal_mode = wal", "insert into orders (city) values ('wal')")
	if a := must(t)(c.query(t, "reading", "select count(*) as n from orders", nil)); rows(a) != `[{"n":4}]` {
		t.Errorf("got %s", rows(a))
	}
	must(t)(c.write(t, "orders", "insert into orders (city) values ('more')", nil))
	if a := must(t)(c.query(t, "reading", "select count(*) as n from orders", nil)); rows(a) != `[{"n":5}]` {
		t.Errorf("got %s from %s", rows(a), path)
	}
}

func TestSQLiteErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, connections(map[string]policy.Connection{
		"orders":  {Kind: "sqlite", DSN: sqliteFile(t)},
		"missing": {Kind: "sqlite", DSN: filepath.Join(dir, "missing.db")},
		"folder":  {Kind: "sqlite", DSN: dir},
		"text":    {Kind: "sqlite", DSN: text},
		"memory":  {Kind: "sqlite", DSN: ":memory:"},
	}))
	for _, each := range []struct {
		connection, query string
		params            any
		kind              executors.ErrorType
		field, code, text string
	}{
		{"orders", "selec 1", nil, executors.ValidationError, "query", "SQLITE_ERROR", "syntax error"},
		{"orders", "select nowhere from orders", nil, executors.ValidationError, "query", "SQLITE_ERROR", "no such column"},
		{"orders", `select "nowhere" from orders`, nil, executors.ValidationError, "query", "SQLITE_ERROR", "no such column"},
		{"orders", "select * from nowhere", nil, executors.ValidationError, "query", "SQLITE_ERROR", "no such table"},
		{"orders", "", nil, executors.ValidationError, "query", "", "must be one statement; got 0"},
		{"orders", "select ?", nil, executors.ValidationError, "params", "", "has 1 parameters; got 0"},
		{"orders", "select ?", []any{1, 2}, executors.ValidationError, "params", "", "has 1 parameters; got 2"},
		{"orders", "select :a", map[string]any{}, executors.ValidationError, "params.a", "", "is required"},
		{"orders", "select 1", map[string]any{"b": 1}, executors.ValidationError, "params.b", "", "is not used"},
		{"missing", "select 1", nil, executors.NotFound, "", "", "there is no database file missing.db"},
		{"folder", "select 1", nil, executors.PermissionDenied, "", "", "not a regular file"},
		{"text", "select * from x", nil, executors.ExecutionError, "", "SQLITE_NOTADB", "not a database"},
		{"memory", "select 1", nil, executors.ExecutionError, "", "", "in memory"},
		{"nobody", "select 1", nil, executors.PermissionDenied, "connection", "", "there is no connection"},
	} {
		query := each.query
		if query == "" {
			query = " -- nothing\n"
		}
		_, err := c.query(t, each.connection, query, each.params)
		e := failure(t, err)
		if e.Type != each.kind || e.Field != each.field || e.Code != each.code || !strings.Contains(e.Message, each.text) || e.Retryable {
			t.Errorf("%s: %s: %+v", each.connection, each.query, e)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files in the folder", len(entries))
	}
}
