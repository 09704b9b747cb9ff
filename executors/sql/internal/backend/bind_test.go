package backend_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

const (
	postgres = backend.PostgreSQL
	sqlite   = backend.SQLite
	mysql    = backend.MySQL
)

func TestBind(t *testing.T) {
	t.Parallel()
	type named = map[string]any
	list, deep, object := []any{1, 2}, []any{[]any{1}}, named{"b": []any{2}}
	for _, c := range []struct {
		dialect backend.Dialect
		query   string
		params  any
		want    string // the query, or with "!" the field of the error
		values  []any
	}{
		// Names and numbers.
		{postgres, "select :a, :b, :a", named{"a": 1, "b": 2}, "select $1, $2, $1", []any{1, 2}},
		{postgres, "select ':a', \":a\", a::int, $$:a$$, $x$ :a $$ $x$, :b", named{"b": 1}, "select ':a', \":a\", a::int, $$:a$$, $x$ :a $$ $x$, $1", []any{1}},
		{postgres, "select e'\\':a' -- :a\n/* :a /* :a */ :a */ , :b", named{"b": 1}, "select e'\\':a' -- :a\n/* :a /* :a */ :a */ , $1", []any{1}},
		{postgres, `select '\', :a`, named{"a": 1}, `select '\', $1`, []any{1}},
		{postgres, "select x[1:2], a ? :k", named{"k": 1}, "select x[1:2], a ? $1", []any{1}},
		{sqlite, "select :a, @b, $c, [:a], `:a`, :a", named{"a": 1, "b": 2, "c": 3}, "select ?1, ?2, ?3, [:a], `:a`, ?1", []any{1, 2, 3}},
		{mysql, "select :a, :a, @b, @x := 1, '\\':a', `:a` # :a\n -- :a\n", named{"a": 1}, "select ?, ?, @b, @x := 1, '\\':a', `:a` # :a\n -- :a\n", []any{1, 1}},
		{mysql, "select 1--:a", named{"a": 1}, "select 1--?", []any{1}},
		{postgres, "select $2, $1", []any{1, 2}, "select $2, $1", []any{1, 2}},
		{sqlite, "select ?2, ?, '?'", []any{1, 2, 3}, "select ?2, ?, '?'", []any{1, 2, 3}},
		{sqlite, "select :a, :b, :a", []any{1, 2}, "select ?1, ?2, ?1", []any{1, 2}},
		{postgres, "select :a, :b", named{"a": 1}, "!params.b", nil},
		{postgres, "select :a", named{"a": 1, "c": 1}, "!params.c", nil},
		{postgres, "select :a, $1", named{"a": 1}, "!params", nil},
		{mysql, "select :a, ?", named{"a": 1}, "!params", nil},
		{sqlite, "select ?", []any{}, "!params", nil},
		{mysql, "select ?", []any{1, 2}, "!params", nil},
		{postgres, "select $2", []any{1}, "!params", nil},
		// Arrays in IN are spread.
		{sqlite, "delete from t where id not in (:k)", named{"k": list}, "delete from t where id not in (?1, ?2)", list},
		{mysql, "delete from t where id not in (:k)", named{"k": list}, "delete from t where id not in (?, ?)", list},
		{postgres, "delete from t where id not in (:k)", named{"k": list}, "delete from t where id not in ($1, $2)", list},
		{sqlite, "select ? where id IN ( 0 ,/* x */ ? ) and a = ?", []any{7, list, 8}, "select ?1 where id IN ( 0 ,/* x */ ?2, ?3 ) and a = ?4", []any{7, 1, 2, 8}},
		{sqlite, "select ?2 where id in (?1)", []any{list, 8}, "select ?1 where id in (?2, ?3)", []any{8, 1, 2}},
		{postgres, "select $2 where id in ($1) or x in ($1)", []any{list, 8}, "select $1 where id in ($2, $3) or x in ($2, $3)", []any{8, 1, 2}},
		{postgres, "select 1 where id in ($2)", []any{1, list}, "!params[0]", nil},
		{postgres, "select 1 where id = any($1)", []any{list}, "select 1 where id = any($1)", []any{list}},
		{postgres, "select 1 where id in ($1)", []any{deep}, "select 1 where id in ($1)", []any{[]any{1}}},
		{sqlite, "select 1 where id in (?)", []any{deep}, "!params[0][0]", nil},
		{sqlite, "select 1 where id in (:k)", named{"k": []any{}}, "!params.k", nil},
		{mysql, "select 1 where id in (?)", []any{[]any{}}, "!params[0]", nil},
		{postgres, "select 1 where id in ($1)", []any{[]any{}}, "!params[0]", nil},
		{sqlite, "select 1 where id in (?)", []any{object}, "!params[0]", nil},
		// JSON, where JSON is stored or read.
		{sqlite, "insert into t values (?, 1), (2, ?)", []any{list, object}, "insert into t values (?, 1), (2, ?)", []any{"[1,2]", `{"b":[2]}`}},
		{mysql, "replace into t (a) values (?) on duplicate key update a = ?", []any{list, list}, "replace into t (a) values (?) on duplicate key update a = ?", []any{"[1,2]", "[1,2]"}},
		{sqlite, "update t set a = :a, b = :b where c = 1", named{"a": list, "b": object}, "update t set a = ?1, b = ?2 where c = 1", []any{"[1,2]", `{"b":[2]}`}},
		{sqlite, "select 1 where id not in (select value from json_each(?))", []any{list}, "select 1 where id not in (select value from json_each(?))", []any{"[1,2]"}},
		{sqlite, "insert into t values (?) on conflict do update set a = ?", []any{list, list}, "insert into t values (?) on conflict do update set a = ?", []any{"[1,2]", "[1,2]"}},
		// Refused anywhere else.
		{sqlite, "delete from t where id <> ?", []any{list}, "!params[0]", nil},
		{sqlite, "delete from t where id = :k", named{"k": list}, "!params.k", nil},
		{sqlite, "delete from t where id not in (values (:k))", named{"k": list}, "!params.k", nil},
		{sqlite, "delete from t where id not in (select :k)", named{"k": list}, "!params.k", nil},
		{sqlite, "delete from t where id not in (coalesce(:k, 1))", named{"k": list}, "!params.k", nil},
		{sqlite, "delete from t where (id, 1) not in ((:k, 1))", named{"k": list}, "!params.k", nil},
		{sqlite, "delete from t where id not in (:k + 1)", named{"k": list}, "!params.k", nil},
		{sqlite, "select 1 where not :k", named{"k": object}, "!params.k", nil},
		{sqlite, "update t set a = 1 where b = :k", named{"k": list}, "!params.k", nil},
		{sqlite, "update t set a = b = :k", named{"k": list}, "!params.k", nil},
		{sqlite, "update t set a = :k <> b", named{"k": list}, "!params.k", nil},
		{mysql, "insert into t (a) select ? from u", []any{list}, "!params[0]", nil},
		{mysql, "select * from t limit ?", []any{list}, "!params[0]", nil},
		// Bytes and MySQL's decimals.
		{sqlite, "select ?", []any{named{"base64": "AP8="}}, "select ?", []any{[]byte{0, 255}}},
		{mysql, "select 1 where a in (?)", []any{[]any{named{"base64": ""}}}, "select 1 where a in (?)", []any{[]byte{}}},
		{mysql, "select ?", []any{named{"base64": "no base64"}}, "!params[0]", nil},
		{mysql, "select ?, ?, ?, ?", []any{json.Number("1"), json.Number("-12.50"), json.Number("1e300"), json.Number("18446744073709551615")},
			"select ?, cast(? as decimal(4,2)), ?, ?", []any{int64(1), "-12.50", 1e300, uint64(18446744073709551615)}},
	} {
		request := backend.Request{Query: c.query}
		request.Values, _ = c.params.([]any)
		request.Named, _ = c.params.(named)
		bound, err := backend.Bind(request, c.dialect)
		if err != nil {
			if e := executors.AsError(err); "!"+e.Field != c.want || e.Type != executors.ValidationError {
				t.Errorf("%s: %+v", c.query, e)
			}
			continue
		}
		if bound.Query != c.want || len(bound.Fields) != len(bound.Values) {
			t.Errorf("%s: got %+v; want %q", c.query, bound, c.want)
		}
		if diff := cmp.Diff(c.values, bound.Values); diff != "" {
			t.Errorf("%s: %s", c.query, diff)
		}
	}
}

func TestBindIsBounded(t *testing.T) {
	t.Parallel()
	_, err := backend.Bind(backend.Request{Query: "select 1 where 1 in (?)", Values: []any{make([]any, 40_000)}}, sqlite)
	if err == nil || !strings.Contains(err.Error(), "at most 32766") {
		t.Errorf("got %v", err)
	}
}
