package rows

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// parquetReader reads the row groups of a file one after the other.
type parquetReader struct {
	file   *os.File
	in     *parquet.File
	leaves []leaf
	groups []parquet.RowGroup
	rows   parquet.Rows
	buf    []parquet.Row
	held   []parquet.Row // what was read and not given yet
	number int
}

// leaf is a column of values; name is empty for a nested one.
type leaf struct {
	name   string
	node   parquet.Node
	nested bool // it is inside of a list or a structure
}

func newParquet(file *os.File) (*parquetReader, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if info.Size() == 0 {
		return &parquetReader{file: file}, nil
	}
	in, err := parquet.OpenFile(file, info.Size(), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading it as parquet: %w", err), file.Close())
	}
	return &parquetReader{file: file, in: in, leaves: leavesOf(in.Schema()), groups: in.RowGroups(), buf: make([]parquet.Row, 128)}, nil
}

func leavesOf(schema *parquet.Schema) []leaf {
	var list []leaf
	for _, field := range schema.Fields() {
		n := countLeaves(field)
		for range n {
			list = append(list, leaf{field.Name(), field, !field.Leaf() || field.Repeated()})
		}
	}
	return list
}

func countLeaves(node parquet.Node) int {
	if node.Leaf() {
		return 1
	}
	n := 0
	for _, field := range node.Fields() {
		n += countLeaves(field)
	}
	return n
}

// Next reads one row.
func (r *parquetReader) Next(row *Row) error {
	for len(r.held) == 0 {
		if r.rows == nil {
			if len(r.groups) == 0 {
				return io.EOF
			}
			r.rows, r.groups = r.groups[0].Rows(), r.groups[1:]
		}
		n, err := r.rows.ReadRows(r.buf)
		r.held = r.buf[:n]
		if err != nil && err != io.EOF {
			return fmt.Errorf("after row %d: %w", r.number, err)
		}
		if n == 0 {
			err := r.rows.Close()
			if r.rows = nil; err != nil {
				return err
			}
		}
	}
	r.number++
	*row = Row{Number: r.number, file: r, values: r.held[0], members: row.members[:0]}
	r.held = r.held[1:]
	return nil
}

// each calls fn with the columns of a row. Null columns are left out, like missing
// keys of an object.
func (r *parquetReader) each(values parquet.Row, fn func(string, json.RawMessage) bool) error {
	for _, v := range values {
		l := r.leaves[v.Column()]
		if l.nested {
			return fmt.Errorf("the column %q is nested: only the format parquet can store it; write to a .parquet file", l.name)
		}
		if v.IsNull() {
			continue
		}
		if !fn(l.name, l.json(v)) {
			return nil
		}
	}
	return nil
}

// json returns a value as JSON.
func (l *leaf) json(v parquet.Value) json.RawMessage {
	var logical format.LogicalTypeValue
	if t := l.node.Type().LogicalType(); t != nil {
		logical = t.Value
	}
	switch t := logical.(type) {
	case *format.DecimalType:
		return decimal(v, t.Scale)
	case *format.DateType:
		return plainjson.Must(time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly))
	case *format.TimestampType:
		if !t.IsAdjustedToUTC { // a time of the clock, in no zone
			return plainjson.Must(instant(v.Int64(), t.Unit).Format("2006-01-02T15:04:05.999999999"))
		}
		return plainjson.Must(instant(v.Int64(), t.Unit).Format(time.RFC3339Nano))
	case *format.TimeType:
		n := v.Int64()
		if v.Kind() == parquet.Int32 {
			n = int64(v.Int32())
		}
		return plainjson.Must(instant(n, t.Unit).Format("15:04:05.999999999"))
	case *format.UUIDType:
		if raw := v.ByteArray(); len(raw) == 16 {
			return plainjson.Must(fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:]))
		}
	case *format.IntType:
		if !t.IsSigned && t.BitWidth == 64 {
			return json.RawMessage(strconv.FormatUint(v.Uint64(), 10))
		}
		if !t.IsSigned {
			return json.RawMessage(strconv.FormatUint(uint64(v.Uint32()), 10))
		}
	}
	switch v.Kind() {
	case parquet.Boolean:
		return json.RawMessage(strconv.FormatBool(v.Boolean()))
	case parquet.Int32:
		return json.RawMessage(strconv.FormatInt(int64(v.Int32()), 10))
	case parquet.Int64:
		return json.RawMessage(strconv.FormatInt(v.Int64(), 10))
	case parquet.Int96: // a time of older writers: the nanoseconds of a Julian day
		n := v.Int96()
		day := time.Unix((int64(n[2])-2440588)*86400, 0).UTC()
		return plainjson.Must(day.Add(time.Duration(uint64(n[1])<<32 | uint64(n[0]))).Format(time.RFC3339Nano))
	case parquet.Float:
		return float(float64(v.Float()), 32)
	case parquet.Double:
		return float(v.Double(), 64)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		if utf8.Valid(v.ByteArray()) {
			return plainjson.Must(string(v.ByteArray()))
		}
		return plainjson.Must(base64.StdEncoding.EncodeToString(v.ByteArray()))
	}
	return plainjson.Must(v.String())
}

func float(f float64, bits int) json.RawMessage {
	text := strconv.FormatFloat(f, 'g', -1, bits)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return plainjson.Must(text)
	}
	return json.RawMessage(text)
}

func instant(n int64, unit format.TimeUnit) time.Time {
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		return time.UnixMilli(n).UTC()
	case *format.MicroSeconds:
		return time.UnixMicro(n).UTC()
	}
	return time.Unix(0, n).UTC()
}

// decimal returns an exact decimal number as JSON.
func decimal(v parquet.Value, scale int32) json.RawMessage {
	n := new(big.Int)
	switch v.Kind() {
	case parquet.Int32:
		n.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		n.SetInt64(v.Int64())
	default:
		raw := v.ByteArray()
		n.SetBytes(raw)
		if len(raw) > 0 && raw[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
		}
	}
	form := byte('f')
	if scale > 1000 || scale < -1000 { // written out, it could fill the memory
		form = 'g'
	}
	return json.RawMessage(apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(n), -scale).Text(form))
}

// Close closes the file.
func (r *parquetReader) Close() error {
	if r.rows == nil {
		return r.file.Close()
	}
	return errors.Join(r.rows.Close(), r.file.Close())
}
