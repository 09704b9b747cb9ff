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
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// parquetReader reads rows, one row group after the other.
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

// leaf is a column of values, as far as it is one of the table's own.
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
			return fmt.Errorf("behind row %d: %w", r.number, err)
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

// each gives the columns of a row. Those that are null are left out as keys
// of an object would be.
func (r *parquetReader) each(values parquet.Row, fn func(string, json.RawMessage) bool) error {
	for _, v := range values {
		l := r.leaves[v.Column()]
		if l.nested {
			return fmt.Errorf("the column %q is nested: only parquet can hold it, so write to a .parquet file", l.name)
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

// json is a value as JSON.
func (l *leaf) json(v parquet.Value) json.RawMessage {
	var logical format.LogicalTypeValue
	if t := l.node.Type().LogicalType(); t != nil {
		logical = t.Value
	}
	switch t := logical.(type) {
	case *format.DecimalType:
		return decimal(v, int(t.Scale))
	case *format.DateType:
		return quote(time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly))
	case *format.TimestampType:
		return quote(instant(v.Int64(), t.Unit).Format(time.RFC3339Nano))
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
	case parquet.Float:
		return float(float64(v.Float()), 32)
	case parquet.Double:
		return float(v.Double(), 64)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		if utf8.Valid(v.ByteArray()) {
			return quote(string(v.ByteArray()))
		}
		return quote(base64.StdEncoding.EncodeToString(v.ByteArray()))
	}
	return quote(v.String())
}

func float(f float64, bits int) json.RawMessage {
	text := strconv.FormatFloat(f, 'g', -1, bits)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return quote(text)
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

// decimal is an exact decimal number.
func decimal(v parquet.Value, scale int) json.RawMessage {
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
	sign, digits := "", n.String()
	if n.Sign() < 0 {
		sign, digits = "-", digits[1:]
	}
	if scale > 0 {
		if len(digits) <= scale {
			digits = strings.Repeat("0", scale-len(digits)+1) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	return json.RawMessage(sign + digits)
}

// Close closes the file.
func (r *parquetReader) Close() error {
	if r.rows == nil {
		return r.file.Close()
	}
	return errors.Join(r.rows.Close(), r.file.Close())
}
