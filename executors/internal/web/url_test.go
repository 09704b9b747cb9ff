package web

import (
	"net/url"
	"testing"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"http://h/echo?q=New York":   "/echo?q=New%20York",
		"http://h/a b/ü?q=ü&r=日本":    "/a%20b/%C3%BC?q=%C3%BC&r=%E6%97%A5%E6%9C%AC",
		"http://h/a%2Fb c":           "/a%2Fb%20c",
		"http://h/a%20b?q=a%20b+c":   "/a%20b?q=a%20b+c",
		"http://h/100%?q=100%":       "/100%25?q=100%25",
		"http://h?q=a b":             "/?q=a%20b",
		"http://h/?q=\"<a>\\^`{|}":   "/?q=%22%3Ca%3E%5C%5E%60%7B%7C%7D",
		"http://h/?filter[x]=a;b,c'": "/?filter[x]=a;b,c'",
		"http://h/\xe9":              "/%E9",
	} {
		got, err := ParseURL(raw)
		if err != nil || got.RequestURI() != want || got.Host != "h" {
			t.Errorf("%q: %v, %v; want %s", raw, got, err, want)
		}
	}
	base := &url.URL{Scheme: "http", Host: "h", Path: "/a/b"}
	for raw, want := range map[string]string{
		"?q=New York": "http://h/a/b?q=New%20York", "c d": "http://h/a/c%20d", "/ü": "http://h/%C3%BC", "//other/x y": "http://other/x%20y",
	} {
		if got, err := Resolve(base, raw); err != nil || got.String() != want {
			t.Errorf("%q: %v, %v; want %s", raw, got, err, want)
		}
	}
	for _, raw := range []string{"http://h o/", "http://h/a\nb", "http://h/?q=a\x00", "http://h/?q=a\r\nX: y", "http://[::1/"} {
		if got, err := ParseURL(raw); err == nil {
			t.Errorf("%q is read as %v", raw, got)
		}
	}
}

// What ParseURL returns can be sent: its path and query are visible ASCII, they
// are read as they are written, and the host is the one that the text names.
func FuzzParseURL(f *testing.F) {
	for _, raw := range []string{
		"http://127.0.0.1:80/echo?q=New York", "https://h/ü/%2f%zz?a=%&b=ü#c d", "/a b?c=\xff", "?q= ", "//h/a b", "ws://[::1]:1/ ", "a:b c", "http://h\\@i/ /",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := ParseURL(raw)
		if err != nil || got.Host == "" {
			return
		}
		sent := got.RequestURI()
		for _, c := range []byte(sent) {
			if c <= ' ' || c >= 0x7f {
				t.Fatalf("%q is sent as %q", raw, sent)
			}
		}
		again, err := url.Parse(got.String())
		if err != nil || again.RequestURI() != sent || again.Host != got.Host {
			t.Errorf("%q is sent as %q, and then as %v, %v", raw, sent, again, err)
		}
		if plain, err := url.Parse(raw); err == nil && plain.Host != got.Host {
			t.Errorf("%q names %q, and it goes to %q", raw, plain.Host, got.Host)
		}
	})
}
