package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestMend(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"a": [1, "x\n\u0041"]}`: `{"a": [1, "x\n\u0041"]}`,
		`"\ud83d\udd11"`:          `"\ud83d\udd11"`,
		`"\uD83D\uDD11"`:          `"\uD83D\uDD11"`,
		`"cut \ud83d"`:            `"cut \ufffd"`,
		`"\udd11 cut"`:            `"\ufffd cut"`,
		`"\udd11\ud83d"`:          `"\ufffd\ufffd"`,
		`"\ud83d\ud83d\udd11"`:    `"\ufffd\ud83d\udd11"`,
		`"\ud83d\\udd11"`:         `"\ufffd\\udd11"`,
		`"\\ud83d"`:               `"\\ud83d"`,
		`"\ud83d\u0041"`:          `"\ufffd\u0041"`,
		"\"a\xff\xfeb\"":          "\"a\uFFFDb\"",
		`"\ud8`:                   `"\ud8`,
		`"\`:                      `"\`,
	} {
		if got := string(strictjson.Mend([]byte(raw))); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}

func FuzzMend(f *testing.F) {
	for _, seed := range []string{`"\ud83d"`, `{"\\\ud83d\ud83d\udd11":"\udd11"}`, "[\"\xff\"]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var before, after any
		if json.Unmarshal([]byte(raw), &before) != nil {
			return
		}
		if !utf8.ValidString(raw) { // several invalid bytes become one character
			raw = strings.ToValidUTF8(raw, "\uFFFD")
			if json.Unmarshal([]byte(raw), &before) != nil {
				return
			}
		}
		mended := strictjson.Mend([]byte(raw))
		if err := json.Unmarshal(mended, &after); err != nil {
			t.Fatalf("%q became %q: %v", raw, mended, err)
		}
		x, _ := json.Marshal(before)
		y, _ := json.Marshal(after)
		if string(x) != string(y) {
			t.Errorf("%q became %q", raw, mended)
		}
	})
}
