package shorten_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, got, want string }{
		{"bytes fit", shorten.Bytes("short", 5), "short"},
		{"bytes", shorten.Bytes("longer", 5), "lo…"},
		{"bytes between characters", shorten.Bytes("éééé", 6), "é…"},
		{"no bytes", shorten.Bytes("", 0), ""},
		{"runes fit", shorten.Runes("éééé", 4), "éééé"},
		{"runes", shorten.Runes("ééééé", 4), "ééé…"},
		{"first", shorten.First("ééé", 2), "éé"},
		{"line", shorten.Line(" a\n\tb \xff c\u00a0d ", 6), "a b c…"},
		{"last line", shorten.LastLine("first\nthe reason: x\n\n", 9), "the reas…"},
		{"last line alone", shorten.LastLine("reason", 9), "reason"},
		{"last line of none", shorten.LastLine("", 9), ""},
		{"last line, long", shorten.LastLine("a\n"+strings.Repeat("é", 1001), 300), strings.Repeat("é", 299) + "…"},
		{"end", shorten.End("a longer éé", 8), "… éé"},
		{"last runes fit", shorten.LastRunes("éééé", 4), "éééé"},
		{"last runes", shorten.LastRunes("aéééé", 4), "…ééé"},
		{"end fits", shorten.End("short", 5), "short"},
		{"middle", shorten.Middle("0123456789éabcdefghij", 9), "012345 … 12 characters more … hij"},
		{"json fits", shorten.JSON(`a"b`, 6), `a"b`},
		{"json", shorten.JSON(`a"bcdef`, 8), `a"…`},
		{"names fit", shorten.Names([]string{"a", "b"}, 2), "a, b"},
		{"names", shorten.Names([]string{"a", "b"}, 5), "a, b and 3 more"},
		{"list fits", shorten.List([]int{1, 2}, 2, func(n int) string { return fmt.Sprint(n) }), "1; 2"},
		{"list", shorten.List([]int{1, 2, 3}, 2, func(n int) string { return fmt.Sprint(n) }), "1; 2; and 1 more"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}

func FuzzTexts(f *testing.F) {
	for _, seed := range []string{"", "plain", "né\"→\\", "\x00\x1f\n\t\r", "\xff\xfe", "<a>&\u2028", "😀😀", strings.Repeat("日", 50)} {
		for _, n := range []int{0, 3, 7} {
			f.Add(seed, n)
		}
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 3 || n > 1<<20 { // the mark alone has three bytes
			return
		}
		valid := utf8.ValidString(s)
		check := func(name, got string, length int, fits bool) {
			if length > n || valid && !utf8.ValidString(got) || fits != (got == s) {
				t.Errorf("%s(%q, %d) = %q", name, s, n, got)
			}
		}
		cut := shorten.Bytes(s, n)
		check("Bytes", cut, len(cut), len(s) <= n)
		cut = shorten.End(s, n)
		check("End", cut, len(cut), len(s) <= n)
		if valid {
			cut = shorten.Runes(s, n)
			check("Runes", cut, utf8.RuneCountInString(cut), utf8.RuneCountInString(s) <= n)
		}
		if n >= 5 {
			cut = shorten.JSON(s, n)
			check("JSON", cut, len(plainjson.AppendString(nil, cut)), len(plainjson.AppendString(nil, s)) <= n)
		}
		if line := shorten.Line(s, n); utf8.RuneCountInString(line) > n || !utf8.ValidString(line) || strings.ContainsAny(line, "\n\t") {
			t.Errorf("Line(%q, %d) = %q", s, n, line)
		}
		at := shorten.Boundary(s, n)
		if at > min(n, len(s)) || at < min(n, len(s))-utf8.UTFMax+1 || valid && !utf8.ValidString(s[:at]) {
			t.Errorf("Boundary(%q, %d) = %d", s, n, at)
		}
		whole := shorten.Whole([]byte(s)[:min(n, len(s))])
		if valid && (!utf8.Valid(whole) || len(whole) < at) {
			t.Errorf("Whole(%q, %d) = %q", s, n, whole)
		}
	})
}
