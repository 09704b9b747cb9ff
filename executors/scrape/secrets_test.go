package scrape

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
)

// TestSecretsOnPages checks that a secret on a page is redacted.
func TestSecretsOnPages(t *testing.T) {
	t.Parallel()
	said := html.EscapeString(executortest.Echo(executortest.Secret))
	address := handle(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/?key="+executortest.Secret, http.StatusFound)
			return
		}
		_, _ = fmt.Fprintf(w, `<title>%[1]s</title><meta name="description" content="%[1]s"><p>%[1]s<a href="/x?key=%[1]s">%[1]s</a><pre>`, said)
		_, _ = io.WriteString(w, said)
	})
	vault := executortest.NewVault(t, local, executortest.BoundTo(address), New())
	for _, path := range []string{"/", "/away"} {
		for _, format := range []string{"text", "markdown"} {
			if outcome := vault.Call("scrape_executor", map[string]any{"url": address + path, "format": format}); outcome.Err != nil {
				t.Error(outcome.Err)
			}
		}
	}
	for most := 25; most < 60; most++ {
		vault.Call("scrape_executor", map[string]any{"url": address, "max_chars": most, "selector": "p"})
	}
}
