package scrape

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestURLs checks that URLs as people write them are sent as URLs, also those of
// redirects, and that links are.
func TestURLs(t *testing.T) {
	t.Parallel()
	address := handle(t, func(w http.ResponseWriter, r *http.Request) {
		if to, redirects := strings.CutPrefix(r.URL.Path, "/to"); redirects {
			w.Header().Set("Location", to+"?q=New York é")
			w.WriteHeader(http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<p>sent was [%s] and <a href="/c d?q=New York">more</a></p>`, r.RequestURI)
	})
	for sent, want := range map[string]string{
		"/echo?q=New York":  "/echo?q=New%20York",
		"/a b/日本?r=ü":       "/a%20b/%E6%97%A5%E6%9C%AC?r=%C3%BC",
		"/a%2Fb c?q=100%":   "/a%2Fb%20c?q=100%25",
		"/to/echo":          "/echo?q=New%20York%20%C3%A9",
		"/to/a%252Fb%20%20": "/a%2Fb%20%20?q=New%20York%20%C3%A9",
	} {
		out := must(t, address+sent, "")
		if !strings.Contains(out.Content, "["+want+"]") || len(out.Links) != 1 || out.Links[0].URL != address+"/c%20d?q=New%20York" {
			t.Errorf("%q: %q, %v; want %q", sent, out.Content, out.Links, want)
		}
	}
}
