package file_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/file"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestCostlyTables: the cost of a table is in proportion to the file, also if each
// row lacks most of very many columns. Rows before the offset are not built.
func TestCostlyTables(t *testing.T) { // not parallel: it measures memory
	pol, dir := work(t, policy.Limits{OutputBytes: 1 << 20})
	columns := func(n int) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprint("c", i)
		}
		return strings.Join(names, ",") + "\n"
	}
	put(t, filepath.Join(dir, "wide.csv"), columns(16_385)+"1\n")
	if _, err := try(t, file.NewReader(), pol, `{"file_path": "wide.csv", "format": "csv"}`); err == nil || err.Type != executors.ExecutionError || !strings.Contains(err.Message, "has 16385 cells; at most 16384") {
		t.Errorf("got %v", err)
	}
	executortest.Linear(t, "skipped rows", 100, func(n int) {
		put(t, filepath.Join(dir, "rows.csv"), columns(n)+strings.Repeat("1\n", n))
		if _, err := try(t, file.NewReader(), pol, `{"file_path": "rows.csv", "format": "csv", "offset": 100000}`); err != nil {
			t.Error(err)
		}
	})
	// Rows that are built count with all their columns.
	put(t, filepath.Join(dir, "full.csv"), columns(2000)+strings.Repeat("1\n", 20_000))
	spent := executortest.Spent(func() {
		got, err := try(t, file.NewReader(), pol, `{"file_path": "full.csv", "format": "csv"}`)
		if err != nil || !strings.Contains(got, `"truncated":true,"next_offset":`) {
			t.Errorf("%v, %d bytes", err, len(got))
		}
	})
	if spent > 64<<20 {
		t.Errorf("it took %d MiB", spent>>20)
	}
}
