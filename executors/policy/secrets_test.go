package policy_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

func environment(pairs map[string]string) policy.Option {
	return policy.WithEnvironment(func(name string) (string, bool) { v, ok := pairs[name]; return v, ok })
}

func TestSecretsAreBound(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	put(t, file, "from-the-file\n")
	p := open(t, policy.Config{Secrets: map[string]policy.Secret{
		"TOKEN":    {Env: "TOKEN", Hosts: []string{"api.example.com", "*.internal.example", "127.0.0.1:8081"}, Executors: []string{"rest_executor"}},
		"ANYWHO":   {Env: "TOKEN", Hosts: []string{"api.example.com"}},
		"LOCAL":    {Env: "LOCAL", Executors: []string{"command_executor"}},
		"FILE":     {File: file, Hosts: []string{"h"}},
		"MISSING":  {Env: "NOT_SET_HERE", Hosts: []string{"h"}},
		"NOT_FILE": {File: file + ".none", Hosts: []string{"h"}},
	}}, environment(map[string]string{"TOKEN": "tok-123456", "LOCAL": "local-value"}))
	for _, c := range []struct {
		name, executor, host string
		want                 string // empty: refused
		says                 string
	}{
		{"TOKEN", "rest_executor", "https://api.example.com/v1", "tok-123456", ""},
		{"TOKEN", "rest_executor", "API.example.com.", "tok-123456", ""},
		{"TOKEN", "rest_executor", "api.example.com:8443", "tok-123456", ""},
		{"TOKEN", "rest_executor", "a.b.internal.example", "tok-123456", ""},
		{"TOKEN", "rest_executor", "http://127.0.0.1:8081/", "tok-123456", ""},
		{"TOKEN", "rest_executor", "http://127.0.0.1:8082/", "", "127.0.0.1"},
		{"TOKEN", "rest_executor", "http://127.0.0.1/", "", "127.0.0.1"},
		{"TOKEN", "rest_executor", "internal.example", "", "policy.secrets.TOKEN.hosts"},
		{"TOKEN", "rest_executor", "evilinternal.example", "", "bound to api.example.com"},
		{"TOKEN", "rest_executor", "https://api.example.com@evil.example/", "", "evil.example"},
		{"TOKEN", "rest_executor", "https://api.example.com.evil.example/", "", "evil.example"},
		{"TOKEN", "rest_executor", "", "", "goes to no host"},
		{"TOKEN", "rest_executor", "http://%zz", "", "bound"},
		{"TOKEN", "command_executor", "api.example.com", "", "policy.secrets.TOKEN.executors"},
		{"ANYWHO", "grpc_executor", "api.example.com:443", "tok-123456", ""},
		{"LOCAL", "command_executor", "", "local-value", ""},
		{"LOCAL", "command_executor", "api.example.com", "", "policy.secrets.LOCAL.hosts"},
		{"LOCAL", "rest_executor", "", "", "command_executor"},
		{"FILE", "x", "h", "from-the-file", ""},
		{"MISSING", "x", "h", "", "NOT_SET_HERE"},
		{"NOT_FILE", "x", "h", "", "token.none"},
		{"UNKNOWN", "x", "h", "", "policy.secrets: {UNKNOWN"},
	} {
		got, err := p.Secret(t.Context(), c.name, c.executor, c.host)
		if c.want != "" {
			if err != nil || got != c.want {
				t.Errorf("%s for %s to %q: %q, %v", c.name, c.executor, c.host, got, err)
			}
			continue
		}
		d := denied(t, err)
		if all := d.Message + d.Hint; got != "" || !strings.Contains(all, c.says) || strings.Contains(all, "tok-123456") || !strings.Contains(all, c.name) {
			t.Errorf("%s for %s to %q: %q, %q, %q", c.name, c.executor, c.host, got, d.Message, d.Hint)
		}
	}
}

func TestRedactsEverySpelling(t *testing.T) {
	t.Parallel()
	const value = "p@ss/w+rd <&> \"qüote\"\\ \n end?"
	p := open(t, policy.Config{Secrets: map[string]policy.Secret{"KEY": {Env: "KEY", Hosts: []string{"h"}}}},
		environment(map[string]string{"KEY": value}))
	quoted, _ := json.Marshal(value)
	twice, _ := json.Marshal(string(quoted))
	texts := map[string]string{
		"plain": value, "query": url.QueryEscape(value), "path": url.PathEscape(value),
		"json twice": string(twice),
		"base64":     base64.StdEncoding.EncodeToString([]byte(value)), "raw base64": base64.RawStdEncoding.EncodeToString([]byte(value)),
		"hex": hex.EncodeToString([]byte(value)), "upper-case hex": fmt.Sprintf("%X", value),
		"url base64": base64.URLEncoding.EncodeToString([]byte(value)), "raw url base64": base64.RawURLEncoding.EncodeToString([]byte(value)),
	}
	for name, text := range texts {
		for _, around := range []string{"", "before ", "x"} {
			got := p.RedactString(around + text + " after")
			if !strings.Contains(got, "[secret]") || strings.Contains(got, text) || !strings.HasSuffix(got, " after") || !strings.HasPrefix(got, around) {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
	if got := string(p.Redact([]byte(value + value))); got != "[secret][secret]" {
		t.Errorf("twice: %q", got)
	}
}

func TestRedactsInsideLongerBase64(t *testing.T) {
	t.Parallel()
	const value = "s3cr3t-token-value"
	p := open(t, policy.Config{Secrets: map[string]policy.Secret{"KEY": {Env: "KEY", Hosts: []string{"h"}}}},
		environment(map[string]string{"KEY": value}))
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
		for before := range 7 {
			for after := range 4 {
				text := enc.EncodeToString([]byte(strings.Repeat("u", before) + value + strings.Repeat("z", after)))
				got := p.RedactString(text)
				left, _ := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("[secret]", "", "-", "+", "_", "/").Replace(got), "="))
				if !strings.Contains(got, "[secret]") || strings.Contains(string(left), "cr3t") {
					t.Errorf("%d before, %d after: %q", before, after, got)
				}
			}
		}
	}
}

func TestOverlappingSecretsGoWhole(t *testing.T) {
	t.Parallel()
	p := open(t, policy.Config{Secrets: map[string]policy.Secret{
		"SHORT": {Env: "A", Hosts: []string{"h"}, AllowShort: true}, "LONG": {Env: "B", Hosts: []string{"h"}, AllowShort: true}, "NEXT": {Env: "C", Hosts: []string{"h"}, AllowShort: true},
	}}, environment(map[string]string{"A": "abcd", "B": "abcdefgh", "C": "ghij"}))
	for text, want := range map[string]string{
		"xabcdefghx":   "x[secret]x",
		"xabcdefghijx": "x[secret]x",
		"abcd ghij":    "[secret] [secret]",
		"nothing here": "nothing here",
	} {
		if got := p.RedactString(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestRotatedValuesAreRedactedToo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	put(t, file, "old-value")
	p := open(t, policy.Config{Secrets: map[string]policy.Secret{"KEY": {File: file, Hosts: []string{"h"}}}})
	put(t, file, "new-value")
	if got, err := p.Secret(t.Context(), "KEY", "x", "h"); err != nil || got != "new-value" {
		t.Fatalf("%q, %v", got, err)
	}
	if got := p.RedactString("old-value new-value"); got != "[secret] [secret]" {
		t.Error(got)
	}
	put(t, file, "abc")
	_, err := p.Secret(t.Context(), "KEY", "x", "h")
	if d := denied(t, err); strings.Contains(d.Message, "abc") {
		t.Error("the refusal contains the value")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err = p.Secret(t.Context(), "KEY", "x", "h")
	denied(t, err)
}

func TestNothingToRedactCostsNothing(t *testing.T) { // not parallel: it counts allocations
	p := open(t, policy.Config{})
	b := []byte("some text")
	if allocs := testing.AllocsPerRun(100, func() { p.Redact(b); p.RedactString("some text") }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if &p.Redact(b)[0] != &b[0] {
		t.Error("the text was copied")
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	env := map[string]string{"ORDERS_DSN": "postgres://app:hunter22@db/orders", "MAIL_PW": "mail-password"}
	p := open(t, policy.Config{Connections: map[string]policy.Connection{
		"orders": {Kind: "postgres", DSNEnv: "ORDERS_DSN"}, "local": {Kind: "sqlite", DSN: "/tmp/x.db"}, "old": {Kind: "mysql", DSN: "root:toorpass@tcp(db:3306)/x"},
		"unset": {Kind: "postgres", DSNEnv: "NOT_SET"}, "mail": {Kind: "smtp", Host: "mail.example.com", PasswordEnv: "MAIL_PW"},
	}}, environment(env))
	if got := strings.Join(p.Connections("postgres", "sqlite"), " "); got != "local orders unset" {
		t.Errorf("names %q", got)
	}
	if dsn, err := p.DSN("orders"); err != nil || dsn != env["ORDERS_DSN"] {
		t.Errorf("%q, %v", dsn, err)
	}
	if password, err := p.Password("mail"); err != nil || password != "mail-password" {
		t.Errorf("%q, %v", password, err)
	}
	if got := p.RedactString("hunter22 toorpass mail-password " + env["ORDERS_DSN"]); got != "[secret] [secret] [secret] [secret]" {
		t.Error(got)
	}
	_, err := p.DSN("unset")
	if d := denied(t, err); !strings.Contains(d.Message, "NOT_SET") {
		t.Error(d.Message)
	}
	_, err = p.DSN("nope")
	if d := denied(t, err); !strings.Contains(d.Hint, "policy.connections") {
		t.Error(d.Hint)
	}
	denied(t, p.CallerDSN())
}

func BenchmarkRedact(b *testing.B) {
	secrets, env := map[string]policy.Secret{}, map[string]string{}
	for _, name := range []string{"A", "B", "C", "D"} {
		secrets[name] = policy.Secret{Env: name, Hosts: []string{"h"}}
		env[name] = name + "-some-secret-value"
	}
	p, err := policy.New(policy.Config{Secrets: secrets}, environment(env))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	text := []byte(strings.Repeat(`{"name": "value", "number": 17},`, 32))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		p.Redact(text)
	}
}
