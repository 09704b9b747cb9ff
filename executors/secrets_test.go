package executors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

func zerologNop() zerolog.Logger { return zerolog.Nop() }

func secretConfig() policy.Config {
	return policy.Config{Secrets: map[string]policy.Secret{
		"TOKEN": {Env: "TOKEN", Hosts: []string{"api.example.com"}},
		"OTHER": {Env: "OTHER", Executors: []string{"local"}},
		"UNSET": {Env: "UNSET", Hosts: []string{"api.example.com"}},
	}}
}

// A secret is sent to the executor only for the destination that it is bound
// to, and never to the caller: it is redacted in everything that the executor
// returns.
func TestSecrets(t *testing.T) {
	t.Parallel()
	var seen any
	spill := func(_ context.Context, call *executors.Call) (any, error) {
		seen = call.Inputs["json"]
		call.Progress(executors.Progress{Message: fmt.Sprint("sending ", seen)})
		text := fmt.Sprint(seen)
		return map[string]any{"echo": text}, executors.Errorf(executors.NetworkError, "sent %s", text).WithCode(text).WithField(text).WithHint(text)
	}
	for name, c := range map[string]struct {
		id, url string
		json    any
		seen    any
		want    string
	}{
		"a whole text": {"remote", "https://api.example.com/", "${{ secrets.TOKEN }}", "s3cr3t-value-1",
			`network_error: sent [secret] [[secret]] ([secret]) with {"echo":"[secret]"}`},
		"inside a text, deep": {"remote", "https://api.example.com:8443/x", map[string]any{"a": []any{"Bearer ${{secrets.TOKEN}}!", "x"}},
			map[string]any{"a": []any{"Bearer s3cr3t-value-1!", "x"}},
			`network_error: sent map[a:[Bearer [secret]! x]] [map[a:[Bearer [secret]! x]]] (map[a:[Bearer [secret]! x]]) with {"echo":"map[a:[Bearer [secret]! x]]"}`},
		"to another host":               {"remote", "http://evil.example/", "${{ secrets.TOKEN }}", nil, `permission_denied: `},
		"to a host that begins like it": {"remote", "https://api.example.com.evil.example/", "${{ secrets.TOKEN }}", nil, `permission_denied: `},
		"to a host behind a user":       {"remote", "https://api.example.com@evil.example/", "${{ secrets.TOKEN }}", nil, `permission_denied: `},
		"one that is not there":         {"remote", "https://api.example.com/", "${{ secrets.NONE }}", nil, `permission_denied: there is no secret "NONE"`},
		"one that is not set":           {"remote", "https://api.example.com/", "${{ secrets.UNSET }}", nil, `permission_denied: the secret UNSET has no value: `},
		"one of another executor":       {"remote", "https://api.example.com/", "${{ secrets.OTHER }}", nil, `permission_denied: `},
		"in the destination": {"remote", "http://${{ secrets.TOKEN }}/", "x", nil,
			`permission_denied: url can't hold a secret: it says where the call goes [url]`},
		"where the call goes nowhere": {"local", "x", "${{ secrets.OTHER }}", "an0ther-value-2",
			`network_error: sent [secret]`},
		"a text that was kept from being one": {"remote", "http://evil.example/", "$${{ secrets.TOKEN }} $$${{ secrets.TOKEN }}", "${{ secrets.TOKEN }} $${{ secrets.TOKEN }}",
			`network_error: sent ${{ secrets.TOKEN }} $${{ secrets.TOKEN }}`},
		"other templates are text": {"remote", "http://evil.example/", "${{ tasks.a }} ${{ secrets.a.b }} {{ secrets.TOKEN }}", "${{ tasks.a }} ${{ secrets.a.b }} {{ secrets.TOKEN }}",
			`network_error: sent ${{ tasks.a }}`},
	} {
		t.Run(name, func(t *testing.T) {
			seen = nil
			registry := newRegistry(t, secretConfig(), nil, newAct(t, "remote", spill), newAct(t, "local", spill, "destination: url\n", ""))
			inputs := map[string]any{"url": c.url, "json": c.json}
			before := fmt.Sprint(inputs)
			var progress []string
			call := &executors.Call{Inputs: inputs, OnProgress: func(p executors.Progress) { progress = append(progress, p.Message) }}
			out := registry.Invoke(t.Context(), c.id, call, 0)
			if got := describe(out); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if fmt.Sprint(seen) != fmt.Sprint(c.seen) {
				t.Errorf("the executor saw %v, want %v", seen, c.seen)
			}
			if all := fmt.Sprint(describe(out), out.Err.Code, progress); strings.Contains(all, "value-1") || strings.Contains(all, "value-2") {
				t.Errorf("a secret got out: %s", all)
			}
			if fmt.Sprint(inputs) != before {
				t.Errorf("the caller's inputs were changed into %v", inputs)
			}
		})
	}
}

// The field of a refusal is the path of the placeholder.
func TestSecretsNameTheField(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, secretConfig(), nil, newAct(t, "remote", nil))
	inputs := map[string]any{"url": "http://evil.example/", "headers": map[string]any{"Authorization": "Bearer ${{ secrets.TOKEN }}"}}
	out := registry.Invoke(t.Context(), "remote", &executors.Call{Inputs: inputs}, 0)
	if out.Err == nil || out.Err.Field != "headers.Authorization" {
		t.Errorf("%s", describe(out))
	}
	if denied := new(policy.Denied); !errors.As(out.Err, &denied) {
		t.Errorf("the policy's refusal is not the cause: %v", out.Err)
	}
}

// A secret of digits is redacted as a number too, and the result is valid JSON.
func TestSecretsOfDigits(t *testing.T) {
	t.Parallel()
	cfg := policy.Config{Secrets: map[string]policy.Secret{"PIN": {Env: "PIN", Hosts: []string{"api.example.com"}, AllowShort: true}}}
	registry := newRegistry(t, cfg, nil, newAct(t, "remote", func(_ context.Context, call *executors.Call) (any, error) {
		pin := call.Inputs["json"].(string)
		return map[string]any{"number": json.Number(pin), "text": pin, "list": []any{1, json.Number(pin)}, pin: true}, nil
	}))
	inputs := map[string]any{"url": "https://api.example.com/", "json": "${{ secrets.PIN }}"}
	out := registry.Invoke(t.Context(), "remote", &executors.Call{Inputs: inputs}, 0)
	if got, want := describe(out), `{"[secret]":true,"list":[1,"[secret]"],"number":"[secret]","text":"[secret]"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The value of a secret is validated with the schema and checked by policy like
// any other value.
func TestSecretsAreValidated(t *testing.T) {
	t.Parallel()
	cfg := policy.Config{ReadOnly: true, Secrets: map[string]policy.Secret{
		"TOKEN": {Env: "TOKEN", Hosts: []string{"api.example.com"}}, "VERB": {Env: "VERB", Hosts: []string{"api.example.com"}}}}
	remote := newAct(t, "remote", func(context.Context, *executors.Call) (any, error) { return "done", nil }, "[GET, HEAD, POST, PUT]", "[GET, HEAD, POST, PROPFIND]")
	for method, want := range map[string]string{
		"${{ secrets.TOKEN }}": `validation_error: method must be one of "GET", "HEAD", "POST", "[secret]"; got "[secret]" [method]`,
		"${{ secrets.VERB }}":  `permission_denied: remote would change something, and the server is read-only (the operator turns this off with policy.read_only: false)`,
		"GET":                  `"done"`,
	} {
		registry := newRegistry(t, cfg, nil, remote)
		inputs := map[string]any{"url": "https://api.example.com/", "method": method}
		if got := describe(registry.Invoke(t.Context(), "remote", &executors.Call{Inputs: inputs}, 0)); got != want {
			t.Errorf("%s: got %s, want %s", method, got, want)
		}
	}
}
