package postgres

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestAppendArray(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		array uint32
		want  string
	}{
		{"{}", pgtype.TextArrayOID, `[]`},
		{`{a,"b c","\"","\\",NULL,"NULL",""}`, pgtype.TextArrayOID, `["a","b c","\"","\\",null,"NULL",""]`},
		{"{{1,2},{3,NULL}}", pgtype.Int4ArrayOID, `[[1,2],[3,null]]`},
		{"{(1,1),(0,0);NULL}", pgtype.BoxArrayOID, `["(1,1),(0,0)",null]`},
		{`{"[1]","{\"a\": 1}"}`, pgtype.JSONBArrayOID, `[[1],{"a":1}]`},
		{"[2:3]={t,f}", pgtype.BoolArrayOID, `[true,false]`},
	} {
		if got, ok := catalog(nil).appendArray(nil, c.text, c.array); !ok || string(got) != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.text, got, ok, c.want)
		}
	}
	for _, text := range []string{"", "{", "{1", "{1,", `{"a`, `{"a\`, "{1}x", "{1 2", "{,}", strings.Repeat("{", 50)} {
		if got, ok := catalog(nil).appendArray(nil, text, pgtype.TextArrayOID); ok {
			t.Errorf("%q gave %s", text, got)
		}
	}
}

// FuzzAppendValue checks that any value from a server becomes JSON.
func FuzzAppendValue(f *testing.F) {
	for _, oid := range []uint32{pgtype.TextArrayOID, pgtype.Int4ArrayOID, pgtype.JSONBOID, pgtype.NumericOID, pgtype.TimestamptzOID, pgtype.ByteaOID} {
		for _, seed := range []string{"{1,2}", `{"a":1}`, `{"a"}`, "NaN", `\x00`, "2026-01-02 03:04:05+00", "[0:1]={1,2}"} {
			f.Add(seed, oid)
		}
	}
	f.Fuzz(func(t *testing.T, text string, oid uint32) {
		got := catalog(nil).appendValue(nil, []byte(text), oid)
		if err := strictjson.Check(got); err != nil {
			t.Fatalf("%q of type %d became %s: %v", text, oid, got, err)
		}
	})
}

// FuzzArray checks that an array that is written for the server is read back
// unchanged.
func FuzzArray(f *testing.F) {
	f.Add("a", `b"\`, "{},NULL")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		list := []any{a, nil, b, c}
		text, err := catalog(nil).encodeArray(list, pgtype.TextOID, ',')
		if err != nil {
			t.Fatal(err)
		}
		got, ok := catalog(nil).appendArray(nil, text, pgtype.TextArrayOID)
		if !ok {
			t.Fatalf("%s is not read back", text)
		}
		var back []any
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		for i, want := range list {
			if s, isText := want.(string); isText {
				want = strings.ToValidUTF8(s, "�")
				if strings.ToValidUTF8(s, "") != s {
					continue // each invalid byte is replaced separately
				}
			}
			if back[i] != want {
				t.Fatalf("%q came back as %q", want, back[i])
			}
		}
	})
}
