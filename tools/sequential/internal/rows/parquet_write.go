package rows

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"

	"github.com/chainwright/chainwright/executors/strictjson"
)

const (
	// groupRows and groupBytes bound a row group, which is in memory until it is
	// written.
	groupRows  = 20_000
	groupBytes = 16 << 20
)

// ordered is a group whose fields keep their order; the library's own group sorts
// them by name.
type ordered struct {
	parquet.Node
	fields []parquet.Field
}

// Fields returns the fields in order.
func (o *ordered) Fields() []parquet.Field { return o.fields }

// plainDictionary is the encoding PLAIN_DICTIONARY, which older writers name for
// dictionaries.
const plainDictionary format.Encoding = 2

// recoded is a field of the input with an encoding and a compression of our own.
// Those that a file names may be of its levels, or can't be written.
type recoded struct{ parquet.Field }

// Encoding returns RLE_DICTIONARY where the input has a dictionary, else PLAIN.
func (f recoded) Encoding() encoding.Encoding {
	switch from := f.Field.Encoding(); {
	case !f.Leaf():
		return nil
	case from != nil && (from.Encoding() == format.RLEDictionary || from.Encoding() == plainDictionary):
		return &parquet.RLEDictionary
	}
	return &parquet.Plain
}

// Compression returns nil, for that of the writer.
func (f recoded) Compression() compress.Codec { return nil }

// Fields returns the fields of a structure.
func (f recoded) Fields() []parquet.Field {
	fields := f.Field.Fields()
	list := make([]parquet.Field, len(fields))
	for i, field := range fields {
		list[i] = recoded{field}
	}
	return list
}

type parquetWriter struct {
	w *parquet.Writer //nolint:staticcheck // the typed one needs a Go type; columns are known at run time
	// from is the file whose rows come as they are: to gives the new place
	// of each of its columns, -1 for those that are replaced.
	from   *parquetReader
	to     []int
	place  map[string]int  // of each column that is written anew
	kinds  map[string]Kind // of those
	width  int
	row    parquet.Row
	values []parquet.Value
	rows   int
	bytes  int
}

func newParquetWriter(w io.Writer, shape *Shape, added []string) (*parquetWriter, error) {
	out := &parquetWriter{place: map[string]int{}, kinds: map[string]Kind{}}
	isAdded := map[string]bool{}
	for _, name := range added {
		isAdded[name] = true
	}
	var fields []parquet.Field
	anew := func(name string, kind Kind) {
		out.place[name], out.kinds[name] = out.width, kind
		fields = append(fields, field(name, kind.node()))
		out.width++
	}
	if from := shape.parquet; from != nil {
		out.from = from
		for _, each := range from.in.Schema().Fields() {
			for range countLeaves(each) {
				if isAdded[each.Name()] {
					out.to = append(out.to, -1)
					continue
				}
				out.to = append(out.to, out.width)
				out.width++
			}
			if !isAdded[each.Name()] {
				fields = append(fields, recoded{each})
			}
		}
	} else {
		for _, column := range shape.Columns {
			if !isAdded[column.Name] {
				anew(column.Name, column.Kind)
			}
		}
	}
	for _, name := range added {
		anew(name, Text)
	}
	schema := parquet.NewSchema("rows", &ordered{parquet.Group{}, fields})
	out.w = parquet.NewWriter(w, schema, parquet.Compression(&parquet.Snappy), parquet.PageBufferSize(64<<10))
	out.values = make([]parquet.Value, out.width)
	return out, nil
}

// field is a node with a name.
func field(name string, node parquet.Node) parquet.Field {
	return parquet.Group{name: node}.Fields()[0]
}

// node returns the column type for a kind of values.
func (k Kind) node() parquet.Node {
	switch k {
	case Whole:
		return parquet.Optional(parquet.Int(64))
	case Truth:
		return parquet.Optional(parquet.Leaf(parquet.BooleanType))
	case Structure:
		return parquet.Optional(parquet.JSON())
	}
	return parquet.Optional(parquet.String())
}

// Write writes one row.
func (w *parquetWriter) Write(row *Row, added []Member) error {
	w.row = w.row[:0]
	clear(w.values)
	if row.file != nil && w.from != nil {
		for _, v := range row.values { // in the order of the columns
			if to := w.to[v.Column()]; to >= 0 {
				w.row = append(w.row, v.Level(v.RepetitionLevel(), v.DefinitionLevel(), to))
				w.bytes += 8
				if v.Kind() == parquet.ByteArray {
					w.bytes += len(v.ByteArray())
				}
			}
		}
	} else if err := w.convert(row); err != nil {
		return err
	}
	for _, a := range added {
		if err := w.set(a.Name, a.Value); err != nil {
			return err
		}
	}
	first := 0
	if w.from != nil {
		first = w.width - len(w.place)
	}
	for i := first; i < w.width; i++ {
		v, level := w.values[i], 1
		if v.IsNull() {
			level = 0
		}
		w.row = append(w.row, v.Level(0, level, i))
	}
	if _, err := w.w.WriteRows([]parquet.Row{w.row}); err != nil {
		return err
	}
	if w.rows++; w.rows < groupRows && w.bytes < groupBytes {
		return nil
	}
	w.rows, w.bytes = 0, 0
	return w.w.Flush()
}

func (w *parquetWriter) convert(row *Row) error {
	var failed error
	err := row.Each(func(name string, value json.RawMessage) bool {
		failed = w.set(name, value)
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// set sets a value of the current row.
func (w *parquetWriter) set(name string, value json.RawMessage) error {
	place, known := w.place[name]
	if !known {
		return fmt.Errorf("the column %q is new: the input was changed while it was read", name)
	}
	w.bytes += len(value)
	if string(value) == "null" {
		return nil
	}
	switch w.kinds[name] {
	case Whole:
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return fmt.Errorf("the column %q: the input was changed while it was read: %w", name, err)
		}
		w.values[place] = parquet.Int64Value(n)
	case Truth:
		w.values[place] = parquet.BooleanValue(string(value) == "true")
	case Structure:
		w.values[place] = parquet.ByteArrayValue(value)
	default:
		text := string(value)
		if len(value) > 0 && value[0] == '"' {
			text = strictjson.Text(value)
		}
		w.values[place] = parquet.ByteArrayValue([]byte(text))
	}
	return nil
}

// Close writes the last row group and the end of the file.
func (w *parquetWriter) Close() error { return w.w.Close() }
