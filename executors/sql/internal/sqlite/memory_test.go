package sqlite

import (
	databasesql "database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

func file(t *testing.T, statements ...string) *database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := databasesql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, each := range append([]string{"create table t (id integer primary key, name text)", "insert into t values (1, 'a'), (2, 'b'), (3, 'c')"}, statements...) {
		if _, err := db.ExecContext(t.Context(), each); err != nil {
			t.Fatalf("%s: %v", each, err)
		}
	}
	opened, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened.(*database)
}

func (d *database) read(t *testing.T, query string) (*backend.Result, error) {
	t.Helper()
	return d.Run(t.Context(), backend.Request{Query: query, MaxRows: 1000, MaxBytes: 9 << 20})
}

// endless are rows without an end, in n(i).
const endless = "with recursive n(i) as (select 1 union all select i + 1 from n) "

// TestLargeQueriesWork: what fits into the bound works.
func TestLargeQueriesWork(t *testing.T) {
	d := file(t)
	for query, want := range map[string]string{
		"with recursive n(i) as (select 1 union all select i + 1 from n limit 1000000) select i, 'name ' || i as name from n order by name desc limit 1": `[{"i":999999,"name":"name 999999"}]`,
		"with recursive n(i) as (select 1 union all select i + 1 from n limit 100000) select count(distinct i) as n from n":                              `[{"n":100000}]`,
		"select length(group_concat(id, hex(zeroblob(1000000)))) as n from t":                                                                            `[{"n":4000003}]`,
		"select hex(zeroblob(4000000)) as x": "",
	} {
		result, err := d.read(t, query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got, _ := json.Marshal(result.Rows); result.Truncated || want != "" && string(got) != want {
			t.Errorf("%s: truncated %v, %.100s", query, result.Truncated, got)
		}
	}
}

// TestEveryBoundIsSafe runs queries with every small bound: each gives the right
// rows or the error, and the connection works afterwards.
func TestEveryBoundIsSafe(t *testing.T) {
	d := file(t)
	for _, query := range []string{
		"select id, name, hex(zeroblob(3000)) as z from t order by name desc",
		"select json_group_array(json_object('id', id, 'name', name)) as all_of_them, group_concat(upper(name)) as g from t",
		"select zeroblob(40000) as z, id from t where name in ('a', 'b', 'c') union select id, name from t",
		"select name, sum(id) over (order by id desc) as s from t a where exists (select 1 from t b where b.id >= a.id)",
	} {
		d.memory = maxMemory
		result, err := d.read(t, query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		want, _ := json.Marshal(result.Rows)
		refused, worked := 0, 0
		for d.memory = 0; worked < 5; d.memory += 997 {
			result, err := d.read(t, query)
			if err != nil {
				if e := executors.AsError(err); e.Code != "SQLITE_NOMEM" || e.Hint == "" {
					t.Fatalf("%s: with %d bytes: %+v", query, d.memory, e)
				}
				refused++
				continue
			}
			worked++
			if got, _ := json.Marshal(result.Rows); string(got) != string(want) {
				t.Fatalf("%s: with %d bytes: got %.200s; want %.200s", query, d.memory, got, want)
			}
		}
		if refused == 0 {
			t.Errorf("%s: nothing was refused", query)
		}
	}
}

// TestWritesAreBounded: a write that needs too much changes nothing.
func TestWritesAreBounded(t *testing.T) {
	d := file(t)
	d.memory = 4 << 20
	for _, query := range []string{
		endless + "insert into t select i + 10, hex(randomblob(1000)) as x from n order by x",
		endless + "update t set name = (select count(distinct i) from n)",
		endless + "delete from t where id = (select max(i) from (select distinct i from n))",
	} {
		_, err := d.Run(t.Context(), backend.Request{Query: query, Write: true, MaxRows: 10, MaxBytes: 9 << 20})
		if e := executors.AsError(err); e == nil || e.Code != "SQLITE_NOMEM" {
			t.Errorf("%s: %+v", query, e)
		}
		result, err := d.read(t, "select group_concat(name) as names from t")
		if got, _ := json.Marshal(result); err != nil || !strings.Contains(string(got), "a,b,c") {
			t.Errorf("after %s: %s, %v", query, got, err)
		}
	}
}

// TestOthersAreNotBounded: other users of SQLite in this process, such as the
// store of runs, have no limit, also while a query is refused.
func TestOthersAreNotBounded(t *testing.T) {
	d := file(t)
	d.memory = 8 << 20
	other, err := databasesql.Open("sqlite", filepath.Join(t.TempDir(), "other.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	failed := make(chan error)
	go func() {
		_, err := d.read(t, endless+"select i from n order by i desc")
		failed <- err
	}()
	for done := false; !done; {
		select {
		case err := <-failed:
			if done = true; err == nil {
				t.Error("the query was not refused")
			}
		default:
		}
		var n int
		if err := other.QueryRowContext(t.Context(), "select length(hex(zeroblob(?)))", d.memory).Scan(&n); err != nil || int64(n) != 2*d.memory {
			t.Fatalf("%d, %v", n, err)
		}
	}
}
