package web

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func FuzzToUTF8(f *testing.F) {
	for _, label := range []string{"", "utf-8", "utf-16", "utf-16le", "windows-1252", "gb18030", "iso-2022-jp", "klingon", "x-user-defined"} {
		f.Add([]byte("\xff\xfea\x00\xe9"), label, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, label string, cut bool) {
		if text, warning, ok := ToUTF8(data, label, cut); ok && !utf8.Valid(text) || !ok && warning == "" {
			t.Errorf("ToUTF8(%q, %q) = %q, %q, %v", data, label, text, warning, ok)
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add("X-A", "value")
	f.Add("host", "x")
	f.Add("X\r\nY", "a\r\nB: c")
	f.Fuzz(func(t *testing.T, name, value string) {
		header, err := ReadHeaders(map[string]any{name: value})
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
