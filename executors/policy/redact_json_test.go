package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

func TestRedactedJSONIsJSON(t *testing.T) {
	t.Parallel()
	p := open(t, policy.Config{Secrets: map[string]policy.Secret{
		"PIN": {Env: "PIN", Hosts: []string{"h"}, AllowShort: true}, "WORD": {Env: "WORD", Hosts: []string{"h"}, AllowShort: true}, "ODD": {Env: "ODD", Hosts: []string{"h"}, AllowShort: true},
	}}, environment(map[string]string{"PIN": "271828", "WORD": "true", "ODD": `a\"b`}))
	for raw, want := range map[string]string{
		`{"n": 271828}`:                  `{"n": "[secret]"}`,
		`{"n": -1271828.5e3, "m": 1}`:    `{"n": "[secret]", "m": 1}`,
		`[271828271828,271828]`:          `["[secret]","[secret]"]`,
		`{"271828": true}`:               `{"[secret]": "[secret]"}`,
		`{"s": "x\"271828", "b": false}`: `{"s": "x\"[secret]", "b": false}`,
		`{"s": "x\\", "n": 271828}`:      `{"s": "x\\", "n": "[secret]"}`,
		`{"s": "it is true"}`:            `{"s": "it is [secret]"}`,
		`"a\"b a\\\"b"`:                  `"[secret] [secret]"`,
		`{"a": 1}`:                       `{"a": 1}`,
		`271828`:                         `"[secret]"`,
	} {
		got := string(p.RedactJSON([]byte(raw)))
		if got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

func FuzzRedactJSON(f *testing.F) {
	p, err := policy.New(policy.Config{Secrets: map[string]policy.Secret{"A": {Env: "A", Hosts: []string{"h"}, AllowShort: true}, "B": {Env: "B", Hosts: []string{"h"}, AllowShort: true}}},
		environment(map[string]string{"A": "1234", "B": `":["`}))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = p.Close() })
	for _, seed := range []string{`{"a":["1234"]}`, `[12345,-1234e5]`, `"\":[\""`, `{"1234":1234}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if !json.Valid([]byte(raw)) {
			return
		}
		got := p.RedactJSON([]byte(raw))
		if !json.Valid(got) || strings.Contains(string(got), "1234") {
			t.Errorf("%s: %s", raw, got)
		}
	})
}
