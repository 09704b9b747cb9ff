package strictjson_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// rebuilt decodes checked JSON with the scanner only.
func rebuilt(t *testing.T, raw []byte) any {
	t.Helper()
	switch first := firstByte(raw); first {
	case '{':
		object := map[string]any{}
		for key, value := range strictjson.Members(raw) {
			object[key] = rebuilt(t, value)
		}
		return object
	case '[':
		list := []any{}
		for value := range strictjson.Elements(raw) {
			list = append(list, rebuilt(t, value))
		}
		return list
	case '"':
		return strictjson.Text(raw)
	}
	value, err := strictjson.Decode(raw)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return value
}

func firstByte(raw []byte) byte {
	for _, c := range raw {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
	}
	return 0
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, ` { "a" : [ 1 , "x\" y\\" , { } ] , "b\u0041":null}`, "[\n\t1\r\n, true,false ,[[-1.5e3]]]", `{"a":"}","b":"]","c":["\\"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, err := strictjson.Decode(raw)
		if err != nil {
			return
		}
		switch want.(type) {
		case map[string]any, []any:
			if got := rebuilt(t, raw); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: the scanner reads %v, want %v", raw, got, want)
			}
		default:
			for range strictjson.Members(raw) {
				t.Errorf("%s has members", raw)
			}
			for range strictjson.Elements(raw) {
				t.Errorf("%s has elements", raw)
			}
		}
	})
}

func TestScanStops(t *testing.T) {
	t.Parallel()
	for key := range strictjson.Members([]byte(`{"a":1,"b":2}`)) {
		if key != "a" {
			t.Errorf("it goes on to %s", key)
		}
		break
	}
	for value := range strictjson.Elements([]byte(`[1,2]`)) {
		if string(value) != "1" {
			t.Errorf("it goes on to %s", value)
		}
		break
	}
	if text := strictjson.Text(json.RawMessage(`1`)); text != "" {
		t.Errorf("the text of a number is %q", text)
	}
}
