package sqltext_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/executors/sql/sqltext"
)

func TestNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dialect     sqltext.Dialect
		query, want string
		names       []string
	}{
		{sqltext.PostgreSQL, "select :a, :b, :a", "select $1, $2, $1", []string{"a", "b"}},
		{sqltext.PostgreSQL, "select ':a', \":a\", a::int, $$:a$$, $x$ :a $$ $x$, :b", "select ':a', \":a\", a::int, $$:a$$, $x$ :a $$ $x$, $1", []string{"b"}},
		{sqltext.PostgreSQL, "select e'\\':a' -- :a\n/* :a /* :a */ :a */ , :b", "select e'\\':a' -- :a\n/* :a /* :a */ :a */ , $1", []string{"b"}},
		{sqltext.PostgreSQL, `select '\', :a`, `select '\', $1`, []string{"a"}},
		{sqltext.PostgreSQL, "select x[1:2], a ? :k, $1", "select x[1:2], a ? $1, $1", []string{"k"}},
		{sqltext.SQLite, "select :a, @b, $c, [:a], `:a`, :a", "select ?1, ?2, ?3, [:a], `:a`, ?1", []string{"a", "b", "c"}},
		{sqltext.SQLite, `select '\', :a`, `select '\', ?1`, []string{"a"}},
		{sqltext.MySQL, "select :a, :a, @b, @x := 1, '\\':a', `:a` # :a\n -- :a\n", "select ?, ?, @b, @x := 1, '\\':a', `:a` # :a\n -- :a\n", []string{"a", "a"}},
		{sqltext.MySQL, "select 1--:a", "select 1--?", []string{"a"}},
	} {
		got, names := sqltext.Number(c.query, c.dialect)
		if got != c.want {
			t.Errorf("%q: got %q; want %q", c.query, got, c.want)
		}
		if diff := cmp.Diff(c.names, names); diff != "" {
			t.Errorf("%q: %s", c.query, diff)
		}
	}
}

func TestBind(t *testing.T) {
	t.Parallel()
	query, values, err := sqltext.Bind("select :b, :a", sqltext.PostgreSQL, map[string]any{"a": 1, "b": 2})
	if err != nil || query != "select $1, $2" || len(values) != 2 || values[0] != 2 || values[1] != 1 {
		t.Errorf("got %q, %v, %v", query, values, err)
	}
	for _, c := range []struct{ query, want string }{
		{"select :b", "params.a: is not used: the query has no :a"},
		{"select :a, :c", "params.c: is required: the query has :c"},
	} {
		if _, _, err := sqltext.Bind(c.query, sqltext.PostgreSQL, map[string]any{"a": 1}); err == nil || err.Error() != c.want {
			t.Errorf("%q: got %v; want %s", c.query, err, c.want)
		}
	}
}

func TestStatements(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]int{
		"":                        0,
		" ; -- a;b\n;":            0,
		"select 1":                1,
		"select 1;":               1,
		"select ';' ; /* ; */":    1,
		"select 1; delete from t": 2,
		"create temp trigger x after insert on t begin delete from t; select 1; end;": 1,
		"select [a;b], `;`, \";\"": 1,
	} {
		if got := sqltext.Statements(query, sqltext.SQLite); got != want {
			t.Errorf("%q has %d; got %d", query, want, got)
		}
	}
}

func TestFirstWord(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"SELECT 1": "select", " /* x */ ((with a": "with", "-- a\nShow x": "show", "'select'": "", "": "", "1": "",
	} {
		if got := sqltext.FirstWord(query, sqltext.MySQL); got != want {
			t.Errorf("%q: got %q; want %q", query, got, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"select :a, 'b''c' -- d\n", "$x$ $x", "/* /* */", "e'\\", "[", "`", "a::b:c", "ä:ö"} {
		f.Add(seed, 0)
		f.Add(seed, 2)
	}
	f.Fuzz(func(t *testing.T, query string, dialect int) {
		d := sqltext.Dialect(((dialect % 3) + 3) % 3)
		var whole strings.Builder
		for _, p := range sqltext.Split(query, d) {
			if p.Text == "" {
				t.Fatal("an empty piece")
			}
			whole.WriteString(p.Text)
		}
		if whole.String() != query {
			t.Fatalf("got %q", whole.String())
		}
		sqltext.Number(query, d)
		sqltext.Statements(query, d)
		sqltext.FirstWord(query, d)
	})
}
