package fieldpath

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// In and Find return the same value for every path.
func TestInAgreesWithFind(t *testing.T) {
	t.Parallel()
	decoded := decodeNumber(t, document)
	for _, text := range []string{
		"data.items[0].id", `data.items[-1]["a.b"]`, "data.next", `[""]`, "", ".",
		"data.nothing", "data.items[2]", "data.items[-3]", "data[0]", "data.items.id", "data.next.more",
	} {
		path, err := Parse(text)
		if err != nil {
			t.Fatalf("Parse(%q): %v", text, err)
		}
		raw, found := path.Find(json.RawMessage(document))
		got, ok := path.In(decoded)
		if ok != found {
			t.Errorf("%q: In returns %v, Find returns %v", text, ok, found)
			continue
		}
		if found && !reflect.DeepEqual(got, decodeNumber(t, string(raw))) {
			t.Errorf("%q: In returns %v, Find returns %s", text, got, raw)
		}
	}
}

func decodeNumber(t *testing.T, text string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
