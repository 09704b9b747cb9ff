package policy_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

// knowing returns a policy with one secret.
func knowing(t testing.TB, value string) *policy.Policy {
	t.Helper()
	p, err := policy.New(policy.Config{Secrets: map[string]policy.Secret{"KEY": {Env: "KEY", Hosts: []string{"h"}}}}, environment(map[string]string{"KEY": value}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// The forms that encoders of other languages give a value.
func TestRedactsWhatOthersWrite(t *testing.T) {
	t.Parallel()
	const value = `tök/en+🔑<a&b>'c'"d"\e`
	p := knowing(t, value)
	for name, text := range map[string]string{
		"Python's JSON":      `{"a": "t\u00f6k/en+\ud83d\udd11<a&b>'c'\"d\"\\e"}`,
		"PHP's":              `{"a": "t\u00f6k\/en+\ud83d\udd11<a&b>'c'\"d\"\\e"}`,
		".NET's":             `{"a": "t\u00F6k/en\u002B\uD83D\uDD11\u003Ca\u0026b\u003E\u0027c\u0027\u0022d\u0022\\e"}`,
		"Go's":               `{"a": "tök/en+🔑\u003ca\u0026b\u003e'c'\"d\"\\e"}`,
		"nobody's":           `{"a": "` + everyCharacter(value) + `"}`,
		"JSON in JSON":       `{"a": "{\"b\": \"t\\u00f6k/en+\\ud83d\\udd11<a&b>'c'\\\"d\\\"\\\\e\"}"}`,
		"HTML":               html.EscapeString(value),
		"HTML by others":     `tök/en+🔑&lt;a&amp;b&gt;&#x27;c&#x27;&quot;d&quot;\e`,
		"JavaScript's URL":   "t%C3%B6k/en+%F0%9F%94%91%3Ca&b%3E'c'%22d%22%5Ce",
		"all in a URL":       everyByte(value),
		"OWASP's HTML":       `t&#xf6;k&#x2F;en+&#128273;&lt;a&amp;b&gt;&#x27;c&#x27;&quot;d&quot;\e`,
		"a URL in small":     strings.ToLower(url.QueryEscape(value)),
		"a path":             url.PathEscape(value),
		"base64 in lines":    lines76(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 50) + value))),
		"the same, as JSON":  string(quote(lines76(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 50) + value))))),
		"the same, in lines": string(quote(strings.ReplaceAll(lines76(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 49)+value))), "\n", "\r\n"))),
	} {
		var got string
		if json.Valid([]byte(text)) {
			redacted := p.RedactJSON([]byte(text))
			var decoded any
			if err := json.Unmarshal(redacted, &decoded); err != nil {
				t.Fatalf("%s: %s: %v", name, redacted, err)
			}
			got = fmt.Sprint(decoded)
		} else {
			got = p.RedactString(text)
		}
		if !strings.Contains(got, "[secret]") || strings.Contains(got, "en+") || strings.Contains(got, "002B") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func everyCharacter(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r > 0xffff {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func everyByte(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, `%%%02x`, c)
	}
	return b.String()
}

func lines76(text string) string {
	var b strings.Builder
	for len(text) > 76 {
		b.WriteString(text[:76] + "\n")
		text = text[76:]
	}
	return b.String() + text + "\n"
}

func quote(text string) []byte {
	raw, _ := json.Marshal(text)
	return raw
}

// A caller that chooses where an output is cut off can't get a secret without its
// last character.
func TestRedactsWhatWasCutOff(t *testing.T) {
	t.Parallel()
	const value = "abcdefghij0123456789KLMN"
	p := knowing(t, value)
	encoded := base64.StdEncoding.EncodeToString([]byte("user:" + value))
	for kept := 12; kept < len(value); kept++ {
		for name, text := range map[string]string{
			"the end":          "token " + value[:kept],
			"the end, said":    "token " + value[:kept] + "…",
			"the end, by dots": "token " + value[:kept] + "... and more",
			"the end, quoted":  "at '" + value[:kept] + "': wrong",
			"the beginning":    value[len(value)-kept:] + " is it",
			"in the middle":    "… " + `"` + value[len(value)-kept:] + " is it",
		} {
			got := p.RedactString(text)
			if !strings.Contains(got, "[secret]") || strings.Contains(got, value[10:13]) {
				t.Errorf("%d of it at %s: %s", kept, name, got)
			}
		}
		raw := string(p.RedactJSON([]byte(`{"a": "x ` + value[:kept] + `", "b": ["` + value[len(value)-kept:] + `\n"], "c": 1}`)))
		if want := `{"a": "x [secret]", "b": ["[secret]\n"], "c": 1}`; raw != want {
			t.Errorf("%s, want %s", raw, want)
		}
	}
	for kept := len(encoded) * 2 / 3; kept < len(encoded); kept++ {
		if got := p.RedactString("Basic " + encoded[:kept]); !strings.Contains(got, "[secret]") || len(got) > 40 {
			t.Errorf("%s", got)
		}
	}
	for _, harmless := range []string{"abcdefghij is how it begins", "so it ends: 6789KLMN or so", "abcdef", "MN"} {
		if got := p.RedactString(harmless); got != harmless {
			t.Errorf("%q became %q", harmless, got)
		}
	}
}

func FuzzRedactEscapes(f *testing.F) {
	const value = `tök/en "1234567890"`
	p := knowing(f, value)
	for _, seed := range []string{`"\u0074\u00f6k\/en \"1234567890\""`, `{"a":"\ud83d\udd11\ud83d x\\u0041"}`, `"\u0000\n\u0022"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var before, after any
		if json.Unmarshal([]byte(raw), &before) != nil {
			return
		}
		got := p.RedactJSON([]byte(raw))
		if json.Unmarshal(got, &after) != nil {
			t.Fatalf("%s became %s", raw, got)
		}
		if text := fmt.Sprint(after); strings.Contains(text, value) {
			t.Errorf("%s became %s", raw, got)
		}
	})
}
