package backend_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/executors/sql/internal/backend"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestRows(t *testing.T) {
	t.Parallel()
	columns := []backend.Column{{Name: "id"}, {Name: "id"}, {Name: "id_2"}, {Name: "id"}, {Name: ""}, {Name: ""}}
	rows := backend.NewRows(columns, backend.Request{MaxRows: 2, MaxBytes: 1000})
	for range 2 {
		if rows.Full() {
			t.Fatal("full too early")
		}
		for i := range columns {
			rows.Value(append(rows.Next(), byte('0'+i)))
		}
		rows.End()
	}
	if rows.Result(columns).Truncated {
		t.Error("truncated without a third row")
	}
	if !rows.Full() || !rows.Result(columns).Truncated {
		t.Error("not full with two rows")
	}
	want := `{"id":0,"id_3":1,"id_2":2,"id_4":3,"":4,"_2":5}`
	if got := string(rows.Result(columns).Rows[0]); got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestRowsStopAtTheirSize(t *testing.T) {
	t.Parallel()
	columns := []backend.Column{{Name: "a"}}
	rows := backend.NewRows(columns, backend.Request{MaxRows: 1000, MaxBytes: 30})
	n := 0
	for ; !rows.Full() && n < 100; n++ {
		rows.Value(backend.AppendString(rows.Next(), "xxxx"))
		rows.End()
	}
	result := rows.Result(columns)
	if len(result.Rows) != 2 || !result.Truncated || n != 3 {
		t.Errorf("%d rows after %d, truncated %v", len(result.Rows), n, result.Truncated)
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{backend.AppendString(nil, "a\"\\\n\x00ä\xff\xe2\x28"), `"a\"\\\n\u0000ä��("`},
		{backend.AppendNumber(nil, "12345678901234567890.10"), `12345678901234567890.10`},
		{backend.AppendNumber(nil, "NaN"), `"NaN"`},
		{backend.AppendNumber(nil, "007"), `"007"`},
		{backend.AppendNumber(nil, "-"), `"-"`},
		{backend.AppendNumber(nil, " 1"), `" 1"`},
		{backend.AppendNumber(nil, strings.Repeat("9", 101)), `"` + strings.Repeat("9", 101) + `"`},
		{backend.AppendFloat(nil, math.Inf(-1)), `"-Infinity"`},
		{backend.AppendFloat(nil, math.NaN()), `"NaN"`},
		{backend.AppendFloat(nil, 1e300), `1e+300`},
		{backend.AppendFloat(nil, 0.1), `0.1`},
		{backend.AppendFloat(nil, 3), `3`},
		{backend.AppendBytes(nil, []byte{0, 255}), `{"base64":"AP8="}`},
		{backend.AppendJSON(nil, []byte(` {"b": 1.10, "a": [ ]}`)), `{"b":1.10,"a":[]}`},
		{backend.AppendJSON(nil, []byte(`{"a":1,"a":2}`)), `"{\"a\":1,\"a\":2}"`},
		{backend.AppendTimestamp(nil, "2026-01-02 03:04:05.600000"), `"2026-01-02T03:04:05.600000"`},
		{backend.AppendTimestamp(nil, "2026-01-02 03:04:05+00"), `"2026-01-02T03:04:05Z"`},
		{backend.AppendTimestamp(nil, "2026-01-02 03:04:05+05:30"), `"2026-01-02T03:04:05+05:30"`},
		{backend.AppendTimestamp(nil, "infinity"), `"infinity"`},
		{backend.AppendTimestamp(nil, "0044-03-15 00:00:00 BC"), `"0044-03-15 00:00:00 BC"`},
		{backend.AppendTimestamp(nil, "2026-01-02 03:04:05-03"), `"2026-01-02T03:04:05-03:00"`},
		{backend.AppendStructure(nil, `{"b": 1.10}`), `{"b":1.10}`},
		{backend.AppendStructure(nil, `"a"`), `"\"a\""`},
		{backend.AppendStructure(nil, "1"), `"1"`},
		{backend.AppendStructure(nil, "no json"), `"no json"`},
		{backend.AppendStructure(nil, `{"base64": "AP8="}`), `"{\"base64\": \"AP8=\"}"`},
	} {
		if string(c.got) != c.want {
			t.Errorf("got %s; want %s", c.got, c.want)
		}
	}
}

func TestParamText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   any
		want string
		ok   bool
	}{
		{nil, "", false}, {"a", "a", true}, {json.Number("1.50"), "1.50", true}, {true, "true", true},
		{[]any{json.Number("1"), "a"}, "", false}, {map[string]any{"a": nil}, "", false},
	} {
		got, ok := backend.ParamText(c.in)
		if diff := cmp.Diff(c.want, got); diff != "" || ok != c.ok {
			t.Errorf("%v: %s %v", c.in, diff, ok)
		}
	}
}

// FuzzAppend checks that any value of a database becomes valid JSON.
func FuzzAppend(f *testing.F) {
	for _, seed := range []string{"", "1", "1e999", `{"a":1}`, "\xff", "2026-01-02 03:04:05", "NaN", "-0.0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, got := range [][]byte{
			backend.AppendString(nil, text), backend.AppendNumber(nil, text), backend.AppendJSON(nil, []byte(text)),
			backend.AppendTimestamp(nil, text), backend.AppendBytes(nil, []byte(text)), backend.AppendStructure(nil, text),
		} {
			if err := strictjson.Check(got); err != nil {
				t.Fatalf("%q became %s: %v", text, got, err)
			}
		}
	})
}
