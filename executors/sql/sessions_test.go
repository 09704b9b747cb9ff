package sql_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestReadModeAndOtherSessions: which sessions a query in read mode can end.
// PostgreSQL lets a role end its own, also in a READ ONLY transaction. It holds
// sessions of other roles back, and all once the right to the functions is
// revoked, as docs/security.md recommends.
func TestReadModeAndOtherSessions(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	for _, each := range []string{
		"create role app login", "create role reader login", "create role member login in role app",
		"create function public.finish(p int) returns bool language sql as 'select pg_terminate_backend(p)'",
		"create function public.stop(p int) returns bool language plpgsql as $$ begin execute 'select pg_cancel_backend($1)' using p; return true; end $$",
		"create function public.run(q text) returns text language plpgsql as $$ declare r text; begin execute q into r; return r; end $$",
	} {
		connect(t, "pgx", server.Superuser(), each)
	}
	all := map[string]policy.Connection{}
	for _, role := range []string{"app", "reader", "member"} {
		all[role] = policy.Connection{Kind: "postgres", DSN: server.DSN(role, "postgres")}
	}
	c := newClient(t, connections(all))
	ways := []string{
		"select pg_terminate_backend(PID)", "select pg_cancel_backend(PID)", `select "pg_terminate_backend"(PID)`, `select U&"pg\005fterminate_backend"(PID)`,
		"select pg_catalog.pg_terminate_backend(PID, 0)", "with x as (select pg_terminate_backend(PID) as t) select * from x",
		"select query_to_xml('select pg_terminate_backend(PID)', true, true, '')", "select * from pg_stat_activity a, lateral pg_terminate_backend(a.pid) where a.pid = PID",
	}
	// A function of the database's owner can't be told from any other.
	functions := []string{"select finish(PID)", "select stop(PID)", "select run('select pg_terminate_backend(PID)')"}
	for _, each := range []struct {
		name, caller, victim string
		revoked              bool
		ends                 bool // the functions end the session
	}{
		{"a role of its own", "reader", "app", false, false},
		{"the superuser's sessions", "reader", "postgres", false, false},
		{"the same role", "app", "app", false, true},
		{"a member of the role", "member", "app", false, true},
		{"the same role, revoked", "app", "app", true, false},
		{"a member of the role, revoked", "member", "app", true, false},
	} {
		if each.revoked {
			connect(t, "pgx", server.Superuser(), "revoke execute on function pg_terminate_backend, pg_cancel_backend from public")
		}
		t.Run(each.name, func(t *testing.T) {
			for _, way := range ways {
				if alive, err := attacked(t, c, server, each.caller, each.victim, way); err == nil || !alive {
					t.Errorf("%s: %v; the session lives: %v", way, err, alive)
				} else if e := failure(t, err); e.Type != executors.PermissionDenied || e.Message == "" {
					t.Errorf("%s: %+v", way, e)
				}
			}
			for _, way := range functions {
				alive, err := attacked(t, c, server, each.caller, each.victim, way)
				// Cancelling ends what a session does, not the session.
				if lives := !each.ends || way == functions[1]; (err == nil) != each.ends || alive != lives {
					t.Errorf("%s: %v; the session lives: %v", way, err, alive)
				}
			}
		})
	}
}

// attacked runs a query of the caller against a new session of the victim, and
// returns whether that session still answers.
func attacked(t *testing.T, c *client, server *peers.Postgres, caller, victim, way string) (alive bool, err error) {
	t.Helper()
	session, err := pgx.Connect(context.Background(), server.DSN(victim, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close(context.Background())
	_, err = c.query(t, caller, strings.ReplaceAll(way, "PID", fmt.Sprint(session.PgConn().PID())), nil)
	return session.Ping(context.Background()) == nil, err
}
