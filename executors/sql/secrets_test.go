package sql_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/sql"
)

// Databases that repeat a parameter in rows and in errors.
func TestSecretsThatComeBack(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct {
		open   func(t *testing.T) policy.Connection
		query  string
		params int
		errors []string // some of them contain the input
	}{
		"sqlite": {
			func(t *testing.T) policy.Connection { return policy.Connection{Kind: "sqlite", DSN: sqliteFile(t)} },
			`select ?1 as plain, json_quote(?1) as quoted, cast(?1 as blob) as bytes, json_array(json_object('a', ?1)) as deep`, 1,
			[]string{"select json_extract('{}', ?)", "select json(?)"},
		},
		"postgres": {
			func(t *testing.T) policy.Connection {
				server := peers.StartPostgres(t)
				connect(t, "pgx", server.Superuser(), "create role reader login")
				return policy.Connection{Kind: "postgres", DSN: server.DSN("reader", "postgres")}
			},
			`select $1::text as plain, to_json($1::text) as quoted, convert_to($1, 'UTF8') as bytes, encode(convert_to('user:' || $1, 'UTF8'), 'base64') as base64, xmlelement(name x, $1) as xml`, 1,
			[]string{"select $1::int", "select ($1::text)::json", "select ('\"' || $1)::jsonb", "select to_date($1, 'YYYY')", "select $1::text::inet"},
		},
		"mysql": {
			func(t *testing.T) policy.Connection {
				server := peers.StartMariaDB(t)
				connect(t, "mysql", server.DSN("root", "", "test"), "create user writer@'%'")
				connect(t, "mysql", server.DSN("root", "", "test"), "grant all on test.* to writer@'%'")
				return policy.Connection{Kind: "mysql", DSN: server.DSN("writer", "", "test"), Write: true}
			},
			"select ?, json_quote(?) as quoted, cast(? as binary) as bytes, to_base64(concat('user:', ?)) as base64, json_array(?) as deep", 5,
			[]string{"insert into numbers values (?)", "select extractvalue(1, concat(0x7e, ?))"},
		},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			cfg := connections(map[string]policy.Connection{"db": c.open(t)})
			vault := executortest.NewVault(t, cfg, policy.Secret{Executors: []string{"db_query"}}, sql.New())
			if kind == "mysql" {
				if made := executortest.Call(t, vault.Registry, "db_query", `{"connection": "db", "mode": "write", "query": "create table numbers (n int)"}`); made.Err != nil {
					t.Fatal(made.Err)
				}
			}
			params := slices.Repeat([]any{executortest.Hole}, c.params)
			outcome := vault.Call("db_query", map[string]any{"connection": "db", "query": c.query, "params": params})
			if outcome.Err != nil || strings.Count(string(outcome.Result), "[secret]") < 4 {
				t.Errorf("%s, %+v", outcome.Result, outcome.Err)
			}
			said := 0
			for _, query := range c.errors {
				mode := "read"
				if strings.HasPrefix(query, "insert") {
					mode = "write"
				}
				outcome := executortest.Call(t, vault.Registry, "db_query", fmt.Sprintf(`{"connection": "db", "mode": %q, "query": %q, "params": [%q]}`, mode, query, executortest.Hole))
				if outcome.Err == nil {
					t.Errorf("%s: %s", query, outcome.Result)
					continue
				}
				executortest.CheckHidden(t, query, outcome.Err.Message+outcome.Err.Hint)
				if strings.Contains(outcome.Err.Message, "[secret]") {
					said++
				}
			}
			if said == 0 {
				t.Error("no error says what was given")
			}
		})
	}
}
