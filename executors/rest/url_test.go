package rest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestURLs checks that URLs as people write them are sent as URLs, also those of
// redirects.
func TestURLs(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if to, redirects := strings.CutPrefix(r.URL.Path, "/to"); redirects {
			w.Header().Set("Location", to+"?q=New York é")
			w.WriteHeader(http.StatusFound)
			return
		}
		echo(w, r)
	})
	d := newCaller(t, local)
	for sent, want := range map[string]string{
		"/echo?q=New York":       "/echo?q=New%20York",
		"/a b/日本?r=ü&s=<1>":      "/a%20b/%E6%97%A5%E6%9C%AC?r=%C3%BC&s=%3C1%3E",
		"/a%2Fb c?q=100%":        "/a%2Fb%20c?q=100%25",
		"/a?q=a%20b+c&d=e#there": "/a?q=a%20b+c&d=e",
		"/to/echo":               "/echo?q=New%20York%20%C3%A9",
		"/to/a b":                "/a%20b?q=New%20York%20%C3%A9",
	} {
		out, failure := d.call(fmt.Sprintf(`{"url": %q}`, server.URL+sent))
		if got := echoed(t, out, failure); got.URI != want {
			t.Errorf("%q is sent as %q; want %q", sent, got.URI, want)
		}
	}
	for _, wrong := range []string{server.URL + "/a\nb", "http://127.0.0.1 :1/", "http://new york/"} {
		if out, failure := d.call(fmt.Sprintf(`{"url": %q}`, wrong)); failure == nil || failure.Field != "url" {
			t.Errorf("%q: %+v, %+v", wrong, out, failure)
		}
	}
}
