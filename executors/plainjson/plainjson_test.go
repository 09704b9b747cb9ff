package plainjson_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/plainjson"
)

var texts = []string{
	"", "plain", `"quoted" \ back`, "\x00\x01\x1f\b\f\n\r\t\x7f", "é€😀", "\u2028\u2029\ufffd", "a\xffb\xed\xa0\x80\xf0\x9f", "<b>&amp;</b>", "日本\u2028語",
	strings.Repeat("\x01", 100), strings.Repeat(`"\`, 50), strings.Repeat("é\u2028<", 40), strings.Repeat("ab\n", 40),
}

// library is what encoding/json writes.
func library(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestAppend(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		nil, true, 1.5, "<a>", json.Number("1.10"), []any{"<", nil}, map[string]any{"b": "&", "a": []any{}},
		json.RawMessage(`{ "a" : "<" }`), struct {
			A string `json:"a,omitempty"`
		}{"x"},
	} {
		raw, err := plainjson.Append([]byte("before "), v)
		if want := "before " + library(t, v); err != nil || string(raw) != want {
			t.Errorf("Append(%v) = %s, %v; want %s", v, raw, err, want)
		}
	}
	if raw, err := plainjson.Append([]byte("kept"), []any{"a", math.NaN()}); err == nil || string(raw) != "kept" {
		t.Errorf("a NaN is written as %s", raw)
	}
	if raw, err := plainjson.Marshal([]string{"<"}); err != nil || string(raw) != `["<"]` {
		t.Errorf("after an error: %s, %v", raw, err)
	}
}

func TestIndent(t *testing.T) {
	t.Parallel()
	raw, err := plainjson.Indent(map[string]any{"a": []int{1}, "b": "<"}, "  ")
	if want := "{\n  \"a\": [\n    1\n  ],\n  \"b\": \"<\"\n}"; err != nil || string(raw) != want {
		t.Errorf("%s, %v", raw, err)
	}
	if _, err := plainjson.Indent(func() {}, " "); err == nil {
		t.Error("a function is written as JSON")
	}
}

func TestMustPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a function is written as JSON")
		}
	}()
	plainjson.Must(func() {})
}

func TestAppendStringIsTheLibrarys(t *testing.T) {
	t.Parallel()
	for _, text := range texts {
		if got, want := string(plainjson.AppendString(nil, text)), library(t, text); got != want {
			t.Errorf("%q is written as %s, want %s", text, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, text := range texts {
		for room := range 90 {
			fits := plainjson.Fit(text, room)
			width := func(end int) int { return len(plainjson.AppendString(nil, text[:end])) - 2 }
			if width(fits) > room || utf8.ValidString(text) && !utf8.ValidString(text[:fits]) {
				t.Errorf("Fit(%.10q, %d) = %d, which takes %d bytes", text, room, fits, width(fits))
			}
			if fits == len(text) {
				continue
			}
			if _, size := utf8.DecodeRuneInString(text[fits:]); width(fits+size) <= room {
				t.Errorf("Fit(%.10q, %d) = %d, where one more character fits", text, room, fits)
			}
		}
	}
}

func FuzzAppendString(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := string(plainjson.AppendString(nil, text)), library(t, text); got != want {
			t.Errorf("%q is written as %s, want %s", text, got, want)
		}
	})
}

func BenchmarkAppendString(b *testing.B) {
	text := strings.Repeat("Some words, a \"quote\" and an é. ", 30)
	var to []byte
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		to = plainjson.AppendString(to[:0], text)
	}
}

func BenchmarkMarshal(b *testing.B) {
	v := map[string]any{"status": "success", "list": []any{"a", 1.5, nil}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := plainjson.Marshal(v); err != nil {
			b.Fatal(err)
		}
	}
}
