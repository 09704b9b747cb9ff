package bind_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/bind"
	"github.com/chainwright/chainwright/executors/strictjson"
)

type inner struct {
	City string  `json:"city"`
	Next *inner  `json:"next"`
	List []inner `json:"list"`
}

type embedded struct {
	Shared string `json:"shared"`
}

type everything struct {
	Text     string             `json:"text"`
	Flag     bool               `json:"flag"`
	Int      int                `json:"int"`
	Small    int8               `json:"small"`
	Positive uint16             `json:"positive"`
	Float    float64            `json:"float"`
	Single   float32            `json:"single"`
	Any      any                `json:"any"`
	Exact    json.Number        `json:"exact"`
	Wait     time.Duration      `json:"wait"`
	At       time.Time          `json:"at"`
	Addr     netip.Addr         `json:"addr"`
	Raw      json.RawMessage    `json:"raw"`
	Bytes    []byte             `json:"bytes"`
	Pointer  *int               `json:"pointer"`
	Texts    []string           `json:"texts"`
	Anys     []any              `json:"anys"`
	Map      map[string]any     `json:"map"`
	Numbers  map[string]float64 `json:"numbers"`
	Headers  map[string]string  `json:"headers"`
	Inner    inner              `json:"inner"`
	Inners   []inner            `json:"inners"`
	Named    map[string]inner   `json:"named"`
	Option   string             `json:"option,omitempty"`
	Untagged string
	Left     string `json:"-"`
	hidden   string
	embedded
	*inner2
}

type inner2 struct {
	Deep string `json:"deep"`
}

func decode(t testing.TB, text string) any {
	t.Helper()
	value, err := strictjson.Decode([]byte(text))
	if err != nil {
		t.Fatal(text, err)
	}
	return value
}

func TestInto(t *testing.T) {
	t.Parallel()
	got := everything{Left: "kept", hidden: "kept", inner2: &inner2{}}
	err := bind.Into(&got, decode(t, `{
		"text": "t", "flag": true, "int": 12.0, "small": -128, "positive": 1e3, "float": 2.5, "single": 0.5, "any": {"a": [1]},
		"exact": 1.50, "wait": 0.25, "at": "2026-11-21T10:00:00Z", "addr": "127.0.0.1", "raw": {"b": 1, "a": 2.0}, "bytes": "aGk=",
		"pointer": 7, "texts": ["a", "b"], "anys": [1, null], "map": {"k": 1}, "numbers": {"x": 1.5}, "headers": {"a": "b", "c": null},
		"inner": {"city": "Oslo", "next": {"city": "Rome"}, "list": [{"city": "Bern"}]}, "inners": [{"city": "Paris"}], "named": {"n": {"city": "Riga"}},
		"option": "o", "Untagged": "u", "-": "no", "Left": "no", "hidden": "no", "shared": "s", "deep": "d", "unknown": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	seven := 7
	want := everything{
		Text: "t", Flag: true, Int: 12, Small: -128, Positive: 1000, Float: 2.5, Single: 0.5, Any: map[string]any{"a": []any{json.Number("1")}},
		Exact: "1.50", Wait: 250 * time.Millisecond, At: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), Addr: netip.MustParseAddr("127.0.0.1"),
		Raw: json.RawMessage(`{"a":2.0,"b":1}`), Bytes: []byte("hi"), Pointer: &seven, Texts: []string{"a", "b"}, Anys: []any{json.Number("1"), nil},
		Map: map[string]any{"k": json.Number("1")}, Numbers: map[string]float64{"x": 1.5}, Headers: map[string]string{"a": "b", "c": ""},
		Inner:  inner{City: "Oslo", Next: &inner{City: "Rome"}, List: []inner{{City: "Bern"}}},
		Inners: []inner{{City: "Paris"}}, Named: map[string]inner{"n": {City: "Riga"}}, Option: "o", Untagged: "u",
		Left: "kept", hidden: "kept", embedded: embedded{"s"}, inner2: &inner2{"d"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestIntoKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	one := 1
	got := everything{Text: "kept", Int: 3, Pointer: &one, Texts: []string{"gone"}, Any: "gone"}
	if err := bind.Into(&got, decode(t, `{"text": null, "int": null, "pointer": null, "texts": null, "any": null}`)); err != nil {
		t.Fatal(err)
	}
	if got.Text != "kept" || got.Int != 3 || got.Pointer != nil || got.Texts != nil || got.Any != nil {
		t.Errorf("%+v", got)
	}
}

func TestIntoRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[]`:                                    "is an array, which can't be stored in bind_test.everything",
		`{"text": 1}`:                           "text is a number, which can't be stored in string",
		`{"flag": "true"}`:                      "flag is a string, which can't be stored in bool",
		`{"int": 1.5}`:                          "int is 1.5, which is out of the range of int",
		`{"int": 1e30}`:                         "int is 1e30, which is out of the range of int",
		`{"small": 128}`:                        "small is 128, which is out of the range of int8",
		`{"positive": -1}`:                      "positive is -1, which is out of the range of uint16",
		`{"positive": 65536}`:                   "positive is 65536, which is out of the range of uint16",
		`{"float": 1e400}`:                      "float is 1e400, which is out of the range of float64",
		`{"single": 1e300}`:                     "single is 1e300, which is out of the range of float32",
		`{"wait": 1e18}`:                        "wait is 1e18, which is out of the range of time.Duration",
		`{"wait": "1s"}`:                        "wait is a string, which can't be stored in time.Duration",
		`{"bytes": "?"}`:                        "bytes is not valid base64",
		`{"at": "today"}`:                       `at parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"`,
		`{"addr": true}`:                        "addr is a boolean, which can't be stored in netip.Addr",
		`{"texts": ["a", 1]}`:                   "texts[1] is a number, which can't be stored in string",
		`{"map": []}`:                           "map is an array, which can't be stored in map[string]interface {}",
		`{"headers": {"x": 1}}`:                 "headers.x is a number, which can't be stored in string",
		`{"headers": "x"}`:                      "headers is a string, which can't be stored in map[string]string",
		`{"texts": {}}`:                         "texts is an object, which can't be stored in []string",
		`{"numbers": {"x": "y"}}`:               "numbers.x is a string, which can't be stored in float64",
		`{"inners": [{"list": [{"city": 3}]}]}`: "inners[0].list[0].city is a number, which can't be stored in string",
		`{"named": {"n": 3}}`:                   "named.n is a number, which can't be stored in bind_test.inner",
	} {
		var got everything
		err := bind.Into(&got, decode(t, text))
		var wrong *bind.Error
		if !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	var text string
	if err := bind.Into(text, "x"); err == nil {
		t.Error("a value went into a string, not into a pointer to one")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, bad := range []any{struct{ C chan int }{}, struct{ F func() }{}, map[int]string{}, struct{ E error }{}, [2]int{}} {
		if err := bind.Check(reflect.TypeOf(bad)); err == nil {
			t.Errorf("%T is accepted", bad)
		}
	}
	if err := bind.Check(reflect.TypeFor[everything]()); err != nil {
		t.Error(err)
	}
}

// Values are stored as encoding/json stores them, except for times.
func FuzzInto(f *testing.F) {
	f.Add([]byte(`{"text": "t", "int": 3, "inner": {"next": {"list": [{}]}}, "any": [1.50, null]}`))
	f.Add([]byte(`{"numbers": {"a": 1e3}, "raw": [1, 2], "pointer": null, "texts": null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		value, err := strictjson.DecodeObject(raw)
		if err != nil {
			return
		}
		for _, other := range []string{"wait", "at", "addr", "raw", "exact", "bytes"} {
			delete(value, other)
		}
		var got, want everything
		got.inner2, want.inner2 = &inner2{}, &inner2{}
		if err := bind.Into(&got, value); err != nil {
			return
		}
		plain, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(strings.NewReader(string(plain)))
		decoder.UseNumber()
		if err := decoder.Decode(&want); err != nil {
			return // a whole number with a fraction, or a key in another case
		}
		for key := range value {
			for _, name := range []string{"text", "flag", "int", "float", "any", "texts", "map", "inner"} {
				if key != name && strings.EqualFold(key, name) {
					return
				}
			}
		}
		if !reflect.DeepEqual(got.Inner, want.Inner) || !reflect.DeepEqual(got.Any, want.Any) || got.Int != want.Int || got.Float != want.Float || !reflect.DeepEqual(got.Map, want.Map) {
			t.Fatalf("%s: got %+v, want %+v", plain, got, want)
		}
	})
}

func BenchmarkInto(b *testing.B) {
	value := decode(b, `{"text": "t", "flag": true, "int": 12, "float": 2.5, "wait": 30, "texts": ["a", "b"], "inner": {"city": "Oslo"}, "any": {"a": 1}}`)
	b.ReportAllocs()
	for b.Loop() {
		var got everything
		if err := bind.Into(&got, value); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleInto() {
	var in struct {
		Name    string        `json:"name"`
		Timeout time.Duration `json:"timeout"`
	}
	err := bind.Into(&in, map[string]any{"name": "Ada", "timeout": json.Number("1.5")})
	fmt.Println(in.Name, in.Timeout, err)
	// Output: Ada 1.5s <nil>
}
