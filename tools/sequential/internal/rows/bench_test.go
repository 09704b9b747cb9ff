package rows_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/tools/sequential/internal/rows"
)

// BenchmarkScan measures reading each row once, as every batch does before the
// first request.
func BenchmarkScan(b *testing.B) {
	const n = 10_000
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `{"id": "%05d", "day":"2024-01-02", "d": 3.%020d,"q": "task %d"}`+"\n", i, i, i)
	}
	path := filepath.Join(b.TempDir(), "in.jsonl")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := rows.Open(path, rows.Options{})
		if err != nil {
			b.Fatal(err)
		}
		shape := rows.NewShape(r)
		var row rows.Row
		for err = r.Next(&row); err == nil; err = r.Next(&row) {
			if err := shape.Take(&row); err != nil {
				b.Fatal(err)
			}
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		r.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
}
