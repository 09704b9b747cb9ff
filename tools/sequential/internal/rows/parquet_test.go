package rows_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/chainwright/chainwright/tools/sequential/internal/rows"
)

// TestThroughParquet checks that values do not change when they are written to
// parquet and read again.
func TestThroughParquet(t *testing.T) {
	t.Parallel()
	lines := "{\"z\":\"00123\",\"n\":42,\"d\":3.14159265358979323846264338327950288,\"t\":true,\"o\":{\"b\":[1, 2]}}\n{\"n\":-1,\"e\":\"é\"}\n"
	dir := t.TempDir()
	in := write(t, "in.jsonl", lines)
	there := filepath.Join(dir, "there.parquet")
	pass(t, in, there, answer)
	again := filepath.Join(dir, "again.parquet")
	more := []rows.Member{{Name: "more", Value: json.RawMessage(`"x"`)}, {Name: "answer", Value: json.RawMessage("null")}}
	pass(t, there, again, more)
	got, bad := pass(t, again, filepath.Join(dir, "back.jsonl"), nil)
	want := `{"z":"00123","n":42,"d":"3.14159265358979323846264338327950288","t":true,"o":"{\"b\":[1, 2]}","more":"x"}` + "\n" + `{"n":-1,"e":"é","more":"x"}` + "\n"
	if got != want || bad != nil {
		t.Errorf("got  %s\nwant %s\nbad %q", got, want, bad)
	}
}

// TestParquetPassthrough checks that the columns of a parquet file, also nested
// ones, keep their order, types and values over several row groups.
func TestParquetPassthrough(t *testing.T) {
	t.Parallel()
	type inner struct {
		B string  `parquet:"b"`
		A []int64 `parquet:"a,list"`
	}
	type row struct {
		Z     string   `parquet:"z"`
		Day   int32    `parquet:"day,date"`
		Price int64    `parquet:"price,decimal(2:18)"`
		Maybe *float64 `parquet:"maybe,optional"`
		In    inner    `parquet:"in"`
		Tags  []string `parquet:"tags"`
	}
	in, out := filepath.Join(t.TempDir(), "in.parquet"), filepath.Join(t.TempDir(), "out.parquet")
	var want []row
	file, err := os.Create(in)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[row](file, parquet.MaxRowsPerRowGroup(100))
	for i := range 450 {
		half := float64(i) / 2
		r := row{Z: fmt.Sprintf("%05d", i), Day: int32(i), Price: int64(i) * 7, In: inner{fmt.Sprint("b", i), make([]int64, i%3)}, Tags: make([]string, i%4)}
		if i%2 == 0 {
			r.Maybe = &half
		}
		want = append(want, r)
	}
	if _, err := w.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	pass(t, in, out, answer)

	got, before := values(t, out), values(t, in)
	if len(got) != 450 || len(before) != 450 {
		t.Fatalf("%d rows of %d", len(got), len(before))
	}
	for i := range got {
		last := len(got[i]) - 1
		if !got[i][:last].Equal(before[i]) || got[i][last].String() != `yes, "it" is` {
			t.Fatalf("row %d is %+v, was %+v", i, got[i], before[i])
		}
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	read, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range read.Schema().Fields() {
		names = append(names, f.Name())
	}
	if strings.Join(names, " ") != "z day price maybe in tags answer" {
		t.Errorf("the columns are %q", names)
	}
	r, err := rows.Open(in, rows.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var first rows.Row
	if err := r.Next(&first); err != nil {
		t.Fatal(err)
	}
	if price, err := first.Get("price"); err != nil || string(price) != "0.00" {
		t.Errorf("price is %s, %v", price, err)
	}
	if day, err := first.Get("day"); err != nil || string(day) != `"1970-01-01"` {
		t.Errorf("day is %s, %v", day, err)
	}
}

// TestParquetEncodings checks that a file can be written whatever encodings its
// columns name, and in whatever order: PLAIN comes with RLE, which is that of
// the levels.
func TestParquetEncodings(t *testing.T) {
	t.Parallel()
	type row struct {
		Text   string    `parquet:"text,plain"`
		Maybe  *string   `parquet:"maybe,optional,plain"`
		Dict   string    `parquet:"dict,dict"`
		Delta  int64     `parquet:"delta,delta"`
		Length string    `parquet:"length,delta"`
		Split  float64   `parquet:"split,split"`
		Truth  bool      `parquet:"truth"`
		Zipped string    `parquet:"zipped,zstd"`
		List   []string  `parquet:"list,list"`
		At     time.Time `parquet:"at,timestamp"`
		ID     [16]byte  `parquet:"id,uuid"`
	}
	text := "naïve"
	var want []row
	for i := range 300 {
		r := row{Text: fmt.Sprint("t", i), Dict: fmt.Sprint(i % 3), Delta: int64(i), Length: "l", Split: 0.5, Truth: i%2 == 0, Zipped: "z", List: make([]string, i%3), At: time.UnixMilli(int64(i)).UTC()}
		if i%2 == 0 {
			r.Maybe = &text
		}
		want = append(want, r)
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, want); err != nil {
		t.Fatal(err)
	}
	for name, order := range map[string][]format.Encoding{
		"as written": nil, "RLE first": {format.RLE, format.Plain}, "levels only": {format.RLE}, "bits": {format.BitPacked, format.Plain, format.RLE},
		"of another type": {format.DeltaBinaryPacked}, "unknown": {99},
	} {
		in, out := filepath.Join(t.TempDir(), "in.parquet"), filepath.Join(t.TempDir(), "out.parquet")
		if err := os.WriteFile(in, named(t, b.Bytes(), order), 0o600); err != nil {
			t.Fatal(err)
		}
		pass(t, in, out, answer)
		before, after := values(t, in), values(t, out)
		if len(after) != len(want) {
			t.Fatalf("%s: %d rows", name, len(after))
		}
		for i := range after {
			if last := len(after[i]) - 1; !after[i][:last].Equal(before[i]) {
				t.Fatalf("%s: row %d is %+v, was %+v", name, i, after[i], before[i])
			}
		}
	}
}

// named returns a parquet file whose columns name other encodings.
func named(t *testing.T, data []byte, encodings []format.Encoding) []byte {
	t.Helper()
	if encodings == nil {
		return data
	}
	end := len(data) - 8
	start := end - int(binary.LittleEndian.Uint32(data[end:]))
	var meta format.FileMetaData
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), data[start:end], &meta); err != nil {
		t.Fatal(err)
	}
	for _, group := range meta.RowGroups {
		for i := range group.Columns {
			group.Columns[i].MetaData.Encoding = encodings
		}
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), meta)
	if err != nil {
		t.Fatal(err)
	}
	out := append(bytes.Clone(data[:start]), footer...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(footer))), "PAR1"...)
}

// TestParquetTypes checks how values of each type are written as JSON.
func TestParquetTypes(t *testing.T) {
	t.Parallel()
	type row struct {
		Truth   bool             `parquet:"truth"`
		Small   int8             `parquet:"small"`
		Whole   uint64           `parquet:"whole"`
		Single  float32          `parquet:"single"`
		Double  float64          `parquet:"double"`
		Day     int32            `parquet:"day,date"`
		Price   int64            `parquet:"price,decimal(2:18)"`
		Clock   int64            `parquet:"clock,time(microsecond)"`
		UTC     int64            `parquet:"utc,timestamp(millisecond)"`
		Local   int64            `parquet:"local,timestamp(microsecond:local)"`
		Old     deprecated.Int96 `parquet:"old"`
		ID      [16]byte         `parquet:"id,uuid"`
		Bytes   []byte           `parquet:"bytes"`
		Nothing *string          `parquet:"nothing,optional"`
	}
	nanos := uint64(3_723_004_000_000) // 01:02:03.004
	in := filepath.Join(t.TempDir(), "in.parquet")
	if err := parquet.WriteFile(in, []row{{
		Truth: true, Small: -3, Whole: math.MaxUint64, Single: 0.1, Double: 90.5, Day: 19723, Price: -1234, Clock: 3_723_004_000,
		UTC: 1_704_067_200_123, Local: 1_704_067_200_000_001, Old: deprecated.Int96{uint32(nanos), uint32(nanos >> 32), 2_460_311},
		ID: [16]byte{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8}, Bytes: []byte{0xff, 0},
	}}); err != nil {
		t.Fatal(err)
	}
	got, bad := pass(t, in, filepath.Join(t.TempDir(), "out.jsonl"), nil)
	want := `{"truth":true,"small":-3,"whole":18446744073709551615,"single":0.1,"double":90.5,"day":"2024-01-01","price":-12.34,"clock":"01:02:03.004",` +
		`"utc":"2024-01-01T00:00:00.123Z","local":"2024-01-01T00:00:00.000001","old":"2024-01-01T01:02:03.004Z","id":"12345678-9abc-def0-0102-030405060708","bytes":"/wA="}` + "\n"
	if got != want || bad != nil {
		t.Errorf("got  %s\nwant %s\n%q", got, want, bad)
	}
}

// values returns the rows of a parquet file.
func values(t *testing.T, path string) (list []parquet.Row) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := parquet.NewReader(bytes.NewReader(data))
	defer r.Close()
	for {
		one := make([]parquet.Row, 1)
		n, err := r.ReadRows(one)
		if n == 1 {
			list = append(list, one[0].Clone())
		}
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
