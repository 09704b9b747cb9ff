package rest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func mustURL(tb testing.TB, raw string) *url.URL {
	tb.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func TestNextLink(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{nil, ""},
		{[]string{`<https://a.example/?page=2>; rel="next"`}, "https://a.example/?page=2"},
		{[]string{`<a>; rel="prev", <b>; rel="next"; title="x, <c>; rel=next"`}, "b"},
		{[]string{`<a>; rel=prev`, `< b >;rel=next`}, "b"},
		{[]string{`<a>; rel="first NEXT last"`}, "a"},
		{[]string{`<a>; REL=Next`}, "a"},
		{[]string{`<a>; rel="prev"; rel="next"`}, ""},
		{[]string{`<a,b;c>; title="a \" b, <x>; rel=\"next\""; rel="next"`}, "a,b;c"},
		{[]string{`<a>; rel="nextpage", <b>; foo; rel = "next"`}, "b"},
		{[]string{`<a`, `<a>`, `a; rel=next`, `<a>; rel="`, `,,,;;;===`}, ""},
	} {
		if got := nextLink(c.headers); got != c.want {
			t.Errorf("nextLink(%q) = %q; want %q", c.headers, got, c.want)
		}
	}
}

func FuzzNextLink(f *testing.F) {
	f.Add(`<https://a.example/?page=2>; rel="next", <b>; rel=last`)
	f.Add(`<a>; title="\"`)
	f.Fuzz(func(t *testing.T, header string) {
		if found := nextLink([]string{header}); !strings.Contains(header, found) || strings.Contains(found, ">") {
			t.Errorf("nextLink(%q) = %q", header, found)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		value string
		want  time.Duration
	}{
		{"", 0}, {"7", 7 * time.Second}, {" 0 ", 0}, {"-1", 0}, {"1.5", 0}, {"soon", 0},
		{"99999999999999999999", 0}, {"9000000000000000000", time.Hour}, {"3601", time.Hour},
		{"Sat, 21 Nov 2026 12:00:30 GMT", 30 * time.Second}, {"Saturday, 21-Nov-26 12:01:00 GMT", time.Minute},
		{"Sat, 21 Nov 2026 11:00:00 GMT", 0}, {"Sat, 21 Nov 2099 11:00:00 GMT", time.Hour},
	} {
		if got := retryAfter(c.value, now); got != c.want {
			t.Errorf("retryAfter(%q) = %v; want %v", c.value, got, c.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Sat, 21 Nov 2026 12:00:30 GMT")
	f.Fuzz(func(t *testing.T, value string) {
		if got := retryAfter(value, time.Now()); got < 0 || got > maxRetryAfter {
			t.Errorf("retryAfter(%q) = %v", value, got)
		}
	})
}

func TestQueriesKeepTheirSpelling(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, want string }{
		{"http://a/", "http://a/?p=2"},
		{"http://a/?x=%2f&y", "http://a/?x=%2f&y&p=2"},
		{"http://a/?p=1&x=1&p=1", "http://a/?x=1&p=2"},
		{"http://a/?%70=1&pp=1", "http://a/?pp=1&p=2"},
	} {
		u := mustURL(t, c.raw)
		if setQuery(u, "p", "2"); u.String() != c.want {
			t.Errorf("setQuery(%s) = %s; want %s", c.raw, u, c.want)
		}
	}
}

func FuzzToUTF8(f *testing.F) {
	for _, label := range []string{"", "utf-8", "utf-16", "utf-16le", "windows-1252", "gb18030", "iso-2022-jp", "klingon", "x-user-defined"} {
		f.Add([]byte("\xff\xfea\x00\xe9"), label, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, label string, cut bool) {
		if text, warning, ok := toUTF8(data, label, cut); ok && !utf8.Valid(text) || !ok && warning == "" {
			t.Errorf("toUTF8(%q, %q) = %q, %q, %v", data, label, text, warning, ok)
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add("X-A", "value")
	f.Add("host", "x")
	f.Add("X\r\nY", "a\r\nB: c")
	f.Fuzz(func(t *testing.T, name, value string) {
		header, err := readHeaders(map[string]any{name: value})
		if err != nil {
			return
		}
		var wire strings.Builder
		if err := header.Write(&wire); err != nil {
			t.Fatal(err)
		}
		if strings.Count(wire.String(), "\n") != 1 || strings.Contains(http.CanonicalHeaderKey(name), " ") {
			t.Errorf("%q: %q is written as %q", name, value, wire.String())
		}
	})
}

func TestEscapedEndFits(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("\x01", 100), strings.Repeat(`"\`, 50), strings.Repeat("é\u2028<", 40), strings.Repeat("ab\n", 40)} {
		for limit := range 90 {
			end := escapedEnd([]byte(text), limit)
			var encoded strings.Builder
			encoder := json.NewEncoder(&encoded)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(text[:end]); err != nil {
				t.Fatal(err)
			}
			if size := encoded.Len() - len("\"\"\n"); size > limit || !utf8.ValidString(text[:end]) {
				t.Errorf("escapedEnd(%.10q, %d) = %d, which takes %d bytes", text, limit, end, size)
			}
		}
	}
}
