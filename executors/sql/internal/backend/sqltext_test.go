package backend_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

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
		if got := backend.Statements(query, backend.SQLite); got != want {
			t.Errorf("%q has %d; got %d", query, want, got)
		}
	}
}

func TestFirstWord(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"SELECT 1": "select", " /* x */ ((with a": "with", "-- a\nShow x": "show", "'select'": "", "": "", "1": "",
	} {
		if got := backend.FirstWord(query, backend.MySQL); got != want {
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
		d := backend.Dialect(((dialect % 3) + 3) % 3)
		var whole strings.Builder
		for _, p := range backend.Split(query, d) {
			if p.Text == "" {
				t.Fatal("an empty piece")
			}
			whole.WriteString(p.Text)
		}
		if whole.String() != query {
			t.Fatalf("got %q", whole.String())
		}
		_, _ = backend.Bind(backend.Request{Query: query, Values: []any{[]any{"a"}}}, d)
		backend.Statements(query, d)
		backend.FirstWord(query, d)
	})
}
