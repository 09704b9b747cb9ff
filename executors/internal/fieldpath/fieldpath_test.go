package fieldpath

import (
	"encoding/json"
	"testing"
)

const document = `{"data": {"items": [{"id": 12345678901234567890.10}, {"id": 2, "a.b": true}], "next": null}, "": 1}`

func TestFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, want string }{
		{"data.items[0].id", "12345678901234567890.10"},
		{".data.items[0].id", "12345678901234567890.10"},
		{`data.items[-1]["a.b"]`, "true"},
		{`["data"].items[1].id`, "2"},
		{"data.next", "null"},
		{`[""]`, "1"},
		{"", document},
		{".", document},
	} {
		path, err := Parse(c.path)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.path, err)
			continue
		}
		if got, ok := path.Find(json.RawMessage(document)); !ok || string(got) != c.want {
			t.Errorf("%q finds %q, %v; want %q", c.path, got, ok, c.want)
		}
	}
}

func TestFindNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"data.nothing", "data.items[2]", "data.items[-3]", "data[0]", "data.items.id", "data.next.more"} {
		path, err := Parse(text)
		if err != nil {
			t.Fatalf("Parse(%q): %v", text, err)
		}
		if got, ok := path.Find(json.RawMessage(document)); ok {
			t.Errorf("%q finds %q; want nothing", text, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a..b", "a.", "a[", "a[x]", `a["b]`, `a["b"`, "a]b", "a[0]b", `a"b`} {
		if path, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %+v; want an error", text, path)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"data.items[0].id", `["a"].b`, "..", "a[-1]", ""} {
		f.Add(seed, document)
	}
	f.Fuzz(func(t *testing.T, text, raw string) {
		path, err := Parse(text)
		if err != nil {
			return
		}
		if found, ok := path.Find(json.RawMessage(raw)); ok && json.Valid([]byte(raw)) && !json.Valid(found) {
			t.Errorf("%q finds %q in %q, which is not JSON", text, found, raw)
		}
	})
}
