package rows

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Kind is what the values of a column are, all together.
type Kind uint8

// The kinds. Numbers that 64 bits don't hold exactly as they are written are
// texts, and so is a column in which kinds are mixed.
const (
	Nothing Kind = iota
	Text
	Whole
	Truth
	Structure
)

// mostColumns bounds how many columns a table may have.
const mostColumns = 10_000

// Column is one column of a table.
type Column struct {
	Name string
	Kind Kind
}

// Shape is what is known of a table once it was read: Create needs it.
type Shape struct {
	Columns []Column

	place   map[string]int
	table   *table
	parquet *parquetReader
}

// NewShape begins a shape with what the reader's file says of itself.
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

// Has reports whether there is a column of a name.
func (s *Shape) Has(name string) bool {
	_, has := s.place[name]
	return has
}

// Names are those of the columns.
func (s *Shape) Names() []string {
	names := make([]string, len(s.Columns))
	for i, column := range s.Columns {
		names[i] = column.Name
	}
	return names
}

// Take takes one row into the shape.
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
			return fmt.Errorf("there are over %d columns", mostColumns)
		}
	}
	return nil
}

// flat takes a row of a parquet file. What is nested counts only where it has
// to be written in another format, and is refused then.
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
