package policy_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

// TestBindings holds what each form of an entry of a secret's hosts allows.
func TestBindings(t *testing.T) {
	t.Parallel()
	unverified := func(text string) policy.Destination {
		to := policy.DestinationOf(text)
		to.Unverified = "verify: false accepts any certificate"
		return to
	}
	named := func(text, connection string) policy.Destination {
		to := policy.DestinationOf(text)
		to.Connection = connection
		return to
	}
	at := policy.DestinationOf
	for entry, c := range map[string]struct{ yes, no []policy.Destination }{
		"api.example.com": {
			[]policy.Destination{at("https://api.example.com/x"), at("wss://API.example.com:8443"), at("grpcs://api.example.com:50051"), at("ssh://api.example.com")},
			[]policy.Destination{at("http://api.example.com"), at("http://api.example.com:443"), at("ws://api.example.com"), at("grpc://api.example.com:1"), at("HTTP://api.example.com"),
				unverified("https://api.example.com"), at("https://api.example.com.evil.example"), at("https://x.api.example.com"), at("https://api.example.com@evil.example"), {}},
		},
		"*.example.com": {
			[]policy.Destination{at("https://a.example.com"), at("https://a.b.example.com:1")},
			[]policy.Destination{at("https://example.com"), at("http://a.example.com"), at("https://aexample.com"), unverified("https://a.example.com")},
		},
		"api.example.com:8443": {
			[]policy.Destination{at("https://api.example.com:8443")},
			[]policy.Destination{at("https://api.example.com"), at("http://api.example.com:8443"), unverified("https://api.example.com:8443")},
		},
		"http://api.example.com:8080": {
			[]policy.Destination{at("http://api.example.com:8080/x")},
			[]policy.Destination{at("http://api.example.com"), at("https://api.example.com:8080"), at("ws://api.example.com:8080")},
		},
		"https://api.example.com": {
			[]policy.Destination{at("https://api.example.com:443")},
			[]policy.Destination{at("https://api.example.com:8443"), at("http://api.example.com:443"), unverified("https://api.example.com")},
		},
		"http://api.example.com": {
			[]policy.Destination{at("http://api.example.com:80")},
			[]policy.Destination{at("http://api.example.com:8080"), at("https://api.example.com")},
		},
		"127.0.0.1:8081": {
			[]policy.Destination{at("http://127.0.0.1:8081"), at("ws://127.0.0.1:8081"), at("grpc://127.0.0.1:8081"), at("https://127.0.0.1:8081")},
			[]policy.Destination{at("http://127.0.0.1:8082"), at("http://127.0.0.1"), at("http://localhost:8081"), unverified("https://127.0.0.1:8081")},
		},
		"127.0.0.1": {
			[]policy.Destination{at("https://127.0.0.1:8081")},
			[]policy.Destination{at("http://127.0.0.1:8081"), at("http://127.0.0.1"), at("ws://127.0.0.1:1")},
		},
		"localhost:8081": {
			[]policy.Destination{at("http://localhost:8081")},
			[]policy.Destination{at("http://localhost:80"), at("http://localhost.evil.example:8081")},
		},
		"10.0.0.5:8080": {
			[]policy.Destination{at("https://10.0.0.5:8080")},
			[]policy.Destination{at("http://10.0.0.5:8080")},
		},
		"[::1]:8081": {
			[]policy.Destination{at("http://[::1]:8081")},
			[]policy.Destination{at("http://[::1]:8082"), at("http://[::2]:8081")},
		},
		"web01": {
			[]policy.Destination{named("ssh://10.0.0.9:22", "web01"), named("grpc://10.0.0.9:1", "web01"), at("ssh://web01")},
			[]policy.Destination{named("ssh://web01.evil.example", "web02"), at("http://web01")},
		},
	} {
		p := open(t, policy.Config{Secrets: map[string]policy.Secret{"KEY": {Env: "KEY", Hosts: []string{entry}}}}, environment(map[string]string{"KEY": "tok-123456"}))
		for _, to := range c.yes {
			if got, err := p.SecretFor(t.Context(), "KEY", "x", to); err != nil || got != "tok-123456" {
				t.Errorf("%s to %+v: %q, %v", entry, to, got, err)
			}
			if err := p.MaySend(to, "a=tok-123456"); err != nil {
				t.Errorf("%s to %+v: %v", entry, to, err)
			}
		}
		for _, to := range c.no {
			got, err := p.SecretFor(t.Context(), "KEY", "x", to)
			if d := denied(t, err); got != "" || strings.Contains(d.Message+d.Hint, "tok-123456") {
				t.Errorf("%s to %+v: %q, %+v", entry, to, got, d)
			}
			if err := p.MaySend(to, "a=dG9rLTEyMzQ1Ng=="); err == nil {
				t.Errorf("%s to %+v: a text with the secret may be sent on", entry, to)
			}
			if err := p.MaySend(to, "a=1"); err != nil {
				t.Errorf("%s to %+v: a text without the secret: %v", entry, to, err)
			}
		}
	}
}

func TestBindingsAreChecked(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"", "https://", "https://h/path", "https://user@h", "https://h?x", "a b", "h/path", "://h", "*"} {
		_, err := policy.New(policy.Config{Secrets: map[string]policy.Secret{"KEY": {Env: "KEY", Hosts: []string{entry}}}})
		if err == nil || !strings.Contains(err.Error(), "policy.secrets.KEY.hosts[0]") {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

// TestShortSecrets: what is redacted confirms a guess, so short values need the
// operator's agreement.
func TestShortSecrets(t *testing.T) {
	t.Parallel()
	for value, c := range map[string]struct{ plain, allowed bool }{"123": {}, "1234": {allowed: true}, "123456": {allowed: true}, "1234567": {allowed: true}, "12345678": {true, true}} {
		for _, allow := range []bool{false, true} {
			cfg := policy.Config{Secrets: map[string]policy.Secret{"PIN": {Env: "PIN", Hosts: []string{"h"}, AllowShort: allow}}}
			want := c.plain || allow && c.allowed
			p, err := policy.New(cfg, environment(map[string]string{"PIN": value}))
			if (err == nil) != want || err != nil && strings.Contains(err.Error(), value) {
				t.Errorf("%s, allow_short %v: %v", value, allow, err)
			}
			if p != nil {
				_ = p.Close()
			}
			// A value that becomes too short later is refused when it is used.
			later := map[string]string{}
			p = open(t, cfg, environment(later))
			later["PIN"] = value
			if got, err := p.SecretFor(t.Context(), "PIN", "x", policy.DestinationOf("https://h")); (err == nil) != want || want != (got == value) {
				t.Errorf("%s, allow_short %v, set later: %q, %v", value, allow, got, err)
			}
		}
	}
}

// TestMarksAreEqual: a mark does not tell which secret a caller has guessed.
func TestMarksAreEqual(t *testing.T) {
	t.Parallel()
	p := open(t, policy.Config{
		Secrets:     map[string]policy.Secret{"A": {Env: "A", Hosts: []string{"h"}}, "BETA": {Env: "B", Hosts: []string{"h"}}},
		Connections: map[string]policy.Connection{"mail": {Kind: "smtp", Host: "h", PasswordEnv: "C"}},
	}, environment(map[string]string{"A": "value-of-a", "B": "value-of-beta-which-is-longer", "C": "password-1"}))
	if got := p.RedactString("value-of-a value-of-beta-which-is-longer password-1"); got != "[secret] [secret] [secret]" {
		t.Error(got)
	}
}

// TestBackslashesInSecrets: encoders double a backslash, and write the next
// character as an escape.
func TestBackslashesInSecrets(t *testing.T) {
	t.Parallel()
	for value, texts := range map[string][]string{
		`pass\é123`:   {`"pass\\\u00e9123"`, `"pass\\\u00E9123"`, `"{\"a\": \"pass\\\\\\u00e9123\"}"`, `"pass\\é123"`, `pass%5C%C3%A9123`, `pass%5C\u00e9123`},
		`C:\<tok>1`:   {`"C:\\\u003ctok\u003e1"`, `"C:\\<tok>1"`, `C:\\&lt;tok&gt;1`},
		`\\é\é\x12`:   {`"\\\\\u00e9\\\u00e9\\x12"`},
		`end-of-it\`:  {`"end-of-it\\"`, `"\u0065nd-of-it\\"`},
		`\🔑key-key-1`: {`"\\\ud83d\udd11key-key-1"`},
		`a\u0041bcde`: {`"a\\u0041bcde"`, `"\u0061\\u0041bcde"`},
		`a\new\table`: {`"a\\new\\table"`, `"a\\\u006eew\\\u0074able"`},
	} {
		p := knowing(t, value)
		for _, text := range texts {
			got := p.RedactString(text)
			if !strings.Contains(got, "[secret]") || strings.ContainsAny(strings.ReplaceAll(got, "[secret]", ""), "ékd1") && !strings.HasPrefix(got, `"{`) {
				t.Errorf("%s in %s: %s", value, text, got)
			}
		}
	}
}
