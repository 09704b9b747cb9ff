package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
)

// parrot echoes the secret in the part of the response that the path names.
func parrot(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	given := r.Header.Get("X-Key") + r.URL.Query().Get("key")
	if _, password, ok := r.BasicAuth(); ok {
		given += password
	}
	said := executortest.Echo(given)
	if len(body) > 0 {
		said += "\n" + executortest.Echo(executortest.Secret) + "\n" + string(body)
	}
	switch r.URL.Path {
	case "/text":
		_, _ = io.WriteString(w, said)
	case "/json":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{said: []string{said}, "body": string(body)})
	case "/escaped":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"a": "`)
		for _, c := range given {
			_, _ = fmt.Fprintf(w, `\u%04X`, c)
		}
		_, _ = io.WriteString(w, `"}`)
	case "/header":
		for i, line := range strings.Split(said, "\n") {
			w.Header().Set(fmt.Sprint("X-Said-", i), line)
		}
	case "/file":
		w.Header().Set("Content-Type", "image/png")
		_, _ = io.WriteString(w, "\x89PNG "+given)
	case "/compressed":
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(compressed("gzip", said))
	case "/away":
		http.Redirect(w, r, "/text?key="+url.QueryEscape(given), http.StatusFound)
	case "/closed":
		http.Redirect(w, r, "http://10.0.0.1/?key="+url.QueryEscape(given), http.StatusFound)
	case "/status":
		w.Header().Set("WWW-Authenticate", `Basic realm="`+url.PathEscape(given)+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, said)
	case "/broken":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{"+said)
	}
}

func TestEchoedSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	server := serve(t, parrot)
	vault := executortest.NewVault(t, local, executortest.BoundTo(server.URL), New())
	for _, path := range []string{"/text", "/json", "/escaped", "/header", "/file", "/compressed", "/away", "/closed", "/status", "/broken"} {
		for name, more := range map[string]map[string]any{
			"a header":    {"headers": map[string]any{"X-Key": executortest.Hole}},
			"a parameter": {"params": map[string]any{"key": executortest.Hole}},
			"a password":  {"auth": map[string]any{"type": "basic", "username": "user", "password": executortest.Hole}},
			"an API key":  {"auth": map[string]any{"type": "apikey", "key": "key", "value": executortest.Hole, "location": "query"}},
			"a body":      {"method": "POST", "json": map[string]any{"a": executortest.Hole}, "headers": map[string]any{"X-Key": executortest.Hole}},
		} {
			more["url"] = server.URL + path
			outcome := vault.Call("rest_executor", more)
			if fails := path == "/status" || path == "/closed"; (outcome.Err != nil) != fails {
				t.Errorf("%s to %s: %s, %+v", name, path, outcome.Result, outcome.Err)
			}
		}
	}
}

// TestTruncatedSecretsAreRedacted checks that no limit on the body can reveal a
// part of a secret.
func TestTruncatedSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		_, _ = io.WriteString(w, "{ "+r.Header.Get("X-Key")+" }"+strings.Repeat(" ", 1000))
	})
	vault := executortest.NewVault(t, local, executortest.BoundTo(server.URL), New())
	for _, kind := range []string{"text/plain", "application/json", "image/png"} {
		for most := len("{ ") + 20; most <= len(executortest.Secret)+3; most++ {
			vault.Call("rest_executor", map[string]any{
				"url": server.URL + "/?type=" + kind, "max_bytes": most, "headers": map[string]any{"X-Key": executortest.Hole},
			})
		}
	}
}
