package sql_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

const schema = `
create type mood as enum ('calm', 'wild');
create table orders (id serial primary key, city text, total numeric, at timestamptz, feeling mood);
insert into orders (city, total, at, feeling) values
	('Oslo', 12.50, '2026-01-02 03:04:05+02', 'calm'), ('Rome', null, null, null), ('Oslo', 123456789012345678901234567890.1234, 'infinity', 'wild');
create sequence seq;
create function sneak() returns int language sql as 'insert into orders (city) values (''sneaked''); select 1';
create function loud() returns int language plpgsql as $$ begin execute 'insert into orders (city) values (''loud'')'; return 1; end $$;
create procedure quiet() language plpgsql as $$ begin commit; insert into orders (city) values ('quiet'); commit; end $$;
create table lobs as select lo_from_bytea(0, '\x41') as id;
create role reader login;
create role writer login;
create role maker login;
grant create on schema public to maker;
create role locked login password 'secret-password';
grant select on all tables in schema public to reader;
grant all on all tables in schema public to writer;
grant all on all sequences in schema public to writer, reader;
`

// postgresClient starts a server with some rows, and returns a client of it.
func postgresClient(t *testing.T) (*client, *peers.Postgres, *pgx.Conn) {
	t.Helper()
	server := peers.StartPostgres(t)
	admin, err := pgx.Connect(context.Background(), server.Superuser())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.Background()) })
	if _, err := admin.Exec(context.Background(), schema); err != nil {
		t.Fatal(err)
	}
	return newClient(t, connections(map[string]policy.Connection{
		"orders":  {Kind: "postgres", DSN: server.DSN("writer", "postgres") + "&timezone=UTC", Write: true},
		"reading": {Kind: "postgres", DSN: server.DSN("reader", "postgres") + "&timezone=UTC"},
		"super":   {Kind: "postgres", DSN: server.Superuser(), Write: true},
		"maker":   {Kind: "postgres", DSN: server.DSN("maker", "postgres"), Write: true},
		"role":    {Kind: "postgres", DSN: server.DSN("locked", "postgres")},
		"zoned":   {Kind: "postgres", DSN: server.DSN("writer", "postgres") + "&timezone=Europe/Oslo"},
		"nodb":    {Kind: "postgres", DSN: server.DSN("reader", "nothing")},
		"norole":  {Kind: "postgres", DSN: server.DSN("nobody", "postgres")},
		"refused": {Kind: "postgres", DSN: "postgres://a:hidden-word@127.0.0.1:1/x"},
	})), server, admin
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	c, server, admin := postgresClient(t)
	t.Run("reads", func(t *testing.T) { postgresReads(t, c) })
	t.Run("values", func(t *testing.T) { postgresValues(t, c) })
	t.Run("params", func(t *testing.T) { postgresParams(t, c) })
	t.Run("round trips", func(t *testing.T) { postgresRoundTrips(t, c) })
	t.Run("arrays", func(t *testing.T) { arrays(t, c, "maker") })
	t.Run("reads by effect", func(t *testing.T) { postgresReadsByEffect(t, c) })
	t.Run("zones", func(t *testing.T) { postgresZones(t, c) })
	t.Run("writes", func(t *testing.T) { postgresWrites(t, c) })
	t.Run("attacks", func(t *testing.T) { postgresAttacks(t, c, server, admin) })
	t.Run("bounds", func(t *testing.T) { postgresBounds(t, c, admin) })
	t.Run("stops", func(t *testing.T) { postgresStops(t, c, admin) })
	t.Run("errors", func(t *testing.T) { postgresErrors(t, c) })
	t.Run("pools", func(t *testing.T) { postgresPools(t, c, admin) })
	t.Run("callers", func(t *testing.T) { postgresCallers(t, server) })
	t.Run("faults", func(t *testing.T) { postgresFaults(t, server) })
}

func postgresReads(t *testing.T, c *client) {
	for _, each := range []struct {
		query  string
		params any
		want   string
	}{
		{"select id, total from orders where city = $1 and total is not null order by id", []any{"Oslo"},
			`[{"id":1,"total":12.50},{"id":3,"total":123456789012345678901234567890.1234}]`},
		{"select id from orders where city = :city and id > :id", map[string]any{"city": "Oslo", "id": 1}, `[{"id":3}]`},
		{"select at, feeling from orders order by id", nil,
			`[{"at":"2026-01-02T01:04:05Z","feeling":"calm"},{"at":null,"feeling":null},{"at":"infinity","feeling":"wild"}]`},
		{"table orders limit 0", nil, `[]`},
		{"values (1), (2)", nil, `[{"column1":1},{"column1":2}]`},
		{"show statement_timeout", nil, ""},
		{"explain select 1", nil, ""},
		{"with x as (select 1 as a) select a, a, a as a_2 from x", nil, `[{"a":1,"a_3":1,"a_2":1}]`},
		{"select 1;", nil, `[{"?column?":1}]`},
		{"select current_setting('transaction_read_only') as ro", nil, `[{"ro":"on"}]`},
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
	a := must(t)(c.query(t, "reading", "select id, city, total, at, feeling, array[1,2] as list, null as empty from orders limit 1", nil))
	var got []string
	for _, column := range a.Columns {
		got = append(got, column.Name+":"+column.Type)
	}
	if want := "id:int4 city:text total:numeric at:timestamptz feeling:mood list:int4[] empty:text"; strings.Join(got, " ") != want {
		t.Errorf("columns %v; want %s", got, want)
	}
}

func postgresValues(t *testing.T, c *client) {
	for expression, want := range map[string]string{
		"9223372036854775807::int8":                    `9223372036854775807`,
		"1e400::numeric":                               ``,
		"repeat('9', 101)::numeric":                    `"` + strings.Repeat("9", 101) + `"`,
		"'NaN'::numeric":                               `"NaN"`,
		"'-Infinity'::float8":                          `"-Infinity"`,
		"0.1::float8 + 0.2::float8":                    `0.30000000000000004`,
		"1e300::float8":                                `1e+300`,
		"true":                                         `true`,
		`'{"b": 1.10, "a": [1]}'::json`:                `{"b":1.10,"a":[1]}`,
		`'{"b": 1.10}'::jsonb`:                         `{"b":1.10}`,
		`'{"a":1,"a":2}'::json`:                        `"{\"a\":1,\"a\":2}"`,
		`'\x00ff'::bytea`:                              `{"base64":"AP8="}`,
		"timestamp '2026-01-02 03:04:05.678'":          `"2026-01-02T03:04:05.678"`,
		"timestamptz '2026-01-02 03:04:05+05:30'":      `"2026-01-01T21:34:05Z"`,
		"date '2026-01-02'":                            `"2026-01-02"`,
		"time '03:04:05'":                              `"03:04:05"`,
		"interval '1 day 2 hours'":                     `"P1DT2H"`,
		"array[1,null,3]":                              `[1,null,3]`,
		"array[[1,2],[3,4]]":                           `[[1,2],[3,4]]`,
		"'[0:1]={1,2}'::int[]":                         `[1,2]`,
		`array['a"b','c,d','{}','NULL',null,'','\']`:   `["a\"b","c,d","{}","NULL",null,"","\\"]`,
		"array[]::text[]":                              `[]`,
		"array[true,false]":                            `[true,false]`,
		`array['{"a":1}'::jsonb]`:                      `[{"a":1}]`,
		"array[timestamptz '2026-01-02 03:04:05Z']":    `["2026-01-02T03:04:05Z"]`,
		"'00000000-0000-0000-0000-000000000001'::uuid": `"00000000-0000-0000-0000-000000000001"`,
		"row(1,'a')":                                   `"(1,a)"`,
		"int4range(1,5)":                               `"[1,5)"`,
		"'a'::char(3)":                                 `"a  "`,
		"E'\\u00e4\\n\"'":                              `"ä\n\""`,
		"'127.0.0.1'::inet":                            `"127.0.0.1"`,
	} {
		a, err := c.query(t, "reading", "select "+expression+" as v", nil)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
		} else if got := rows(a); want != "" && got != `[{"v":`+want+`}]` {
			t.Errorf("%s gave %s; want %s", expression, got, want)
		}
	}
}

func postgresParams(t *testing.T, c *client) {
	for _, each := range []struct {
		query  string
		params []any
		want   string
	}{
		{"select $1::int4 as v", []any{5}, `5`},
		{"select $1::int8 + 1 as v", []any{9007199254740993}, `9007199254740994`},
		{"select $1 as v", []any{"x"}, `"x"`},
		{"select $1::text as v", []any{1.5}, `"1.5"`},
		{"select $1::bool as v", []any{true}, `true`},
		{"select $1::text as v", []any{nil}, `null`},
		{"select $1::jsonb as v", []any{map[string]any{"a": []any{1}}}, `{"a":[1]}`},
		{"select $1::jsonb as v", []any{`{"a":1}`}, `{"a":1}`},
		{"select $1::jsonb as v", []any{"plain"}, `"plain"`},
		{"select $1::jsonb as v", []any{7}, `7`},
		{"select $1::int[] as v", []any{[]any{1, nil, 3}}, `[1,null,3]`},
		{"select $1::text[] as v", []any{[]any{`a"b`, `c\`, "{}", "NULL"}}, `["a\"b","c\\","{}","NULL"]`},
		{"select $1::int[] as v", []any{[]any{[]any{1, 2}, []any{3, 4}}}, `[[1,2],[3,4]]`},
		{"select $1::bytea as v", []any{"AP8="}, `{"base64":"AP8="}`},
		{"select $1::bytea as v", []any{map[string]any{"base64": "AP8="}}, `{"base64":"AP8="}`},
		{"select $1::timestamptz as v", []any{"2026-01-02T03:04:05Z"}, `"2026-01-02T03:04:05Z"`},
		{"select count(*) as v from orders where id = any($1)", []any{[]any{1, 2}}, `2`},
		{"select 'x''; drop table orders; --' as v where $1 = 1", []any{1}, `"x'; drop table orders; --"`},
		{"select $1 as v", []any{"'; drop table orders; --"}, `"'; drop table orders; --"`},
	} {
		a, err := c.query(t, "reading", each.query, each.params)
		if err != nil {
			t.Errorf("%s %v: %v", each.query, each.params, err)
		} else if got := rows(a); got != `[{"v":`+each.want+`}]` {
			t.Errorf("%s %v gave %s; want %s", each.query, each.params, got, each.want)
		}
	}
	for _, each := range []struct {
		query  string
		params any
		field  string
	}{
		{"select $1::int4", []any{}, "params"},
		{"select $1::int4", []any{1, 2}, "params"},
		{"select $1::int4", []any{"x"}, "params"},
		{"select $1::int4", []any{99999999999}, "params"},
		{"select $1::bytea", []any{"not base64!"}, "params[0]"},
		{"select $1::bytea", []any{map[string]any{"base64": "not base64!"}}, "params[0]"},
		{"select $1::text", []any{[]any{1}}, "params[0]"},
		{"select $1::int", []any{map[string]any{"a": 1}}, "params[0]"},
		{"select :a", map[string]any{"b": 1}, "params.b"},
		{"select :a, :b", map[string]any{"b": 1}, "params.a"},
	} {
		_, err := c.query(t, "reading", each.query, each.params)
		if e := failure(t, err); e.Type != executors.ValidationError || e.Field != each.field {
			t.Errorf("%s %v: %+v", each.query, each.params, e)
		}
	}
}

func postgresWrites(t *testing.T, c *client) {
	check := must(t)
	check(c.write(t, "super", "create table written (id serial, x text); ", nil))
	check(c.write(t, "super", "grant all on written, written_id_seq to writer", nil))
	a := check(c.do(t, map[string]any{
		"connection": "orders", "mode": "write", "max_rows": 1,
		"query": "insert into written (x) select 'v' || i from generate_series(1, 1000) i returning id",
	}))
	if a.Changed != 1000 || a.Count != 1 || !a.Cut {
		t.Errorf("insert: %+v", a)
	}
	if a := check(c.query(t, "orders", "select count(*) as n from written", nil)); rows(a) != `[{"n":1000}]` {
		t.Errorf("after it: %s", rows(a))
	}
	if a := check(c.write(t, "orders", "update written set x = $1 where id <= $2", []any{"y", 10})); a.Changed != 10 {
		t.Errorf("update: %+v", a)
	}
	if a := check(c.write(t, "orders", "select 1 as one", nil)); rows(a) != `[{"one":1}]` || a.Changed != 0 {
		t.Errorf("select: %+v", a)
	}
	_, err := c.write(t, "orders", "insert into written (x) values ('a'); insert into written (x) values ('b')", nil)
	if e := failure(t, err); e.Type != executors.ValidationError || e.Field != "query" {
		t.Errorf("two statements: %+v", e)
	}
	check(c.write(t, "orders", "begin", nil)) // ends with the call
	check(c.write(t, "orders", "set default_transaction_read_only = on", nil))
	check(c.write(t, "orders", "insert into written (x) values ('after')", nil))
	_, err = c.write(t, "reading", "insert into written (x) values ('a')", nil)
	if e := failure(t, err); e.Type != executors.PermissionDenied || e.Field != "mode" || !strings.Contains(e.Hint, "policy.connections.reading.write") {
		t.Errorf("without write: %+v", e)
	}
	for _, each := range []string{"copy written from stdin", "copy written to program 'true'", "copy (select 1) to stdout"} {
		_, err := c.write(t, "super", each, nil)
		if e := failure(t, err); e.Type != executors.ValidationError {
			t.Errorf("%s: %+v", each, e)
		}
	}
	check(c.write(t, "super", "drop table written", nil))
}
