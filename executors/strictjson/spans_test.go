package strictjson_test

import (
	"slices"
	"testing"

	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestSpans(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		``:                          nil,
		`no JSON, "not {even} here`: {`{even}`},
		`{"a": {"b": [1]}}`:         {`{"a": {"b": [1]}}`},
		`first {"a": "}"} then [1, {"b": "\"]"}] done`: {`{"a": "}"}`, `[1, {"b": "\"]"}]`},
		`} ] {"a": 1`:          {`{"a": 1 …`},
		`{"a": "never closed}`: {`{"a": "never closed} …`},
	} {
		var got []string
		for _, span := range strictjson.Spans(text) {
			part := text[span.Start:span.End]
			if !span.Closed {
				part += " …"
			}
			got = append(got, part)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
