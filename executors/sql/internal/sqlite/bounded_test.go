//go:build !race

package sqlite

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

// hungry are queries without an end, or of far more than maxMemory. EXPRESSIONS
// stands for 2000 columns.
var hungry = map[string]string{
	"sort":                   endless + "select i from n order by i desc",
	"sort of wide rows":      endless + "select hex(randomblob(1000)) as x, i from n order by x",
	"distinct":               endless + "select count(*) from (select distinct i from n)",
	"count distinct":         endless + "select count(distinct i) from n",
	"union":                  endless + "select count(*) from (select i from n union select -i from n)",
	"intersect":              endless + "select count(*) from (select i from n intersect select i from n)",
	"group":                  endless + "select i, count(*) from n group by i + 0",
	"window":                 endless + "select i, sum(i) over (order by i rows between unbounded preceding and unbounded following) from n",
	"lag":                    endless + "select max(x) from (select lag(i, 1000000000) over (partition by i % 1 order by i) as x from n)",
	"group_concat":           "select length(group_concat(hex(zeroblob(10000)))) from (" + endless + "select i from n limit 10000)",
	"wide group_concat":      endless + "select length(a) from (select i % 100 as k, group_concat(hex(zeroblob(50000))) as a from n group by k)",
	"json_group_array":       "select length(json_group_array(hex(zeroblob(10000)))) from (" + endless + "select i from n limit 10000)",
	"wide json_group_array":  endless + "select length(a) from (select i % 100 as k, json_group_array(hex(zeroblob(50000))) as a from n group by k)",
	"recursive rows":         "with recursive n(i, s) as (select 1, zeroblob(1) union all select i + x, randomblob(1000) from n, (select 0 as x union select 1) order by 2) select count(*) from n",
	"recursive set":          "with recursive n(i) as (select 1 union select i + 1 from n) select count(*) from n",
	"doubling":               "with recursive g(i, s) as (select 1, 'x' union all select i + 1, s || s from g), h as materialized (select s from g limit 24) select sum(length(a.s || b.s)) from h a, h b order by a.s, b.s",
	"materialized":           endless + ", m as materialized (select hex(randomblob(1000)) as x from n) select count(*) from m a, m b",
	"cross join":             endless + ", m as (select i, hex(zeroblob(500)) as x from n limit 100000) select count(*) from (select a.x || b.x as y from m a, m b, m c order by y)",
	"automatic index":        endless + "select count(*) from (select i, hex(zeroblob(500)) as x from n limit 1000000) a join (select i, hex(zeroblob(500)) as x from n limit 1000000) b on a.x = b.x",
	"large values at a time": "select length(x) from (select hex(zeroblob(4000000)) as x" + strings.Repeat(" union all select hex(zeroblob(4000000))", 30) + " order by 1)",
	"in list":                "select 1 where 1.5 in (0" + strings.Repeat(",1", 250_000) + ")",
	"columns of zeros":       "select zeroblob(15000000) as b" + strings.Repeat(", zeroblob(15000000)", 1999),
	"columns that share":     "select b" + strings.Repeat(", b", 1999) + " from (select randomblob(9000000) as b)",
	"columns that repeat":    "with x as materialized (select randomblob(9000000) as b) select b" + strings.Repeat(", b", 1999) + " from x",
	"escapes":                endless + "select replace(hex(zeroblob(4500000)), '0', char(1)) as x from n",
	"replace":                "select " + strings.Repeat("length(replace(hex(zeroblob(7000000)), '0', 'a')) + ", 10) + "length(replace(replace(hex(zeroblob(7000000)), '0', 'aa'), 'a', 'bbbbbbbbb'))",
	"printf":                 "select length(printf('%.*c%.*c', 16000000, 'x', 16000000, 'x'))",
}

// peak returns the most memory of this process while f runs, in addition to
// what it had before. It is for Linux: other systems have no peak to reset.
func peak(t *testing.T, f func()) int64 {
	t.Helper()
	if runtime.GOOS != "linux" {
		f()
		return 0
	}
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Skipf("the peak can't be reset: %v", err)
	}
	before := status(t, "VmRSS")
	f()
	return status(t, "VmHWM") - before
}

func status(t *testing.T, name string) int64 {
	t.Helper()
	content, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(name + `:\s*(\d+) kB`).FindSubmatch(content)
	if found == nil {
		t.Fatalf("/proc/self/status has no %s", name)
	}
	n, _ := strconv.ParseInt(string(found[1]), 10, 64)
	return n << 10
}

// TestMemoryIsBounded: no query takes more than its bound and what its text and
// its result take, and the error names the bound. Most run with a lower bound,
// which they reach sooner.
func TestMemoryIsBounded(t *testing.T) {
	d := file(t)
	for name, query := range hungry {
		t.Run(name, func(t *testing.T) {
			d.memory = 4 << 20
			if name == "large values at a time" || name == "escapes" {
				d.memory = maxMemory
			}
			var result *backend.Result
			var err error
			took := peak(t, func() { result, err = d.read(t, query) })
			t.Logf("%d MiB, %v", took>>20, err)
			if took > d.memory+96<<20 {
				t.Errorf("the query took %d MiB", took>>20)
			}
			switch e := executors.AsError(err); {
			case err == nil:
				if !result.Truncated || len(result.Rows) > 1 {
					t.Errorf("%d rows, truncated %v", len(result.Rows), result.Truncated)
				}
			case e.Code == "SQLITE_TOOBIG":
			case e.Code != "SQLITE_NOMEM" || e.Field != "query" || e.Hint == "" || e.Message != fmt.Sprintf("the query needs more than %d MiB of memory", d.memory>>20):
				t.Errorf("%+v", e)
			}
			if again, err := d.read(t, "select id from t order by name"); err != nil || len(again.Rows) != 3 {
				t.Errorf("the next query: %+v, %v", again, err)
			}
		})
	}
}
