package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/chainwright/chainwright/executors/coding"
	"github.com/chainwright/chainwright/executors/delimited"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// table is what all rows of a CSV file share.
type table struct {
	names     []string
	fields    [][]byte // the header as it was written
	mark      bool     // it begins with a byte order mark
	end       string   // of a line
	delimiter byte
	format    Format
}

// csvReader reads records whose cells keep their quotes.
type csvReader struct {
	file  *os.File
	in    *delimited.Reader
	table *table
}

func newCSV(file *os.File, format Format, options Options) (*csvReader, error) {
	r := &csvReader{file: file}
	if err := r.header(format, options); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

func (r *csvReader) header(format Format, options Options) (err error) {
	in := options.Encoding.Reader(bufio.NewReaderSize(r.file, bufferSize))
	r.in, err = delimited.NewReader(in, delimited.Options{Delimiter: options.Delimiter, Converted: !options.Encoding.IsUTF8(), Longest: longest})
	if errors.Is(err, delimited.ErrAmbiguous) {
		return fmt.Errorf("%w; set delimiter", err)
	} else if err != nil {
		return err
	}
	record, err := r.in.Read()
	if err == io.EOF {
		return nil
	}
	var bad *Bad
	if err = failed(err); errors.As(err, &bad) {
		return fmt.Errorf("the header: %s", bad.Reason)
	} else if err != nil {
		return err
	}
	t := &table{mark: r.in.Mark, end: r.in.End, delimiter: r.in.Delimiter, format: format}
	if t.end == "" {
		t.end = "\n"
	}
	seen := map[string]bool{}
	for _, field := range record.Fields {
		name := delimited.Text(field)
		if seen[name] {
			return fmt.Errorf("the header has the column %q twice", name)
		}
		seen[name] = true
		t.names = append(t.names, name)
		t.fields = append(t.fields, bytes.Clone(field))
	}
	r.table = t
	return nil
}

// failed returns a *Bad for a record that can't be read. A file in another
// encoding can't be read at all.
func failed(err error) error {
	var wrong *delimited.Error
	switch {
	case !errors.As(err, &wrong):
		return err
	case wrong.Encoding:
		return fmt.Errorf("%w: set encoding to that of the file, such as windows-1252, latin-1 or utf-16", err)
	}
	return &Bad{wrong.Line, wrong.Reason}
}

// Next reads one record. Empty lines are skipped.
func (r *csvReader) Next(row *Row) error {
	if r.table == nil {
		return io.EOF
	}
	record, err := r.in.Read()
	if err != nil {
		return failed(err)
	}
	if len(record.Fields) != len(r.table.names) {
		return &Bad{record.Line, fmt.Sprintf("it has %d fields, but the header has %d", len(record.Fields), len(r.table.names))}
	}
	*row = Row{Number: record.Line, table: r.table, fields: record.Fields, members: row.members[:0]}
	return nil
}

// Close closes the file.
func (r *csvReader) Close() error { return r.file.Close() }

type csvWriter struct {
	w     *bufio.Writer
	names []string       // of all columns, those that are added last
	place map[string]int // of each name
	end   string
	buf   []byte
	cells [][]byte

	delimiter byte
	again     bool // the fields of the input are written again, with another delimiter
}

func newCSVWriter(w io.Writer, format Format, shape *Shape, added []string) (*csvWriter, error) {
	out := &csvWriter{w: bufio.NewWriterSize(w, bufferSize), place: map[string]int{}, end: "\n", delimiter: shape.Delimiter(format)}
	var header [][]byte
	add := func(name string, written []byte) {
		if _, there := out.place[name]; there {
			return
		}
		out.place[name] = len(out.names)
		out.names, header = append(out.names, name), append(header, written)
	}
	if t := shape.table; t != nil {
		out.end, out.again = t.end, t.delimiter != out.delimiter
		if t.mark {
			out.buf = append(out.buf, coding.Mark...)
		}
		for i, name := range t.names {
			add(name, out.field(t.fields[i]))
		}
	}
	for _, column := range shape.Columns {
		add(column.Name, out.cell(column.Name))
	}
	for _, name := range added {
		add(name, out.cell(name))
	}
	out.cells = make([][]byte, len(out.names))
	_, err := out.w.Write(out.line(header))
	return out, err
}

// line returns a record of fields that are quoted already.
func (w *csvWriter) line(fields [][]byte) []byte {
	for i, field := range fields {
		if i > 0 {
			w.buf = append(w.buf, w.delimiter)
		}
		w.buf = append(w.buf, field...)
	}
	w.buf = append(w.buf, w.end...)
	return w.buf
}

// Write writes one record.
func (w *csvWriter) Write(row *Row, added []Member) error {
	clear(w.cells)
	w.buf = w.buf[:0]
	if row.table != nil {
		for i, field := range row.fields { // the columns of the header come first
			w.cells[i] = w.field(field)
		}
	} else if err := row.Each(func(name string, value json.RawMessage) bool {
		w.cells[w.place[name]] = w.plain(value)
		return true
	}); err != nil {
		return err
	}
	for _, a := range added {
		w.cells[w.place[a.Name]] = w.plain(a.Value)
	}
	_, err := w.w.Write(w.line(w.cells))
	return err
}

// field returns a field of the input as it is written.
func (w *csvWriter) field(field []byte) []byte {
	if w.again {
		return w.cell(delimited.Text(field))
	}
	return field
}

// plain returns a JSON value as a cell: a text without quotes, null as an empty
// cell, any other value as it is written.
func (w *csvWriter) plain(value json.RawMessage) []byte {
	switch {
	case len(value) > 0 && value[0] == '"':
		return w.cell(strictjson.Text(value))
	case string(value) == "null":
		return nil
	}
	return w.cell(string(value))
}

// cell returns a text as a field, in quotes if it needs them.
func (w *csvWriter) cell(s string) []byte { return delimited.AppendField(nil, s, w.delimiter) }

// Close flushes the file.
func (w *csvWriter) Close() error { return w.w.Flush() }
