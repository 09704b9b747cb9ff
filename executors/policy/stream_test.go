package policy_test

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/policy"
)

// inParts writes a text to a stream in parts that end at the given places.
func inParts(p *policy.Policy, text string, cuts ...int) string {
	s, at := p.Stream(), 0
	var b strings.Builder
	for _, cut := range append(cuts, len(text)) {
		b.Write(s.Write([]byte(text[at:cut])))
		at = cut
	}
	b.Write(s.Close())
	return b.String()
}

// A secret is replaced wherever the text is divided, in every spelling.
func TestStreamRedactsAcrossParts(t *testing.T) {
	t.Parallel()
	const value = `tök/en+🔑<a&b>'c'"d"\e`
	p := knowing(t, value)
	for name, form := range map[string]string{
		"plain":           value,
		"JSON":            string(quote(value)),
		"Python's JSON":   `"t\u00f6k/en+\ud83d\udd11<a&b>'c'\"d\"\\e"`,
		"JSON in JSON":    `{"a": "{\"b\": \"t\\u00f6k/en+\\ud83d\\udd11<a&b>'c'\\\"d\\\"\\\\e\"}"}`,
		"HTML":            html.EscapeString(value),
		"a URL":           url.QueryEscape(value),
		"every byte":      everyByte(value),
		"every character": everyCharacter(value),
		"hex":             hex.EncodeToString([]byte(value)),
		"base64":          base64.StdEncoding.EncodeToString([]byte("user:" + value)),
		"base64 in lines": lines76(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 50) + value))),
	} {
		text := "it is " + form + " and more\n"
		whole := p.RedactString(text)
		if !strings.Contains(whole, "[secret]") {
			t.Fatalf("%s: not even in one part: %s", name, whole)
		}
		for cut := range len(text) + 1 {
			if got := inParts(p, text, cut); got != whole {
				t.Errorf("%s, divided at %d: %q, want %q", name, cut, got, whole)
			}
		}
		all := make([]int, len(text))
		for i := range all {
			all[i] = i + 1
		}
		if got := inParts(p, text, all...); got != whole {
			t.Errorf("%s, byte by byte: %q, want %q", name, got, whole)
		}
	}
}

// A stream shows at once what can't be a part of a secret.
func TestStreamHoldsBackLittle(t *testing.T) {
	t.Parallel()
	p := knowing(t, "abcdefghij0123456789KLMN")
	for part, want := range map[string]string{
		"step 1 of 5\n":               "step 1 of 5\n",
		"50% done\n":                  "50% done\n",
		"a & b; \\d+ \\u\n":           "a & b; \\d+ \\u\n",
		"it begins: abcdefg":          "it begins: ",
		"it began: abcdefgh, no":      "it began: abcdefgh, no",
		"so it is: abcdefghij012345…": "so it is: ",
		"héll\xc3":                    "héll",
		"wrong: \xff\xfe.":            "wrong: \uFFFD.",
		"":                            "",
	} {
		if got := string(p.Stream().Write([]byte(part))); got != want {
			t.Errorf("%q: %q at once, want %q", part, got, want)
		}
	}
	none := open(t, policy.Config{}, environment(nil))
	if got := string(none.Stream().Write([]byte("abcdefg"))); got != "abcdefg" {
		t.Errorf("without secrets: %q", got)
	}
	long := p.Stream()
	shown := 0
	for range 100 {
		shown += len(long.Write([]byte(strings.Repeat(`\`, 10_000))))
	}
	if shown < 500_000 {
		t.Errorf("of a million backslashes it shows %d bytes", shown)
	}
}

// Characters are whole, and what is none is replaced once.
func TestStreamOfCharacters(t *testing.T) {
	t.Parallel()
	p := open(t, policy.Config{}, environment(nil))
	for text, want := range map[string]string{"aö🔑z": "aö🔑z", "a\xf0\x9f": "a\uFFFD", "\x80b": "\uFFFDb", "a\x00b": "a\x00b"} {
		for cut := range len(text) + 1 {
			if got := inParts(p, text, cut); got != want {
				t.Errorf("%q divided at %d: %q", text, cut, got)
			}
		}
	}
}

func FuzzStream(f *testing.F) {
	const value = `tök/en "1234567890"`
	p := knowing(f, value)
	f.Add(`x tök/en "1234567890" y`, uint64(1))
	f.Add(`"\u0074\u00f6k\/en \"1234567890\""`, uint64(2))
	f.Add("dMO2ay9l\nbiAiMTIzNDU2Nzg5MCI=", uint64(3))
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // for a test
		var cuts []int
		for at := 0; at < len(text); {
			at += 1 + random.IntN(9)
			if at < len(text) {
				cuts = append(cuts, at)
			}
		}
		got := inParts(p, text, cuts...)
		if !utf8.ValidString(got) || strings.Contains(got, value) || strings.Contains(strings.ReplaceAll(got, "\n", ""), "dMO2ay9lbiAiMTIzNDU2Nzg5MCI") {
			t.Errorf("%q in parts: %q", text, got)
		}
	})
}
