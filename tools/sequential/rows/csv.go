package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// table is what all rows of a csv share.
type table struct {
	names  []string
	fields [][]byte // the header as it was written
	mark   bool     // it begins with a byte order mark
	end    string   // of a line
}

// csvReader reads records without decoding them, so that what is only passed
// through keeps its quotes too.
type csvReader struct {
	file *os.File
	lines
	table  *table
	record []byte
	fields [][]byte
}

func newCSV(file *os.File) (*csvReader, error) {
	r := &csvReader{file: file, lines: lines{r: bufio.NewReaderSize(file, bufferSize)}}
	if err := r.header(); err != nil {
		return nil, fmt.Errorf("%w (and closing: %w)", err, file.Close())
	}
	return r, nil
}

func (r *csvReader) header() error {
	_, reason, err := r.read()
	switch {
	case err == io.EOF:
		return nil
	case err != nil:
		return err
	case reason != "":
		return fmt.Errorf("the header: %s", reason)
	}
	t := &table{end: "\n"}
	if bytes.HasSuffix(r.record, []byte("\r\n")) {
		t.end = "\r\n"
	}
	seen := map[string]bool{}
	for i, field := range r.fields {
		if i == 0 && bytes.HasPrefix(field, utf8Mark) {
			t.mark, field = true, field[len(utf8Mark):]
		}
		name := text(field)
		if seen[name] {
			return fmt.Errorf("the header: the column %q is there twice", name)
		}
		seen[name] = true
		t.names = append(t.names, name)
		t.fields = append(t.fields, bytes.Clone(field))
	}
	r.table = t
	return nil
}

// Next reads one record. Empty lines are none.
func (r *csvReader) Next(row *Row) error {
	if r.table == nil {
		return io.EOF
	}
	number, reason, err := r.read()
	if err != nil {
		return err
	}
	if reason == "" && len(r.fields) != len(r.table.names) {
		reason = fmt.Sprintf("it has %d fields and the header %d", len(r.fields), len(r.table.names))
	}
	if reason != "" {
		return &Bad{number, reason}
	}
	*row = Row{Number: number, table: r.table, fields: r.fields, members: row.members[:0]}
	return nil
}

// read reads the lines of one record and splits it; reason says why it is bad.
func (r *csvReader) read() (number int, reason string, err error) {
	r.record = r.record[:0]
	for {
		line, tooLong, err := r.next()
		if err != nil {
			if err == io.EOF && len(r.record) > 0 {
				return number, "a quoted field is never closed", nil
			}
			return number, "", err
		}
		if len(r.record) == 0 {
			if len(bytes.TrimRight(line, "\r\n")) == 0 {
				continue
			}
			number = r.number
		}
		if tooLong || len(r.record)+len(line) > longest {
			return number, fmt.Sprintf("it is longer than %d MiB", longest>>20), nil
		}
		r.record = append(r.record, line...)
		if bytes.Count(r.record, []byte{'"'})%2 == 0 {
			reason = r.split(bytes.TrimRight(r.record, "\r\n"))
			return number, reason, nil
		}
	}
}

// split finds the fields of a record.
func (r *csvReader) split(record []byte) (reason string) {
	r.fields = r.fields[:0]
	for {
		n := bytes.IndexByte(record, ',')
		start := 0
		if bytes.HasPrefix(record, utf8Mark) {
			start = len(utf8Mark)
		}
		if len(record) > start && record[start] == '"' {
			n = closing(record, start)
			if n < len(record) && record[n] != ',' {
				return fmt.Sprintf("behind the closing quote of field %d there is more", len(r.fields)+1)
			}
			if n == len(record) {
				n = -1
			}
		}
		if n < 0 {
			r.fields = append(r.fields, record)
			return ""
		}
		r.fields = append(r.fields, record[:n])
		record = record[n+1:]
	}
}

// closing is the place behind the quote that ends a field.
func closing(record []byte, start int) int {
	for i := start + 1; i < len(record); i++ {
		if record[i] != '"' {
			continue
		}
		if i+1 < len(record) && record[i+1] == '"' {
			i++
			continue
		}
		return i + 1
	}
	return len(record)
}

// text is what a field says.
func text(field []byte) string {
	s := string(field)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.ReplaceAll(s[1:len(s)-1], `""`, `"`)
	}
	return strings.ToValidUTF8(s, "\uFFFD")
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
}

func newCSVWriter(w io.Writer, shape *Shape, added []string) (*csvWriter, error) {
	out := &csvWriter{w: bufio.NewWriterSize(w, bufferSize), place: map[string]int{}, end: "\n"}
	var header [][]byte
	add := func(name string, written []byte) {
		if _, there := out.place[name]; there {
			return
		}
		out.place[name] = len(out.names)
		out.names, header = append(out.names, name), append(header, written)
	}
	if t := shape.table; t != nil {
		out.end = t.end
		if t.mark {
			out.buf = append(out.buf, utf8Mark...)
		}
		for i, name := range t.names {
			add(name, t.fields[i])
		}
	}
	for _, column := range shape.Columns {
		add(column.Name, cell(column.Name))
	}
	for _, name := range added {
		add(name, cell(name))
	}
	out.cells = make([][]byte, len(out.names))
	_, err := out.w.Write(out.line(header))
	return out, err
}

// line is a record of fields as they are written.
func (w *csvWriter) line(fields [][]byte) []byte {
	for i, field := range fields {
		if i > 0 {
			w.buf = append(w.buf, ',')
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
		copy(w.cells, row.fields) // the columns of the header come first
	} else if err := row.Each(func(name string, value json.RawMessage) bool {
		w.cells[w.place[name]] = plain(value)
		return true
	}); err != nil {
		return err
	}
	for _, a := range added {
		w.cells[w.place[a.Name]] = plain(a.Value)
	}
	_, err := w.w.Write(w.line(w.cells))
	return err
}

// plain is a JSON value as a field: texts without quotes, null as nothing,
// everything else as it is written.
func plain(value json.RawMessage) []byte {
	switch {
	case len(value) > 0 && value[0] == '"':
		return cell(unquote(value))
	case string(value) == "null":
		return nil
	}
	return cell(string(value))
}

// cell is a text as a field.
func cell(s string) []byte {
	if s != "" && !strings.ContainsAny(s, "\",\r\n") && s[0] != ' ' && s[len(s)-1] != ' ' {
		return []byte(s)
	}
	if s == "" {
		return nil
	}
	return []byte(`"` + strings.ReplaceAll(s, `"`, `""`) + `"`)
}

// Close writes what is left.
func (w *csvWriter) Close() error { return w.w.Flush() }
