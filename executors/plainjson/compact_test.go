package plainjson_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// FuzzAppendCompact compares AppendCompact with the standard library.
func FuzzAppendCompact(f *testing.F) {
	for _, seed := range []string{``, ` { "a b" : [ 1 , "x\" y\\" , { } ] } `, "\"\\\\\" ", "[\n\t1\r\n]", `"\u2028 <"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got := plainjson.AppendCompact([]byte("x"), []byte(raw))
		var want bytes.Buffer
		if json.Compact(&want, []byte(raw)) == nil && string(got) != "x"+want.String() {
			t.Errorf("%q became %q, want %q", raw, got[1:], want.String())
		}
	})
}
