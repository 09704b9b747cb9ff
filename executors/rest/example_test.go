package rest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// The examples of the definition go to a server of the test, which answers
// as the one that they name would.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	var authorization string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/users/7":
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Path == "/orders" && r.URL.Query().Get("cursor") == "":
			_, _ = io.WriteString(w, `{"data": {"orders": [1, 2], "next": "c2"}}`)
		case r.URL.Path == "/orders":
			_, _ = io.WriteString(w, `{"data": {"orders": [3], "next": null}}`)
		default:
			authorization = r.Header.Get("Authorization")
			echo(w, r)
		}
	})
	cfg := local
	cfg.Secrets = map[string]policy.Secret{"API_TOKEN": {Env: "API_TOKEN", Hosts: []string{"127.0.0.1"}}}
	pol, err := policy.New(cfg, policy.WithEnvironment(func(name string) (string, bool) { return "tok-en-123456", name == "API_TOKEN" }))
	if err != nil {
		t.Fatal(err)
	}
	defer pol.Close()
	registry, err := executors.NewRegistry(pol, zerolog.Nop(), New())
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	for _, example := range New().Definition().Examples {
		inputs := strings.ReplaceAll(string(example.Inputs), "https://api.example.com", server.URL)
		resolved, refused := registry.ResolveInputs("rest_executor", json.RawMessage(inputs))
		if refused != nil {
			t.Errorf("%s: %v", example.Title, refused)
			continue
		}
		outcome := registry.Invoke(t.Context(), "rest_executor", &executors.Call{Inputs: resolved, Attempt: 1}, 5*time.Second)
		if outcome.Err != nil {
			t.Errorf("%s: %+v", example.Title, outcome.Err)
		}
		if strings.Contains(string(outcome.Result), "tok-en") {
			t.Errorf("%s: the secret is in the result %s", example.Title, outcome.Result)
		}
		if strings.Contains(inputs, "orders") && !strings.Contains(string(outcome.Result), `"json":[1,2,3]`) {
			t.Errorf("%s: %s", example.Title, outcome.Result)
		}
	}
	if authorization != "Bearer tok-en-123456" {
		t.Errorf("the server got the token %q", authorization)
	}
}
