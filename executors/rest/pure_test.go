package rest

import (
	"net/url"
	"strings"
	"testing"
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

func TestQueryOrder(t *testing.T) {
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
