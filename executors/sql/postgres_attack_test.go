package sql_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// snapshot returns everything that attacks would change.
func snapshot(t *testing.T, admin *pgx.Conn) string {
	t.Helper()
	var got string
	err := admin.QueryRow(context.Background(), `select concat_ws(' / ',
		(select json_agg(o order by id)::text from orders o), (select count(*) from pg_largeobject_metadata), (select last_value || is_called::text from seq),
		(select count(*) from pg_class), (select count(*) from pg_roles), (select count(*) from pg_proc), (select string_agg(setconfig::text, ',') from pg_db_role_setting),
		(select count(*) from pg_locks where locktype = 'advisory'), (select count(*) from pg_prepared_xacts))`).Scan(&got)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// postgresAttackList has attacks of callers in read mode. FILE is a path in the
// server's data folder.
var postgresAttackList = []string{
	"insert into orders (city) values ('x')",
	"update orders set city = 'x'",
	"delete from orders",
	"truncate orders",
	"drop table orders",
	"alter table orders add column x int",
	"create table x (y int)",
	"create temp table x (y int)",
	"create role evil superuser",
	"grant pg_write_server_files to reader",
	"alter role reader superuser",
	"alter system set log_statement = 'all'",
	"alter database postgres set default_transaction_read_only = off",
	"vacuum",
	"cluster orders",
	"refresh materialized view x",
	"comment on table orders is 'x'",
	"select 1; delete from orders",
	"commit; begin read write; insert into orders (city) values ('x'); commit",
	"rollback; insert into orders (city) values ('x')",
	"select 1; commit; insert into orders (city) values ('x'); begin",
	"commit",
	"rollback",
	"begin read write",
	"set transaction read write",
	"set local transaction_read_only = off",
	"set session characteristics as transaction read write",
	"reset role",
	"set role postgres",
	"set session authorization postgres",
	"with x as (insert into orders (city) values ('x') returning id) select * from x",
	"with x as (delete from orders returning id) select * from x",
	"insert into orders (city) values ('x') returning id",
	"explain analyze insert into orders (city) values ('x')",
	"explain (analyze, format json) delete from orders",
	"prepare p as delete from orders",
	"execute p",
	"declare c cursor with hold for select 1",
	"do $$ begin insert into orders (city) values ('x'); end $$",
	"do $$ begin commit; insert into orders (city) values ('x'); end $$",
	"do $$ begin set transaction read write; insert into orders (city) values ('x'); end $$",
	"call quiet()",
	"select sneak()",
	"select loud()",
	"select set_config('transaction_read_only', 'off', false), sneak()",
	"select sneak() from (select set_config('transaction_read_only', 'off', true) offset 0) x",
	"select query_to_xml('insert into orders (city) values (''x'') returning 1', true, true, '')",
	"select set_config('role', 'none', true), query_to_xml('select pg_read_file(''PG_VERSION'')', true, true, '')",
	`select "set_config"('role', 'postgres', false)`,
	`select U&"set\005fconfig"('role', 'postgres', false), pg_read_file('PG_VERSION')`,
	"select nextval('seq')",
	"select setval('seq', 42)",
	"select * from orders for update",
	"select * from orders for share",
	"lock table orders in access exclusive mode",
	"copy orders to 'FILE'",
	"copy orders to stdout",
	"copy (select 1) to program 'touch FILE'",
	"copy orders from program 'echo 9'",
	"copy orders from '/etc/passwd'",
	"  /* x */ copy (select 1) to program 'touch FILE'",
	"select pg_read_file('PG_VERSION')",
	"select pg_read_binary_file('PG_VERSION')",
	"select pg_ls_dir('.')",
	"select pg_stat_file('PG_VERSION')",
	"select lo_export(id, 'FILE') from lobs",
	"select lo_import('/etc/passwd')",
	"select lo_unlink(id) from lobs",
	"select lo_put(id, 0, 'x') from lobs",
	"select pg_reload_conf()",
	"select pg_rotate_logfile()",
	"select pg_switch_wal()",
	"select pg_create_restore_point('x')",
	"select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename = 'postgres'",
	"select pg_create_physical_replication_slot('x')",
	"select dblink('dbname=postgres', 'delete from orders')",
	"load '$libdir/plpgsql'",
	"listen x",
	"notify x",
	"create extension dblink",
	"checkpoint",
	"discard all",
	"security label on table orders is 'x'",
}

func postgresAttacks(t *testing.T, c *client, server *peers.Postgres, admin *pgx.Conn) {
	before := snapshot(t, admin)
	file := filepath.Join(server.Dir, "attack")
	for _, connection := range []string{"reading", "orders"} {
		for _, attack := range postgresAttackList {
			query := strings.ReplaceAll(attack, "FILE", file)
			a, err := c.query(t, connection, query, nil)
			if err == nil {
				t.Errorf("%s: %s gave %s", connection, query, rows(a))
			} else if e := failure(t, err); e.Type == executors.NetworkError || e.Type == executors.TimeoutError {
				t.Errorf("%s: %s: %+v", connection, query, e)
			}
			if now := snapshot(t, admin); now != before {
				t.Fatalf("%s: %s changed\n%s to\n%s", connection, query, before, now)
			}
			if _, err := os.Stat(file); err == nil {
				t.Fatalf("%s: %s made a file", connection, query)
			}
		}
		// Allowed statements leave no state behind for the next call.
		must(t)(c.query(t, connection, "select pg_advisory_lock(7)", nil))
		if now := snapshot(t, admin); now != before {
			t.Errorf("%s: a lock is left: %s", connection, now)
		}
		a := must(t)(c.query(t, connection, "select current_setting('transaction_read_only') as ro, session_user as who, (select count(*) from pg_prepared_statements where name <> '') as p", nil))
		who := map[string]string{"reading": "reader", "orders": "writer", "super": "postgres"}[connection]
		if want := `[{"ro":"on","who":"` + who + `","p":0}]`; rows(a) != want {
			t.Errorf("%s: got %s; want %s", connection, rows(a), want)
		}
	}
}
