package sql_test

import (
	"context"
	databasesql "database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

var mysqlSchema = []string{
	"create table orders (id int primary key auto_increment, city varchar(50), total decimal(40,4), at datetime(3), extra json, raw varbinary(10), flag bit(1), u bigint unsigned)",
	`insert into orders (city, total, at, extra, raw, flag, u) values
		('Oslo', 12.50, '2026-01-02 03:04:05.678', '{"b": 1.10, "a": []}', x'00ff', b'1', 18446744073709551615), ('Rome', null, null, null, null, null, null)`,
	"create table plain (id int) engine=myisam",
	"insert into plain values (1)",
	"create sequence seq",
	"create procedure sneak() begin commit; insert into orders (city) values ('sneaked'); commit; end",
	"create function loud() returns int modifies sql data begin insert into orders (city) values ('loud'); return 1; end",
	"create function hush() returns int modifies sql data begin insert into plain values (7); return 1; end",
	"create user reader@'%' identified by 'word'",
	"grant select, execute on test.* to reader@'%'",
	"create user writer@'%'",
	"grant all on test.* to writer@'%'",
}

func mysqlClient(t *testing.T) (*client, *peers.MariaDB, *databasesql.DB) {
	t.Helper()
	server := peers.StartMariaDB(t)
	admin, err := databasesql.Open("mysql", server.DSN("root", "", "test"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	for _, each := range mysqlSchema {
		if _, err := admin.Exec(each); err != nil {
			t.Fatalf("%s: %v", each, err)
		}
	}
	return newClient(t, connections(map[string]policy.Connection{
		"orders":  {Kind: "mysql", DSN: "mysql://writer@" + server.Addr + "/test", Write: true},
		"reading": {Kind: "mysql", DSN: server.DSN("reader", "word", "test") + "?multiStatements=true&allowAllFiles=true&interpolateParams=true"},
		"zoned":   {Kind: "mysql", DSN: server.DSN("reader", "word", "test") + "?time_zone=%27%2B05:30%27"},
		"super":   {Kind: "mysql", DSN: server.DSN("root", "", "test"), Write: true},
		"wrong":   {Kind: "mysql", DSN: server.DSN("reader", "wrong-word", "test")},
		"nodb":    {Kind: "mysql", DSN: server.DSN("root", "", "nothing")},
		"refused": {Kind: "mysql", DSN: "a:hidden-word@tcp(127.0.0.1:1)/x"},
	})), server, admin
}

func TestMariaDB(t *testing.T) {
	t.Parallel()
	c, server, admin := mysqlClient(t)
	t.Run("reads", func(t *testing.T) { mysqlReads(t, c) })
	t.Run("writes", func(t *testing.T) { mysqlWrites(t, c) })
	t.Run("round trips", func(t *testing.T) { mysqlRoundTrips(t, c) })
	t.Run("arrays", func(t *testing.T) { arrays(t, c, "orders") })
	t.Run("reads by effect", func(t *testing.T) { mysqlReadsByEffect(t, c) })
	t.Run("zones", func(t *testing.T) { mysqlZones(t, c) })
	t.Run("attacks", func(t *testing.T) { mysqlAttacks(t, c, server, admin) })
	t.Run("bounds", func(t *testing.T) { mysqlBounds(t, c) })
	t.Run("stops", func(t *testing.T) { mysqlStops(t, c, admin) })
	t.Run("errors", func(t *testing.T) { mysqlErrors(t, c) })
	t.Run("callers", func(t *testing.T) { mysqlCallers(t, server) })
	t.Run("faults", func(t *testing.T) { mysqlFaults(t, server) })
}

func mysqlReads(t *testing.T, c *client) {
	for _, each := range []struct {
		query  string
		params any
		want   string
	}{
		{"select id, total from orders where city = ?", []any{"Oslo"}, `[{"id":1,"total":12.5000}]`},
		{"select id from orders where city = :city and id >= :id and city = :city", map[string]any{"city": "Oslo", "id": 1}, `[{"id":1}]`},
		{"select at, raw, flag, u, extra from orders where id = 1", nil,
			`[{"at":"2026-01-02T03:04:05.678","raw":{"base64":"AP8="},"flag":1,"u":18446744073709551615,"extra":"{\"b\": 1.10, \"a\": []}"}]`},
		{"select at, raw, flag, u, extra, total from orders where id = 2", nil, `[{"at":null,"raw":null,"flag":null,"u":null,"extra":null,"total":null}]`},
		{"select 1 as a, 2 as a, 0.1 as d, 1e10 as f, 'x' as s, date '2026-01-02' as day, cast('a' as binary) as b", nil,
			`[{"a":1,"a_2":2,"d":0.1,"f":10000000000,"s":"x","day":"2026-01-02","b":{"base64":"YQ=="}}]`},
		{"select cast(? as decimal(40,4)) as v", []any{123456789.1234}, `[{"v":123456789.1234}]`},
		{"select ? as v", []any{nil}, `[{"v":null}]`},
		{"show tables like 'pl%'", nil, ""},
		{"explain select 1", nil, ""},
		{"(select 1 as a) union (select 2)", nil, `[{"a":1},{"a":2}]`},
		{"with x as (select 1 as a) select * from x", nil, `[{"a":1}]`},
		{"values (1)", nil, ""},
		{"-- a comment\nselect ';' as a", nil, `[{"a":";"}]`},
	} {
		for _, connection := range []string{"reading", "orders"} {
			a, err := c.query(t, connection, each.query, each.params)
			if err != nil {
				t.Errorf("%s: %s: %+v", connection, each.query, failure(t, err))
			} else if got := rows(a); each.want != "" && got != each.want {
				t.Errorf("%s: %s:\n got %s\nwant %s", connection, each.query, got, each.want)
			}
		}
	}
}

func mysqlWrites(t *testing.T, c *client) {
	check := must(t)
	check(c.write(t, "orders", "create table written (id int primary key auto_increment, x text)", nil))
	if a := check(c.write(t, "orders", "insert into written (x) values (?), (?)", []any{"a", "b"})); a.Changed != 2 {
		t.Errorf("insert: %+v", a)
	}
	if a := check(c.write(t, "orders", "update written set x = :x", map[string]any{"x": "c"})); a.Changed != 2 {
		t.Errorf("update: %+v", a)
	}
	if a := check(c.query(t, "orders", "select x from written", nil)); rows(a) != `[{"x":"c"},{"x":"c"}]` {
		t.Errorf("after it: %s", rows(a))
	}
	if a := check(c.write(t, "orders", "insert into written (x) values ('r') returning id", nil)); rows(a) != `[{"id":3}]` {
		t.Errorf("returning: %+v", a)
	}
	_, err := c.write(t, "orders", "delete from written; delete from orders", nil)
	if e := failure(t, err); e.Type != executors.ValidationError {
		t.Errorf("two statements: %+v", e)
	}
	check(c.write(t, "orders", "start transaction", nil))
	check(c.write(t, "orders", "insert into written (x) values ('after')", nil))
	if a := check(c.query(t, "orders", "select count(*) as n from written", nil)); rows(a) != `[{"n":4}]` {
		t.Errorf("after a transaction was begun: %s", rows(a))
	}
	check(c.write(t, "orders", "drop table written", nil))
}

// mysqlAttackList has attacks of callers in read mode. FILE is a path that the
// server could write.
var mysqlAttackList = []string{
	"insert into orders (city) values ('x')",
	"update orders set city = 'x'",
	"delete from orders",
	"replace into orders (id, city) values (1, 'x')",
	"truncate orders",
	"drop table orders",
	"alter table orders add column x int",
	"create table x (y int)",
	"create temporary table x (y int)",
	"insert into plain values (2)",
	"select 1; delete from orders",
	"commit; insert into orders (city) values ('x')",
	"commit",
	"rollback",
	"start transaction read write",
	"set session transaction read write",
	"set transaction_read_only = 0",
	"set global read_only = 0",
	"set password = password('x')",
	"set @x = 1",
	"with x as (select 1) delete from orders",
	"with x as (select 1) update orders set city = 'x'",
	"insert into orders (city) values ('x') returning id",
	"delete from orders returning id",
	"explain delete from orders; delete from orders",
	"analyze delete from orders",
	"analyze format=json update orders set city = 'x'",
	"call sneak()",
	"select loud()",
	"select hush()",
	"do loud()",
	"execute immediate 'delete from orders'",
	"prepare p from 'delete from orders'",
	"begin not atomic delete from orders; end",
	"if 1 then delete from orders; end if",
	"select nextval(seq)",
	"select next value for seq",
	"select setval(seq, 42)",
	"select 'x' into outfile 'FILE'",
	"select 'x' into dumpfile 'FILE'",
	"select 'x' /* */ into/**/outfile 'FILE'",
	"select 'x' into -- x\n outfile 'FILE'",
	"select load_file('/etc/passwd')",
	"select 1 /*! into outfile 'FILE' */",
	"select 1 /*M! into outfile 'FILE' */",
	"load data infile '/etc/passwd' into table orders",
	"load data local infile '/etc/passwd' into table orders (city)",
	"lock tables orders write",
	"flush tables with read lock",
	"handler orders open",
	"kill 1",
	"shutdown",
	"install soname 'x'",
	"create user evil",
	"grant all on *.* to reader@'%'",
	"rename table orders to x",
	"optimize table orders",
	"repair table plain",
	"analyze table orders",
	"use mysql",
	"xa start 'x'",
	"savepoint x",
	"select * from orders for update; select 1",
	"(delete from orders)",
	"/* x */ delete from orders",
	"# select\ndelete from orders",
	"--select\ndelete from orders",
}

func mysqlSnapshot(t *testing.T, admin *databasesql.DB) string {
	t.Helper()
	var all []string
	for _, query := range []string{
		"select group_concat(id, city order by id) from orders", "select count(*) from plain", "select group_concat(table_name order by table_name) from information_schema.tables where table_schema = 'test'",
		"select count(*) from mysql.global_priv", "select next_not_cached_value from seq", "select @@global.read_only", "select count(*) from information_schema.columns where table_schema = 'test'",
	} {
		var got string
		if err := admin.QueryRow(query).Scan(&got); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		all = append(all, got)
	}
	return strings.Join(all, " / ")
}

func mysqlAttacks(t *testing.T, c *client, server *peers.MariaDB, admin *databasesql.DB) {
	before := mysqlSnapshot(t, admin)
	file := filepath.Join(server.Dir, "attack")
	for _, connection := range []string{"reading", "orders"} {
		for _, attack := range mysqlAttackList {
			query := strings.ReplaceAll(attack, "FILE", file)
			a, err := c.query(t, connection, query, nil)
			if err == nil {
				t.Errorf("%s: %s gave %s", connection, query, rows(a))
			} else if e := failure(t, err); e.Type == executors.NetworkError || e.Type == executors.TimeoutError {
				t.Errorf("%s: %s: %+v", connection, query, e)
			}
			if now := mysqlSnapshot(t, admin); now != before {
				t.Fatalf("%s: %s changed\n%s to\n%s", connection, query, before, now)
			}
			if _, err := os.Stat(file); err == nil {
				t.Fatalf("%s: %s made a file", connection, query)
			}
		}
		must(t)(c.query(t, connection, "select get_lock('x', 0) as l", nil))
		var free int
		if err := admin.QueryRow("select is_free_lock('x')").Scan(&free); err != nil || free != 1 {
			t.Errorf("%s: a lock is left: %d, %v", connection, free, err)
		}
		must(t)(c.query(t, connection, "select 1", nil))
	}
}

func mysqlBounds(t *testing.T, c *client) {
	var a answer
	executortest.Ends(t, "reading the first of 100,000,000,000 rows", func() {
		a = must(t)(c.do(t, map[string]any{"connection": "reading", "query": "select seq from seq_1_to_100000000000", "max_rows": 5}))
	})
	if a.Count != 5 || !a.Cut {
		t.Errorf("%d rows, truncated %v", a.Count, a.Cut)
	}
	a = must(t)(c.do(t, map[string]any{"connection": "reading", "query": "select seq from seq_1_to_5", "max_rows": 5}))
	if a.Count != 5 || a.Cut {
		t.Errorf("%d rows, truncated %v", a.Count, a.Cut)
	}
	a = must(t)(c.do(t, map[string]any{"connection": "reading", "query": "select repeat('x', 1000000) as x from seq_1_to_1000"}))
	if a.Count != 9 || !a.Cut {
		t.Errorf("%d large rows, truncated %v", a.Count, a.Cut)
	}
}

func mysqlStops(t *testing.T, c *client, admin *databasesql.DB) {
	for _, mode := range []string{"read", "write"} {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() {
			_, err := c.call(ctx, t, map[string]any{"connection": "orders", "query": "select sleep(3600)", "mode": mode})
			done <- err
		}()
		sleeping(t, admin, 1)
		cancel()
		executortest.Ends(t, "a cancelled query", func() {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: cancelled: %v", mode, err)
			}
		})
		sleeping(t, admin, 0)
	}
	must(t)(c.query(t, "orders", "select 1", nil))
}

// sleeping waits until the given number of queries sleep in the server.
func sleeping(t *testing.T, admin *databasesql.DB, want int) {
	t.Helper()
	for end := time.Now().Add(executortest.Patience); ; time.Sleep(10 * time.Millisecond) {
		var n int
		err := admin.QueryRow("select count(*) from information_schema.processlist where info like 'select sleep%'").Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d queries sleep; want %d", n, want)
		}
	}
}

func mysqlErrors(t *testing.T, c *client) {
	for _, each := range []struct {
		connection, query string
		kind              executors.ErrorType
		field, code, text string
		retryable         bool
	}{
		{"reading", "select from where", executors.ValidationError, "query", "42000", "SQL syntax", false},
		{"reading", "select * from nowhere", executors.ValidationError, "query", "42S02", "doesn't exist", false},
		{"reading", "select nowhere from orders", executors.ValidationError, "query", "42S22", "Unknown column", false},
		{"reading", "select * from mysql.global_priv", executors.PermissionDenied, "", "42000", "denied", false},
		{"reading", "select ?", executors.ValidationError, "params", "", "has 1 parameters; got 0", false},
		{"orders", "delete from orders", executors.PermissionDenied, "query", "", "does more than read", false},
		{"orders", "with x as (select 1) select loud()", executors.PermissionDenied, "query", "25006", "does more than read", false},
		{"wrong", "select 1", executors.AuthenticationError, "", "28000", "Access denied", false},
		{"nodb", "select 1", executors.NotFound, "", "42000", "Unknown database", false},
		{"refused", "select 1", executors.NetworkError, "", "", "refused", true},
	} {
		_, err := c.query(t, each.connection, each.query, nil)
		e := failure(t, err)
		if e.Type != each.kind || e.Field != each.field || e.Code != each.code || !strings.Contains(e.Message, each.text) || e.Retryable != each.retryable {
			t.Errorf("%s: %s: %+v", each.connection, each.query, e)
		}
		if strings.Contains(fmt.Sprint(e), "hidden-word") || strings.Contains(fmt.Sprint(e), "wrong-word") {
			t.Errorf("the password is in %q", e.Message)
		}
	}
}

func mysqlCallers(t *testing.T, server *peers.MariaDB) {
	c := newClient(t, policy.Config{
		Databases: policy.Databases{CallerDSN: true}, Network: policy.Network{Allow: []string{server.Addr}},
	})
	a := must(t)(c.do(t, map[string]any{"dsn": "mysql://reader:word@" + server.Addr + "/test", "query": "select 1 as one"}))
	if rows(a) != `[{"one":1}]` {
		t.Errorf("got %s", rows(a))
	}
}
