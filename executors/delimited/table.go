package delimited

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// maxColumns is the largest number of columns of a Table: each row becomes an
// object with all of them.
const maxColumns = 16_384

// Shape says what the rows of a Table are. The zero Shape is all columns as text.
type Shape struct {
	// NoHeader means that the first record is a row, and that Columns are the
	// names of all columns.
	NoHeader bool
	// Columns are the columns of a row, in this order.
	Columns []string
	// Types are the types of columns by name: text, integer, number or boolean.
	// An empty cell is null, except in text.
	Types map[string]string
}

// Table reads records as JSON objects, with the first record's cells as keys.
type Table struct {
	// Columns are the columns of a row in order, nil if the table is empty.
	Columns []string
	// Warning says why the delimiter may be another one; usually empty.
	Warning string

	in    *Reader
	width int      // of a record
	keys  [][]byte // of the columns: name and colon as JSON
	cells []int    // their places in a record
	types []string
	row   []byte
}

// NewTable reads the names of the columns. It returns ErrAmbiguous, an *Error or
// a *FieldError.
func NewTable(r io.Reader, options Options, shape Shape) (*Table, error) {
	in, err := NewReader(r, options)
	if err != nil {
		return nil, err
	}
	t := &Table{in: in}
	names := shape.Columns
	if !shape.NoHeader {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		if names, err = namesOf(record); err != nil {
			return nil, err
		}
	}
	if t.Columns = shape.Columns; t.Columns == nil {
		t.Columns = names
	}
	if options.Delimiter == 0 && len(names) == 1 && strings.ContainsAny(names[0], ":^~#&!/\\§¦\x01\x1e\x1f") {
		t.Warning = fmt.Sprintf("the table has one column, %q; if it has more, set delimiter to what separates them", shorten.Runes(names[0], 100))
	}
	t.width = len(names)
	return t, t.choose(names, shape.Types)
}

// choose finds the columns to return.
func (t *Table) choose(names []string, types map[string]string) error {
	for _, name := range t.Columns {
		at := slices.Index(names, name)
		if at < 0 {
			return unknown("columns", name, names)
		}
		t.keys = append(t.keys, append(plainjson.AppendString(nil, name), ':'))
		t.cells, t.types = append(t.cells, at), append(t.types, types[name])
	}
	for name := range types {
		if !slices.Contains(names, name) {
			return unknown("types", name, names)
		}
	}
	return nil
}

func unknown(field, name string, names []string) error {
	return &FieldError{field, fmt.Sprintf("the table has no column %q; it has %s", name, shorten.Names(names[:min(len(names), 20)], len(names)))}
}

func namesOf(record Record) (names []string, err error) {
	if len(record.Fields) > maxColumns {
		return nil, &Error{Line: record.Line, Reason: fmt.Sprintf("the first row has %d cells; at most %d are columns", len(record.Fields), maxColumns)}
	}
	known := make(map[string]bool, len(record.Fields))
	for i, field := range record.Fields {
		name := Text(field)
		switch {
		case known[name]:
			return nil, &Error{Line: record.Line, Reason: fmt.Sprintf("two columns have the name %q", name)}
		case name == "" && i == len(record.Fields)-1 && i > 0: // a delimiter at the end of each row
			return names, nil
		}
		known[name] = true
		names = append(names, name)
	}
	return names, nil
}

// Next returns the next row with the columns in order, nil if it is skipped.
// Cells that are missing at the end of a row are empty. It returns io.EOF after
// the last row, and an *Error for one that is wrong.
func (t *Table) Next(skip bool) (json.RawMessage, error) {
	if t.Columns == nil {
		return nil, io.EOF
	}
	record, err := t.in.Read()
	if err != nil {
		return nil, err
	}
	for i := t.width; i < len(record.Fields); i++ {
		if len(record.Fields[i]) > 0 {
			return nil, &Error{Line: record.Line, Reason: fmt.Sprintf("the row has %d cells, and the table has %d columns", len(record.Fields), t.width)}
		}
	}
	if skip {
		return nil, nil
	}
	t.row = append(t.row[:0], '{')
	for i, at := range t.cells {
		text := ""
		if at < len(record.Fields) {
			text = Text(record.Fields[at])
		}
		if i > 0 {
			t.row = append(t.row, ',')
		}
		t.row = append(t.row, t.keys[i]...)
		var ok bool
		if t.row, ok = appendTyped(t.row, text, t.types[i]); !ok {
			return nil, &Error{Line: record.Line, Reason: fmt.Sprintf("column %q: %q is not %s", t.Columns[i], shorten.Runes(text, 100), described[t.types[i]])}
		}
	}
	t.row = append(t.row, '}')
	return slices.Clone(t.row), nil
}

// described are the types of cells in words.
var described = map[string]string{
	"integer": "an integer, such as 120", "number": "a number, such as 90.5", "boolean": "true or false",
}

// appendTyped appends a cell as JSON. Numbers keep their digits.
func appendTyped(to []byte, text, kind string) ([]byte, bool) {
	if kind == "" || kind == "text" {
		return plainjson.AppendString(to, text), true
	}
	text = strings.TrimSpace(text)
	digits := strings.TrimPrefix(text, "-")
	number := digits != "" && digits[0] >= '0' && digits[0] <= '9' && json.Valid([]byte(text))
	switch {
	case text == "":
		return append(to, "null"...), true
	case kind == "boolean" && (strings.EqualFold(text, "true") || strings.EqualFold(text, "false")):
		return append(to, strings.ToLower(text)...), true
	case kind == "number" && number, kind == "integer" && number && !strings.ContainsAny(text, ".eE"):
		return append(to, text...), true
	}
	return to, false
}
