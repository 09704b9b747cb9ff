package scrape

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"github.com/chainwright/chainwright/executors"
)

func article(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/article.html")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestText(t *testing.T) {
	t.Parallel()
	out := must(t, serve(t, "text/html", article(t)), `, "max_chars": 1000`)
	want := `Headline

First bold paragraph with a relative link, a script and a far one.

- one
- two

a
  b   c

What | Price
Tea | 9.50
| 12

A picture again mail`
	if out.Content != want || out.Truncated {
		t.Errorf("got %q\nwant %q", out.Content, want)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	address := serve(t, "text/html", article(t))
	out := must(t, address+"/page", `, "format": "markdown"`)
	for _, want := range []string{
		"# Headline\n\nFirst **bold** paragraph", "[relative link](" + address + "/base/next?a=1&b=2#part)", "a script and", "- one\n",
		"```\na\n  b   c\n```", "| Tea  | 9.50  |", "![A picture](" + address + "/base/picture.jpg)", "[mail](mailto:a@b.example)",
	} {
		if !strings.Contains(strings.ReplaceAll(out.Content, "relative\nlink", "relative link"), want) {
			t.Errorf("%q is not in\n%s", want, out.Content)
		}
	}
	for _, never := range []string{"javascript:", "obey", "var x", "Not this", "Home", "data:"} {
		if strings.Contains(out.Content, never) {
			t.Errorf("%q is in\n%s", never, out.Content)
		}
	}
}

func TestMetadataAndLinks(t *testing.T) {
	t.Parallel()
	address := serve(t, "text/html", article(t))
	out := must(t, address+"/page", "")
	meta := map[string]string{
		"lang": "en", "description": "What it is about", "og:title": "Another title", "og:image": "/image.png", "canonical": address + "/canonical",
	}
	if out.Title != "An article" || out.URL != address+"/page" || !reflect.DeepEqual(out.Metadata, meta) {
		t.Errorf("%q %q %v", out.Title, out.URL, out.Metadata)
	}
	links := []link{{address + "/base/next?a=1&b=2#part", "relative link"}, {"https://other.example/x", "far one"}, {"mailto:a@b.example", "mail"}}
	if !reflect.DeepEqual(out.Links, links) {
		t.Errorf("%v", out.Links)
	}
	if out := must(t, address, `, "extract_metadata": false`); out.Metadata != nil || out.Links != nil || out.Title != "An article" {
		t.Errorf("without metadata: %+v", out)
	}
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	address := serve(t, "text/html", article(t))
	for selector, want := range map[string]string{
		"h1":                                     "Headline",
		"footer, nav":                            "Home\n\nNot this",
		"main > ul > li":                         "- one\n\n- two",
		"ul li, li p":                            "- one\n\n- two",
		"body li:first-child":                    "- one",
		"li + li":                                "- two",
		"h1 ~ ul":                                "- one\n- two",
		"table.prices td:nth-child(2)":           "9.50\n\n12",
		"table.prices tr:nth-child( 2n + 1 ) th": "What\n\nPrice",
		`a[href^="https://other"]`:               "far one",
		`a[href*='a b'], b`:                      "bold",
		"p:has(b)  a":                            "relative link\n\nscript\n\nfar one",
		"p:contains('First') b":                  "bold",
		"li:not(:first-child)":                   "- two",
		"nav>a":                                  "Home",
		"*:root h1":                              "Headline",
	} {
		if out := must(t, address, `, "selector": `+quoted(selector)); out.Content != want {
			t.Errorf("%s: %q; want %q", selector, out.Content, want)
		}
	}
	out, failure := read(t, local, address, `, "selector": "video.none"`)
	if failure == nil || failure.Type != executors.NotFound || failure.Field != "selector" || out == nil || out.Title != "An article" {
		t.Errorf("nothing found: %+v, %+v", out, failure)
	}
	for _, selector := range []string{
		" ", ",", "a,", ",a", "a,,b", ">a", "a>", "a >", "a > > b", "a[", "a[b", "a)", "a(", "a:has(b c)", "a:not(:has(b))", "a:nope", "a::before", "a:nth-child(", "'", "..", "a {}", "a:has(b", `\`,
	} {
		if _, failure := read(t, local, address, `, "selector": `+quoted(selector)); failure == nil || failure.Type != executors.ValidationError || failure.Field != "selector" {
			t.Errorf("%q: %+v", selector, failure)
		}
	}
}

func quoted(text string) string {
	encoded, _ := json.Marshal(text)
	return string(encoded)
}

func TestLengthIsInCharacters(t *testing.T) {
	t.Parallel()
	address := serve(t, "text/html; charset=utf-8", []byte("<p>"+strings.Repeat("世界 ", 100)))
	for _, format := range []string{"text", "markdown"} {
		out := must(t, address, `, "max_chars": 7, "format": "`+format+`"`)
		if out.Content != "世界 世界 世" || !out.Truncated {
			t.Errorf("%q", out.Content)
		}
	}
	if out := must(t, address, `, "max_chars": 299`); out.Truncated || len([]rune(out.Content)) != 299 {
		t.Errorf("%d characters, truncated %v", len([]rune(out.Content)), out.Truncated)
	}
}

func TestCharsets(t *testing.T) {
	t.Parallel()
	const words = "Grüße – 日本"
	latin, _ := charmap.Windows1252.NewEncoder().String("Grüße – x")
	sjis, _ := japanese.ShiftJIS.NewEncoder().String("日本")
	wide, _ := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("<p>" + words)
	for _, c := range []struct{ kind, body, want string }{
		{"text/html", "<p>" + words, words},
		{"text/html; charset=utf-8", "<p>" + words, words},
		{"text/html; charset=iso-8859-1", "<p>" + latin, "Grüße – x"},
		{"text/html", "<meta charset=windows-1252><p>" + latin, "Grüße – x"},
		{"text/html", "<p>" + latin, "Grüße – x"},
		{"text/html", `<meta http-equiv="content-type" content="text/html; charset=shift_jis"><p>` + sjis, "日本"},
		{"text/html", wide, words},
		{"text/html; charset=utf-8", "<p>a\xffb", "a\uFFFDb"},
		{"", "<!DOCTYPE html><p>" + words, words},
	} {
		out := must(t, serve(t, c.kind, []byte(c.body)), "")
		if strings.ReplaceAll(out.Content, "\uFFFD", "") != strings.ReplaceAll(c.want, "\uFFFD", "") {
			t.Errorf("%s: %q; want %q (%s)", c.kind, out.Content, c.want, out.Warning)
		}
	}
}

func TestNonHTML(t *testing.T) {
	t.Parallel()
	for kind, body := range map[string]string{"text/plain": "a < b", "application/json": `{"a": 1}`, "application/feed+json": "{}", "text/markdown": "# a"} {
		if out := must(t, serve(t, kind, []byte(body)), ""); out.Content != body {
			t.Errorf("%s: %q", kind, out.Content)
		}
	}
	for kind, body := range map[string]string{"application/pdf": "%PDF-1.7", "image/png": "\x89PNG", "": "\x00\x01\x02\x03", "application/octet-stream": "x"} {
		_, failure := read(t, local, serve(t, kind, []byte(body)), "")
		if failure == nil || failure.Type != executors.ExecutionError || !strings.Contains(failure.Hint, "rest_executor") || failure.Retryable {
			t.Errorf("%s: %+v", kind, failure)
		}
	}
}
