package rows

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Kind is the common type of a column's values.
type Kind uint8

// The kinds. A column is text if its kinds are mixed, or if 64 bits can't hold its
// numbers exactly as written.
const (
	Nothing Kind = iota
	Text
	Whole
	Truth
	Structure
)

// mostColumns bounds the columns of a table.
const mostColumns = 10_000

// Column is one column of a table.
type Column struct {
	Name string
	Kind Kind
}

// Shape is the columns of a table that was read once. Create needs it.
type Shape struct {
	Columns []Column

	place   map[string]int
	table   *table
	parquet *parquetReader
}

// NewShape returns a shape with the columns that the file itself declares.
func NewShape(r Reader) *Shape {
	s := &Shape{place: map[string]int{}}
	switch r := r.(type) {
	case *csvReader:
		if s.table = r.table; r.table != nil {
			for _, name := range r.table.names {
				s.add(name, Text)
			}
		}
	case *parquetReader:
		if r.in != nil {
			s.parquet = r
			for _, l := range r.leaves {
				s.add(l.name, Nothing)
			}
		}
	}
	return s
}

// Delimiter returns the delimiter of a table that is written: a tab in TSV, in CSV
// that of the CSV input, or a comma.
func (s *Shape) Delimiter(format Format) byte {
	switch {
	case format == TSV:
		return '\t'
	case s.table != nil && s.table.format == CSV:
		return s.table.delimiter
	}
	return ','
}

// Has reports whether there is a column with a name.
func (s *Shape) Has(name string) bool {
	_, has := s.place[name]
	return has
}

// Names returns the names of the columns.
func (s *Shape) Names() []string {
	names := make([]string, len(s.Columns))
	for i, column := range s.Columns {
		names[i] = column.Name
	}
	return names
}

// Take adds one row to the shape.
func (s *Shape) Take(row *Row) error {
	if row.table != nil { // its columns are known, and texts
		return nil
	}
	if row.file != nil {
		return s.flat(row)
	}
	for _, m := range row.members {
		s.add(m.name, kindOf(m.value))
		if len(s.Columns) > mostColumns {
			return fmt.Errorf("the table has more than %d columns", mostColumns)
		}
	}
	return nil
}

// flat adds a row of a parquet file. It refuses nested values if they have to be
// written in another format.
func (s *Shape) flat(row *Row) error {
	for _, v := range row.values {
		l := row.file.leaves[v.Column()]
		if !l.nested && !v.IsNull() {
			s.add(l.name, kindOf(l.json(v)))
		}
	}
	return nil
}

func (s *Shape) add(name string, kind Kind) {
	at, known := s.place[name]
	if !known {
		at = len(s.Columns)
		s.place[name] = at
		s.Columns = append(s.Columns, Column{Name: name})
	}
	column := &s.Columns[at]
	switch {
	case kind == Nothing || kind == column.Kind:
	case column.Kind == Nothing:
		column.Kind = kind
	default:
		column.Kind = Text
	}
}

func kindOf(value json.RawMessage) Kind {
	switch value[0] {
	case '"':
		return Text
	case '{', '[':
		return Structure
	case 't', 'f':
		return Truth
	case 'n':
		return Nothing
	}
	if n, err := strconv.ParseInt(string(value), 10, 64); err == nil && strconv.FormatInt(n, 10) == string(value) {
		return Whole
	}
	return Text
}
