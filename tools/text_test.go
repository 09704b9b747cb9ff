package tools

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzString(f *testing.F) {
	for _, seed := range []string{"", "plain", "né\"→\\", "\x00\x1f\n\t\r", "\xff\xfe", "<a>&\u2028", "😀"} {
		f.Add(seed, 7)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		raw := appendString(nil, s)
		var back string
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatalf("%q is not JSON: %v", raw, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && back != want {
			t.Fatalf("got %q, want %q", back, want)
		}
		if limit < 0 || limit > 1<<20 {
			return
		}
		n := fitting(s, limit)
		if n > 0 && len(appendString(nil, s[:n])) > limit {
			t.Fatalf("%q takes more than %d bytes", s[:n], limit)
		}
		if n < len(s) && utf8.ValidString(s) {
			if !utf8.ValidString(s[:n]) {
				t.Fatalf("%q was cut inside a character", s[:n])
			}
			if next := after(s, n); len(appendString(nil, s[:next])) <= limit {
				t.Fatalf("%q would have fitted too", s[:next])
			}
		}
		if at := boundary(s, limit); utf8.ValidString(s) && (at > limit || at > len(s) || !utf8.ValidString(s[:at]) || limit-at >= utf8.UTFMax && at < len(s)) {
			t.Fatalf("boundary of %q at %d is %d", s, limit, at)
		}
	})
}

// Given a text that is too long, it is cut between characters.
func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{{"short", 5, "short"}, {"longer", 5, "lo…"}, {"éééé", 6, "é…"}, {"", 0, ""}} {
		if got := cut(c.text, c.limit); got != c.want {
			t.Errorf("cut(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}
