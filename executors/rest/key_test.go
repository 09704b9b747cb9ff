package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/chainwright/chainwright/executors"
)

// The key of the call goes with requests that change something, if the caller
// says that the server honours it. The caller's own key wins.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/other" {
			http.Redirect(w, r, "/see", http.StatusSeeOther)
			return
		}
		echo(w, r)
	})
	d := newCaller(t, local)
	for _, c := range []struct {
		name, path, more, key, want string
	}{
		{"not wanted", "/", `"method": "POST"`, "k1", ""},
		{"refused", "/", `"method": "POST", "idempotency": false`, "k1", ""},
		{"POST", "/", `"method": "POST", "idempotency": true`, "k1", "k1"},
		{"PATCH", "/", `"method": "PATCH", "idempotency": true`, "k1", "k1"},
		{"PUT", "/", `"method": "PUT", "idempotency": true`, "k1", "k1"},
		{"DELETE", "/", `"method": "DELETE", "idempotency": true`, "k1", "k1"},
		{"GET", "/", `"idempotency": true`, "k1", ""},
		{"OPTIONS", "/", `"method": "OPTIONS", "idempotency": true`, "k1", ""},
		{"of the caller", "/", `"method": "POST", "idempotency": true, "headers": {"idempotency-KEY": "order 7"}`, "k1", "order 7"},
		{"of the caller alone", "/", `"method": "POST", "headers": {"Idempotency-Key": "order 7"}`, "k1", "order 7"},
		{"no key", "/", `"method": "POST", "idempotency": true`, "", ""},
		{"seen elsewhere", "/other", `"method": "POST", "idempotency": true`, "k1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inputs, refused := d.registry.ResolveInputs("rest_executor", json.RawMessage(fmt.Sprintf(`{"url": %q, %s}`, server.URL+c.path, c.more)))
			if refused != nil {
				t.Fatal(refused)
			}
			call := &executors.Call{Inputs: inputs, Attempt: 1, IdempotencyKey: c.key}
			outcome := d.registry.Invoke(t.Context(), "rest_executor", call, d.timeout)
			var out output
			if outcome.Err == nil {
				if err := json.Unmarshal(outcome.Result, &out); err != nil {
					t.Fatal(err)
				}
			}
			if got := echoed(t, &out, outcome.Err).Headers.Get("Idempotency-Key"); got != c.want {
				t.Errorf("the server got the key %q, not %q", got, c.want)
			}
		})
	}
}

// A POST counts as repeatable only if the caller says that the server honours keys.
func TestEffectOfIdempotency(t *testing.T) {
	t.Parallel()
	for inputs, want := range map[string]bool{
		`{"method": "GET"}`:                                       true,
		`{"method": "POST"}`:                                      false,
		`{"method": "POST", "idempotency": false}`:                false,
		`{"method": "POST", "idempotency": true}`:                 true,
		`{"method": "PATCH", "idempotency": true}`:                true,
		`{"method": "${{ x }}"}`:                                  false,
		`{"method": "POST", "headers": {"Idempotency-Key": "7"}}`: false,
	} {
		var given map[string]any
		if err := json.Unmarshal([]byte(inputs), &given); err != nil {
			t.Fatal(err)
		}
		if effect := Definition().EffectOf(given); effect.Idempotent != want || effect.ReadOnly != (given["method"] == "GET") {
			t.Errorf("%s: %+v", inputs, effect)
		}
	}
}
