package sql_test

import (
	"testing"

	"github.com/chainwright/chainwright/executors"
)

func TestSQLiteArrays(t *testing.T) {
	t.Parallel()
	c, _ := sqliteClient(t)
	arrays(t, c, "orders")
}

// arrays checks that an array as a parameter is spread inside IN, and refused
// where it would be compared as a whole: then a condition with NOT would hold for
// every row.
func arrays(t *testing.T, c *client, connection string) {
	t.Helper()
	check := must(t)
	type named = map[string]any
	left := func() string {
		return rows(check(c.query(t, connection, "select id from kept order by id", nil)))
	}
	for _, each := range []struct {
		query  string
		params any
		left   string // empty: refused, and nothing is deleted
		field  string
	}{
		{"delete from kept where id not in (:keep)", named{"keep": []any{1, 2}}, `[{"id":1},{"id":2}]`, ""},
		{"delete from kept where id in (:gone)", named{"gone": []any{1, 2}}, `[{"id":3}]`, ""},
		{"delete from kept where not (id in (3, :keep))", named{"keep": []any{1}}, `[{"id":1},{"id":3}]`, ""},
		{"delete from kept where name not in (:keep)", named{"keep": []any{"a", "b"}}, `[{"id":1},{"id":2}]`, ""},
		{"delete from kept where name not in (:keep) and id not in (:ids) and name <> :other", named{"keep": []any{"a"}, "ids": []any{2}, "other": "z"}, `[{"id":1},{"id":2}]`, ""},
		{"delete from kept where name not in (:keep)", named{"keep": []any{}}, "", "params.keep"},
		{"delete from kept where name <> :keep", named{"keep": []any{"a"}}, "", "params.keep"},
		{"delete from kept where name <> :keep", named{"keep": named{"a": 1}}, "", "params.keep"},
		{"delete from kept where not name = :keep", named{"keep": []any{"a"}}, "", "params.keep"},
		{"delete from kept where name not in (:keep)", named{"keep": []any{[]any{"a"}}}, "", "params.keep[0]"},
		{"delete from kept where name not in (:keep)", named{"keep": []any{named{"a": 1}}}, "", "params.keep[0]"},
		{"delete from kept where name not like :keep", named{"keep": []any{"a"}}, "", "params.keep"},
		{"delete from kept where coalesce(name, 'x') <> coalesce(:keep, name)", named{"keep": []any{"a"}}, "", "params.keep"},
	} {
		check(c.write(t, connection, "create table kept (id int, name varchar(10))", nil))
		check(c.write(t, connection, "insert into kept values (1, 'a'), (2, 'b'), (3, 'c')", nil))
		_, err := c.write(t, connection, each.query, each.params)
		switch {
		case each.left != "":
			if err != nil {
				t.Errorf("%s %v: %+v", each.query, each.params, failure(t, err))
			} else if got := left(); got != each.left {
				t.Errorf("%s %v left %s; want %s", each.query, each.params, got, each.left)
			}
		default:
			if e := failure(t, err); e.Type != executors.ValidationError || e.Field != each.field {
				t.Errorf("%s %v: %+v", each.query, each.params, e)
			}
			if got := left(); got != `[{"id":1},{"id":2},{"id":3}]` {
				t.Errorf("%s %v was refused, and left %s", each.query, each.params, got)
			}
		}
		check(c.write(t, connection, "drop table kept", nil))
	}
}

// TestSQLiteReadsByEffect and its neighbors: read mode refuses what a statement
// does. Words in texts and names are no reason, and a syntax error is one.
func TestSQLiteReadsByEffect(t *testing.T) {
	t.Parallel()
	c, _ := sqliteClient(t)
	readsByEffect(t, c, []string{
		"select 'delete from orders; drop table orders' as a", `select 1 as "insert"`, "select 1 /* update */ as a", "select replace('a', 'a', 'b') as a",
		"select load from (select 1 as load)", "explain delete from orders", "explain query plan update orders set city = 'x'",
	}, []string{"selec 1", "delet from orders", "select from where", "select 'open", "insrt into orders values (1)"})
}

func postgresReadsByEffect(t *testing.T, c *client) {
	readsByEffect(t, c, []string{
		"select 'delete from orders; drop table orders' as a", `select 1 as "insert"`, "select 1 as set_config", `select "dblink" from (select 1 as "dblink") x`,
		"select 'pg_terminate_backend(1)' as a -- set_config(", `select U&"d\0061t" from (select 1 as dat) x`, "select u & (3) as a from (select 1 as u) x",
	}, []string{"selec 1", "delet from orders", "select from where (", "select set_config(", "select 'open", "insrt into orders values (1)"})
}

func mysqlReadsByEffect(t *testing.T, c *client) {
	readsByEffect(t, c, []string{
		"select 'delete from orders; drop table orders' as a", "select 1 as `insert`", "select 'into outfile' as a", "select 1 as `outfile`", "select 1 as dumpfile",
		"select '/*! */' as a", "select 1 as load_file", "select 1 -- into outfile\n as a",
	}, []string{"selec 1", "delet from orders", "select from where", "select 'open", "insrt into orders values (1)"})
}

func readsByEffect(t *testing.T, c *client, reads, wrong []string) {
	t.Helper()
	for _, each := range reads {
		if _, err := c.query(t, "reading", each, nil); err != nil {
			t.Errorf("%s: %+v", each, failure(t, err))
		}
	}
	for _, each := range wrong {
		_, err := c.query(t, "reading", each, nil)
		if e := failure(t, err); e.Type != executors.ValidationError || e.Field != "query" {
			t.Errorf("%s: %+v", each, e)
		}
	}
}

// postgresZones and mysqlZones: the time zone of a session is what the operator
// set, in the DSN or in the database.
func postgresZones(t *testing.T, c *client) {
	must(t)(c.write(t, "super", "alter role locked set timezone = 'Asia/Kolkata'", nil))
	for connection, want := range map[string]string{
		"role":  `[{"z":"Asia/Kolkata","t":"2026-01-02T08:34:05+05:30","l":"2026-01-02T08:34:05"}]`,
		"zoned": `[{"z":"Europe/Oslo","t":"2026-01-02T04:04:05+01:00","l":"2026-01-02T04:04:05"}]`,
	} {
		for range 2 { // also after the reset of the session
			a := must(t)(c.query(t, connection, "select current_setting('timezone') as z, $1::timestamptz as t, $1::timestamptz::timestamp as l", []any{"2026-01-02T03:04:05Z"}))
			if got := rows(a); got != want {
				t.Errorf("%s: got %s; want %s", connection, got, want)
			}
		}
	}
}

func mysqlZones(t *testing.T, c *client) {
	for connection, want := range map[string]string{
		"reading": `[{"z":"SYSTEM"}]`,
		"zoned":   `[{"z":"+05:30"}]`,
	} {
		for range 2 {
			if got := rows(must(t)(c.query(t, connection, "select @@session.time_zone as z", nil))); got != want {
				t.Errorf("%s: got %s; want %s", connection, got, want)
			}
		}
	}
	a := must(t)(c.query(t, "zoned", "select from_unixtime(0) as t, cast(from_unixtime(0) as datetime) = :t as same", map[string]any{"t": "1970-01-01T05:30:00"}))
	if got := rows(a); got != `[{"t":"1970-01-01T05:30:00","same":1}]` {
		t.Errorf("got %s", got)
	}
}
