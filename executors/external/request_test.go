package external_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// seen starts a server that returns the request it received.
func seen(t *testing.T) *httptest.Server {
	t.Helper()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other server was asked") }))
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
			return
		case "/here":
			http.Redirect(w, r, "/there", http.StatusFound)
			return
		case "/missing":
			http.Error(w, "nothing here", http.StatusNotFound)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"method": %q, "uri": %s, "x": %q, "type": %q, "authorization": %q, "body": %s}`,
			r.Method, quoted(r.RequestURI), r.Header.Get("X-Name"), r.Header.Get("Content-Type"), r.Header.Get("Authorization"), quoted(string(body)))
	}))
	t.Cleanup(server.Close)
	return server
}

// TestRequests checks that values appear only at their placeholders, and that
// the operator's server may be on loopback.
func TestRequests(t *testing.T) {
	server := seen(t)
	for _, c := range []struct{ name, section, inputs, want, refused string }{
		{"a part of the path", `url: "$/users/${{ inputs.name }}/a"`, `{"name": "Zoë x"}`, `"uri": "/users/Zo%C3%AB%20x/a"`, ""},
		{"no more than a part", `url: "$/users/${{ inputs.name }}"`, `{"name": "../admin?x=1#y&z=%2e%2e/"}`, `"uri": "/users/..%2Fadmin%3Fx=1%23y&z=%252e%252e%2F"`, ""},
		{"no step up", `url: "$/users/${{ inputs.name }}/a"`, `{"name": ".."}`, "", "must not be a . or .. path segment"},
		{"no step up in two halves", `url: "$/users/.${{ inputs.name }}"`, `{"name": "."}`, "", "must not be a . or .. path segment"},
		{"no empty part", `url: "$/users/${{ inputs.name }}"`, `{}`, "", "name must not be empty"},
		{"one parameter", `url: "$/q?a=1&name=${{ inputs.name }}&n=${{ inputs.n }}"`, `{"name": "x&b=2#", "n": 1.50}`, `"uri": "/q?a=1&name=x%26b%3D2%23&n=1.50"`, ""},
		{"parameters", "url: $/q, params: {name: \"${{ inputs.name }}\", n: \"${{ inputs.n }}\", fixed: 1}", `{"name": "a b"}`, `"uri": "/q?fixed=1&name=a+b"`, ""},
		{"JSON keeps its kinds", `url: $/, method: POST, json: {n: "${{ inputs.n }}", flag: "${{ inputs.flag }}", all: "${{ inputs.object }}", first: "${{ inputs.list[0] }}", text: "n is ${{ inputs.n }}", none: "${{ inputs.name }}"}`, `{"n": 12345678901234567890, "flag": true, "object": {"a": [1, null]}, "list": ["x"]}`, "", ""},
		{"a body", `url: $/, method: POST, body: "hello ${{ inputs.name }}"`, `{"name": "\"x\""}`, `"body": "hello \"x\""`, ""},
		{"a form", `url: $/, method: POST, data: {name: "${{ inputs.name }}"}`, `{"name": "a&b=c"}`, `"body": "name=a%26b%3Dc"`, ""},
		{"a header", `url: $/, headers: {X-Name: "is ${{ inputs.name }}"}`, `{"name": "Ada"}`, `"x": "is Ada"`, ""},
		{"no second header", `url: $/, headers: {X-Name: "${{ inputs.name }}"}`, `{"name": "Ada\r\nX-Evil: 1"}`, "", "headers"},
		{"a placeholder in an input is not filled", `url: $/, headers: {X-Name: "${{ inputs.name }}"}`, `{"name": "$${{ secrets.TOKEN }} ${{ inputs.n }}"}`, `"x": "${{ secrets.TOKEN }} ${{ inputs.n }}"`, ""},
		{"a secret of the operator's", `url: $/, auth: {type: bearer, token: "${{ secrets.TOKEN }}"}`, `{}`, `"authorization": "Bearer [secret]"`, ""},
		{"an object inside a text", `url: "$/${{ inputs.object }}"`, `{"object": {}}`, "", "object must be a string"},
		{"a redirect at home", `url: $/here`, `{}`, `"uri": "/there"`, ""},
		{"a redirect to elsewhere", `url: $/away`, `{}`, "", "not allowed"},
		{"a failure", `url: $/missing`, `{}`, "", "returned 404 Not Found: nothing here"},
		{"a part of the response", `url: $/, result: json.method`, `{}`, `"GET"`, ""},
		{"a missing part", `url: $/, result: json.none`, `{}`, "", "the response has no value at json.none"},
		{"an escaped placeholder", `url: $/, headers: {X-Name: "$${{ inputs.name }}"}`, `{}`, `"x": "${{ inputs.name }}"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			section := "{kind: http, " + strings.ReplaceAll(c.section, "$/", server.URL+"/") + "}"
			t.Setenv("EXTERNAL_TEST_TOKEN", "s3cret-token")
			cfg := policy.Config{Secrets: map[string]policy.Secret{"TOKEN": {Env: "EXTERNAL_TEST_TOKEN", Hosts: []string{strings.TrimPrefix(server.URL, "http://")}}}}
			b := newBenchWith(t, cfg, map[string]string{"x.yaml": definition("x", section)})
			if b.problems() != "" {
				t.Fatal(b.problems())
			}
			out := b.call("x", c.inputs)
			if c.refused != "" {
				if out.Err == nil || !strings.Contains(out.Err.Message, c.refused) {
					t.Fatalf("%s, %v", out.Result, out.Err)
				}
				return
			}
			if out.Err != nil {
				t.Fatal(out.Err)
			}
			want := c.want
			if want == "" {
				want = `"body": ` + quoted(`{"all":{"a":[1,null]},"first":"x","flag":true,"n":12345678901234567890,"text":"n is 12345678901234567890"}`)
			}
			want = strings.ReplaceAll(want, `": `, `":`)
			got := strings.ReplaceAll(string(out.Result), `\u0026`, "&")
			if !strings.Contains(got, want) && !sameJSON(string(out.Result), want) {
				t.Errorf("%s\n  not in %s", want, out.Result)
			}
			if strings.Contains(string(out.Result), "s3cret") {
				t.Error("the secret is shown")
			}
		})
	}
}

// TestCallersCannotTakeSecrets checks that a secret placeholder in an input is
// filled only where the operator bound the secret.
func TestCallersCannotTakeSecrets(t *testing.T) {
	server := seen(t)
	t.Setenv("EXTERNAL_TEST_TOKEN", "s3cret-token")
	cfg := policy.Config{Secrets: map[string]policy.Secret{"TOKEN": {Env: "EXTERNAL_TEST_TOKEN", Hosts: []string{"api.example.com"}}}}
	b := newBenchWith(t, cfg, map[string]string{
		"x.yaml": definition("x", `{kind: http, url: "`+server.URL+`/", headers: {X-Name: "${{ inputs.name }}"}}`),
		"y.yaml": definition("y", `{kind: http, url: "`+server.URL+`/", headers: {X-Name: "${{ secrets.TOKEN }}"}}`),
	})
	for _, id := range []string{"x", "y"} {
		if out := b.call(id, `{"name": "${{ secrets.TOKEN }}"}`); out.Err == nil || out.Err.Type != executors.PermissionDenied {
			t.Errorf("%s: %s, %v", id, out.Result, out.Err)
		}
	}
}
