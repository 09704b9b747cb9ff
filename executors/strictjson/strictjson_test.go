package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want any
	}{
		{`null`, nil},
		{` true `, true},
		{"\t\r\nfalse", false},
		{`""`, ""},
		{`"aé€😀"`, "aé€😀"},
		{`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		{`"\u0041\u00e9\u20AC\ud83d\ude00\u0000"`, "Aé€😀\x00"},
		{`"before\nafter é"`, "before\nafter é"},
		{`-0`, json.Number("-0")},
		{`1.50`, json.Number("1.50")},
		{`12345678901234567890123`, json.Number("12345678901234567890123")},
		{`-1.5e+10`, json.Number("-1.5e+10")},
		{`1E400`, json.Number("1E400")},
		{`[]`, []any{}},
		{`[1, "a" ,[null]]`, []any{json.Number("1"), "a", []any{nil}}},
		{`{}`, map[string]any{}},
		{`{"a":{"a":1},"":[]}`, map[string]any{"a": map[string]any{"a": json.Number("1")}, "": []any{}}},
		{strings.Repeat("[", 64) + strings.Repeat("]", 64), nested(64)},
	} {
		got, err := strictjson.Decode([]byte(c.text))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("Decode(%s) = %#v, %v; want %#v", c.text, got, err, c.want)
		}
		if err := strictjson.Check([]byte(c.text)); err != nil {
			t.Errorf("Check(%s): %v", c.text, err)
		}
	}
}

func nested(depth int) any {
	list := []any{}
	for range depth - 1 {
		list = []any{list}
	}
	return list
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "line 1, column 1: the text ends, but a value was expected"},
		{"  ", "line 1, column 3: the text ends, but a value was expected"},
		{"{\n  \"a\": 1,\n  \"a\": 2\n}", `line 3, column 3: key "a" appears twice`},
		{`{"a":1,"\u0061":2}`, `line 1, column 8: key "a" appears twice`},
		{`{"a":1} x`, "line 1, column 9: text follows the value; only one value is allowed"},
		{`{"a":1,}`, `line 1, column 8: unexpected '}'; expected a key in double quotes`},
		{`[1,]`, `line 1, column 4: unexpected ']'; expected a value`},
		{`[1 2]`, `line 1, column 4: unexpected '2'; expected ',' or ']'`},
		{`{"a" 1}`, `line 1, column 6: unexpected '1'; expected ':'`},
		{`{'a':1}`, `line 1, column 2: unexpected '\''; expected a key in double quotes`},
		{`True`, `line 1, column 1: unexpected 'T'; expected a value`},
		{`tru`, "line 1, column 1: unknown word; did you mean true?"},
		{`01`, "line 1, column 1: a number can't begin with 0"},
		{`-`, "line 1, column 2: the text ends, but a digit was expected"},
		{`1.`, "line 1, column 3: the text ends, but a digit was expected"},
		{`1e`, "line 1, column 3: the text ends, but a digit was expected"},
		{`+1`, "line 1, column 1: unexpected '+'; expected a value"},
		{`{"url": ${{ inputs.url }}}`, `line 1, column 9: unexpected '$'; expected a value. A reference must be quoted: "${{ … }}"`},
		{`NaN`, "line 1, column 1: unexpected 'N'; expected a value"},
		{"[\n 1e401]", `line 2, column 2: the exponent of "1e401" is out of range; it must be from -400 to 400`},
		{`1e10000000`, `line 1, column 1: the exponent of "1e10000000" is out of range; it must be from -400 to 400`},
		{`1e-99999999999999999999`, `line 1, column 1: the exponent of "1e-99999999999999999999" is out of range; it must be from -400 to 400`},
		{strings.Repeat("1", 101), "line 1, column 1: a number has 101 characters; at most 100 are allowed"},
		{strings.Repeat("[", 65), "line 1, column 65: nested deeper than 64"},
		{strings.Repeat(`{"a":`, 65), "line 1, column 321: nested deeper than 64"},
		{`"abc`, "line 1, column 1: the string that begins here does not end"},
		{`"abc\`, "line 1, column 6: the text ends, but an escape such as \\n or \\u0041 was expected"},
		{`"\x"`, `line 1, column 3: unexpected 'x'; expected an escape such as \n or \u0041`},
		{`"\u12g4"`, `line 1, column 6: unexpected 'g'; expected four hexadecimal digits`},
		{`"\ud800"`, `line 1, column 2: \ud800 is half of a surrogate pair; the other half is missing`},
		{`"\ud800\u0041"`, `line 1, column 2: \ud800 is half of a surrogate pair; the other half is missing`},
		{`"\udc00\ud800"`, `line 1, column 2: \udc00 is half of a surrogate pair; the other half is missing`},
		{"\"a\nb\"", `line 1, column 3: control character 0x0a inside a string; write it as \u000a`},
		{"\"a\x00b\"", `line 1, column 3: control character 0x00 inside a string; write it as \u0000`},
		{"\"a\xffb\"", "line 1, column 3: byte 0xff is not valid UTF-8"},
		{"\"\xed\xa0\x80\"", "line 1, column 2: byte 0xed is not valid UTF-8"},
		{"\xff", "line 1, column 1: byte 0xff is not valid UTF-8"},
		{"\uFEFF{}", `line 1, column 1: unexpected '\ufeff'; expected a value`},
	} {
		_, err := strictjson.Decode([]byte(c.text))
		var syntax *strictjson.SyntaxError
		if !errors.As(err, &syntax) || err.Error() != c.want {
			t.Errorf("Decode(%.40q): %v, want %s", c.text, err, c.want)
		}
		if check := strictjson.Check([]byte(c.text)); fmt.Sprint(check) != fmt.Sprint(err) {
			t.Errorf("Check(%.40q): %v, and Decode: %v", c.text, check, err)
		}
	}
}

func TestDecodeObject(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "{}": "", "[]": "must be an object; got an array", "3": "must be an object; got a number",
		"null": "must be an object; got null", `"a"`: "must be an object; got a string", "true": "must be an object; got a boolean"} {
		object, err := strictjson.DecodeObject([]byte(text))
		switch {
		case want == "" && (err != nil || object == nil):
			t.Errorf("DecodeObject(%q) = %v, %v", text, object, err)
		case want != "" && (err == nil || !strings.HasSuffix(err.Error(), want)):
			t.Errorf("DecodeObject(%q): %v, want %s", text, err, want)
		}
	}
}

// A decoded string must not keep a large text in memory, and must not change
// when the text changes that it was decoded from.
func TestDecodeKeepsNothingOfTheText(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, 100_000} {
		text := []byte(`{"key":"` + strings.Repeat("x", size) + `","n":123}`)
		value, err := strictjson.DecodeObject(text)
		if err != nil {
			t.Fatal(err)
		}
		for i := range text {
			text[i] = '!'
		}
		if value["n"] != json.Number("123") || value["key"] != strings.Repeat("x", size) {
			t.Errorf("at %d: the value has changed with its text", size)
		}
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{`1`: 0, `[]`: 1, `{"a":1}`: 1, `[[],{"a":[1]}]`: 3} {
		value, err := strictjson.Decode([]byte(text))
		if got := strictjson.Depth(value); err != nil || got != want {
			t.Errorf("Depth(%s) = %d, want %d", text, got, want)
		}
	}
}

// The suite's y_ texts must be accepted and its n_ texts refused; for i_ texts
// each parser decides. Our limits of depth and exponents refuse no y_ text.
func TestSuite(t *testing.T) {
	t.Parallel()
	for _, text := range peers.JSONTexts(t) {
		name, raw := text.Name, text.Data
		value, err := strictjson.Decode(raw)
		if check := strictjson.Check(raw); (check == nil) != (err == nil) {
			t.Errorf("%s: Decode says %v, Check %v", name, err, check)
		}
		switch {
		case name[0] == 'y' && err != nil:
			if name == "y_object_duplicated_key.json" || name == "y_object_duplicated_key_and_value.json" {
				continue // two values for one key: readers differ about which one counts
			}
			t.Errorf("%s is refused: %v", name, err)
		case name[0] == 'n' && err == nil:
			t.Errorf("%s is read as %v", name, value)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"x\u00e9\ud83d\ude00",null,true]}`, `[[[]]]`, `"\ud800"`, `-0.0e-0`, "\xff", `{"a":1,"a":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		value, err := strictjson.Decode(raw)
		if check := strictjson.Check(raw); fmt.Sprint(check) != fmt.Sprint(err) {
			t.Fatalf("Decode says %v, Check %v", err, check)
		}
		if err != nil {
			var syntax *strictjson.SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Offset > len(raw) {
				t.Fatalf("%#v", err)
			}
			return
		}
		// The standard library decodes the same value.
		var want any
		decoder := json.NewDecoder(strings.NewReader(string(raw)))
		decoder.UseNumber()
		if err := decoder.Decode(&want); err != nil || !reflect.DeepEqual(value, want) {
			t.Fatalf("%q: %#v, the standard library has %#v, %v", raw, value, want, err)
		}
	})
}

var benchText = []byte(`{"url":"http://example.com/a/b?c=d","method":"GET","headers":{"Accept":"application/json","X-Id":"é\n"},"json":{"items":[1,2,3,{"a":"b"}],"price":1.25}}`)

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(benchText)))
	for b.Loop() {
		if _, err := strictjson.Decode(benchText); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(benchText)))
	for b.Loop() {
		if err := strictjson.Check(benchText); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStandard measures the standard library, which checks less.
func BenchmarkStandard(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(benchText)))
	for b.Loop() {
		var value any
		decoder := json.NewDecoder(strings.NewReader(string(benchText)))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleDecode() {
	_, err := strictjson.Decode([]byte("{\n  \"timeout\": 1e10000000\n}"))
	fmt.Println(err)
	// Output: line 2, column 14: the exponent of "1e10000000" is out of range; it must be from -400 to 400
}
