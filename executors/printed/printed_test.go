package printed

import (
	"strings"
	"testing"
)

func TestText(t *testing.T) {
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
		{"a\xc3", 10, "a\uFFFD", false}, // nothing was cut: the program printed that
		{"\xff\xfe", 10, "\uFFFD", false},
		{"x", 0, "", true},
	} {
		b := &Buffer{Limit: c.limit}
		for _, each := range []byte(c.written) { // byte by byte, as a network may
			if n, err := b.Write([]byte{each}); n != 1 || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		if b.Text() != c.want || b.Truncated() != c.cut {
			t.Errorf("%q in %d: got %q, %v; want %q, %v", c.written, c.limit, b.Text(), b.Truncated(), c.want, c.cut)
		}
	}
}

func TestLastLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "",
		"one":                     "one",
		"one\ntwo\n\n":            "two",
		strings.Repeat("é", 1001): strings.Repeat("é", 300) + "…",
	} {
		if got := LastLine(text); got != want {
			t.Errorf("LastLine(%.20q) = %q, want %q", text, got, want)
		}
	}
}
