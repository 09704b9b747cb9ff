package process_test

import (
	"testing"

	"github.com/chainwright/chainwright/executors/internal/process"
)

func TestOutputText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		written string
		limit   int
		want    string
		cut     bool
	}{
		{"whole", 10, "whole", false},
		{"exact", 5, "exact", false},
		{"too long", 3, "too", true},
		{"aé", 2, "a", true},            // the second half of é did not fit
		{"a€b", 3, "a", true},           // nor two thirds of €
		{"a\xc3", 10, "a\uFFFD", false}, // not truncated: the program wrote it
		{"\xff\xfe", 10, "\uFFFD", false},
		{"x", 0, "", true},
	} {
		b := &process.Buffer{Limit: c.limit}
		for _, each := range []byte(c.written) { // one byte at a time, as a network may send it
			if n, err := b.Write([]byte{each}); n != 1 || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		if b.Text() != c.want || b.Truncated() != c.cut {
			t.Errorf("%q in %d: got %q, %v; want %q, %v", c.written, c.limit, b.Text(), b.Truncated(), c.want, c.cut)
		}
	}
}
