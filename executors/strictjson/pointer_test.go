package strictjson_test

import (
	"testing"

	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestAt(t *testing.T) {
	t.Parallel()
	const text = `{"a": [1, {"b/c": "x", "": 2, "~": 3}], "0": true}`
	for pointer, want := range map[string]string{
		"": text, "/a/0": "1", "/a/1/b~1c": `"x"`, "/a/1/": "2", "/a/1/~0": "3", "/0": "true",
		"a": "", "/": "", "/b": "", "/a/2": "", "/a/-1": "", "/a/00": "", "/a/0/a": "", "/a/1/b/c": "",
	} {
		if got := string(strictjson.At([]byte(text), pointer)); got != want {
			t.Errorf("%s: got %s, want %s", pointer, got, want)
		}
	}
}
