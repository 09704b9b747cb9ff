package sql_test

import (
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// left is a table of statements that change a session. The query state shows
// all of it.
type left struct {
	state, session string
	reads, writes  []string
}

// TestNothingSurvivesACall: each call gets a session like a new one, whatever
// the call before it did.
func TestNothingSurvivesACall(t *testing.T) {
	t.Parallel()
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		c := survivors(t, peers.StartMariaDB(t))
		nothingSurvives(t, c, mysqlSession, true)
	})
	t.Run("mariadb over TLS", func(t *testing.T) {
		t.Parallel()
		c := survivors(t, peers.StartMariaDBTLS(t, peers.NewCertificate(t)))
		const cipher = "select variable_value <> '' as tls from information_schema.session_status where variable_name = 'SSL_CIPHER'"
		if got := rows(must(t)(c.query(t, "tls", cipher, nil))); got != `[{"tls":1}]` {
			t.Fatalf("the connection is not encrypted: %s", got)
		}
		c.name = "tls"
		// A session can't be reset through TLS: it is closed after each call.
		nothingSurvives(t, c, mysqlSession, false)
		for _, attack := range []string{"insert into orders values (2)", "select loud()", "create temporary table x (a int)", "set @a = 1", "commit"} {
			_, err := c.query(t, "tls", attack, nil)
			if e := failure(t, err); e.Type != executors.PermissionDenied {
				t.Errorf("%s: %+v", attack, e)
			}
		}
		if got := rows(must(t)(c.query(t, "tls", "select count(*) as n from orders", nil))); got != `[{"n":1}]` {
			t.Errorf("after attacks in read mode: %s", got)
		}
		_, err := c.query(t, "verified", "select 1", nil)
		if e := failure(t, err); e.Type != executors.NetworkError {
			t.Errorf("a self-signed certificate: %+v", e)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		server := peers.StartPostgres(t)
		connect(t, "pgx", server.Superuser(), "create role writer login; create role other; grant other to writer; grant all on schema public to writer; create sequence seq; grant all on seq to writer")
		c := survivor{newClient(t, connections(map[string]policy.Connection{"db": {Kind: "postgres", DSN: server.DSN("writer", "postgres"), Write: true}})), "db"}
		nothingSurvives(t, c, postgresSession, true)
	})
}

type survivor struct {
	*client
	name string
}

func survivors(t *testing.T, server *peers.MariaDB) survivor {
	t.Helper()
	root := server.DSN("root", "", "test")
	for _, each := range []string{
		"create table orders (a int)", "insert into orders values (1)", "create user writer@'%'", "grant all on test.* to writer@'%'", "create role other", "grant other to writer@'%'",
		"create function loud() returns int modifies sql data begin insert into orders values (3); return 1; end",
	} {
		connect(t, "mysql", root, each)
	}
	dsn := server.DSN("writer", "", "test")
	return survivor{newClient(t, connections(map[string]policy.Connection{
		"db": {Kind: "mysql", DSN: dsn, Write: true}, "tls": {Kind: "mysql", DSN: dsn + "?tls=skip-verify", Write: true}, "verified": {Kind: "mysql", DSN: dsn + "?tls=true"},
	})), "db"}
}

var mysqlSession = left{
	session: "select connection_id() as id",
	state: `select @a as a, @@sql_mode as m, @@time_zone as z, @@character_set_client as c, @@collation_connection as o, database() as d, current_role() as r,
		@@tx_isolation as i, @@autocommit as ac, @@sql_select_limit as l, @@default_storage_engine as e, @@foreign_key_checks as f, @@lock_wait_timeout as w,
		is_used_lock('x') as held, last_insert_id() as li, now() > '2020-01-01' as today, (select count(*) from orders) as n`,
	reads: []string{
		"select @a := 'left'", "select get_lock('x', 0)", "select last_insert_id(7)", "with x as (select 1) select @a := 'left' from x",
	},
	writes: []string{
		"set @a = 'left'", "select 'left' into @a", "set session sql_mode = 'ANSI'", "set names latin1", "set character set latin1", "set time_zone = '+05:00'", "use information_schema",
		"set session transaction isolation level serializable", "set session transaction read only", "set transaction isolation level read uncommitted",
		"set autocommit = 0", "set sql_select_limit = 0", "set default_storage_engine = 'MEMORY'", "set foreign_key_checks = 0", "set lock_wait_timeout = 1", "set timestamp = 1",
		"set role other", "do get_lock('x', 0)", "do last_insert_id(7)", "create temporary table orders (b int)", "lock tables orders write", "handler orders open",
		"start transaction", "begin", "savepoint x", "xa start 'x'",
	},
}

var postgresSession = left{
	session: "select pg_backend_pid() as id",
	state: `select session_user as s, current_user as u, current_setting('search_path') as p, current_setting('application_name') as a, current_setting('TimeZone') as z,
		current_setting('DateStyle') as ds, current_setting('work_mem') as m, current_setting('default_transaction_isolation') as i, current_setting('default_transaction_read_only') as ro,
		current_setting('statement_timeout') <> '1ms' as st, nullif(current_setting('my.own', true), '') as own, to_regclass('pg_temp.t')::text as t, pg_is_other_temp_schema(pg_my_temp_schema()) as ot,
		(select count(*) from pg_listening_channels()) as l, (select count(*) from pg_locks where locktype = 'advisory') as k, (select count(*) from pg_cursors where name <> '') as c,
		(select count(*) from pg_prepared_statements where name <> '') as ps`,
	reads: []string{
		"select pg_advisory_lock(7)", "select pg_try_advisory_lock_shared(8)", "select pg_advisory_xact_lock(9)", "select pg_notify('x', 'y')", "select setseed(0.5)::text",
	},
	writes: []string{
		"set search_path = ''", "set application_name = 'left'", "set timezone = 'Asia/Tokyo'", "set datestyle = 'SQL, DMY'", "set work_mem = '1MB'", "set role other", "set my.own = 'left'",
		"select set_config('my.own', 'left', false)", "set session characteristics as transaction isolation level serializable", "set default_transaction_read_only = on",
		"set statement_timeout = 1", "select pg_advisory_lock(7)", "listen x", "create temp table t (a int)", "create temp view t as select 1 as a", "select 1 as a into temp t",
		"prepare p as select 1", "declare c cursor with hold for select 1", "begin", "begin isolation level serializable read only", "select nextval('seq')",
	},
}

func nothingSurvives(t *testing.T, c survivor, l left, reused bool) {
	t.Helper()
	state := func() string {
		a, err := c.query(t, c.name, l.state, nil)
		if err != nil {
			return err.Error()
		}
		return rows(a)
	}
	id := func() string { return rows(must(t)(c.query(t, c.name, l.session, nil))) }
	want := state()
	for mode, list := range map[string][]string{"read": l.reads, "write": l.writes} {
		for _, each := range list {
			before := id()
			if _, err := c.do(t, map[string]any{"connection": c.name, "query": each, "mode": mode}); err != nil {
				t.Errorf("%s: %s: %+v", mode, each, failure(t, err))
			}
			if got := state(); got != want {
				t.Errorf("after %s:\n got %s\nwant %s", each, got, want)
			}
			// Otherwise a new connection would hide what a reset leaves.
			if after := id(); mode == "read" && (before == after) != reused {
				t.Errorf("%s: the session was %s, and then %s; reused should be %v", each, before, after, reused)
			}
		}
	}
}
