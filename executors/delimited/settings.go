package delimited

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Settings are the inputs of an executor that say how CSV is read.
type Settings struct {
	Delimiter string            `json:"delimiter"`
	Header    *bool             `json:"header"`
	Columns   []string          `json:"columns"`
	Types     map[string]string `json:"types"`
}

// FieldError is a field of Settings that is wrong, also for a given table.
type FieldError struct {
	Field  string
	Reason string
}

// Error returns the field and the reason.
func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

// Given returns the name of a field that is set, empty if none is.
func (s *Settings) Given() string {
	switch {
	case s.Delimiter != "":
		return "delimiter"
	case s.Header != nil && !*s.Header:
		return "header"
	case s.Columns != nil:
		return "columns"
	case s.Types != nil:
		return "types"
	}
	return ""
}

// Shape returns how the rows are read. It returns a *FieldError.
func (s *Settings) Shape() (Options, Shape, error) {
	shape := Shape{NoHeader: s.Header != nil && !*s.Header, Columns: s.Columns, Types: s.Types}
	delimiter, err := Parse(s.Delimiter)
	if err != nil {
		return Options{}, shape, &FieldError{"delimiter", err.Error()}
	}
	if shape.NoHeader && len(s.Columns) == 0 {
		return Options{}, shape, &FieldError{"columns", "it is required without a header: the names of the columns"}
	}
	return Options{Delimiter: delimiter}, shape, nil
}

// Rows reads a text as a JSON array of its rows, of at most room bytes.
// converted is that of Options. It returns a *FieldError or an *Error.
func (s *Settings) Rows(text string, converted bool, room int) (rows json.RawMessage, table *Table, err error) {
	options, shape, err := s.Shape()
	if err != nil {
		return nil, nil, err
	}
	options.Converted = converted
	table, err = NewTable(strings.NewReader(text), options, shape)
	if errors.Is(err, ErrAmbiguous) {
		err = &FieldError{"delimiter", ErrAmbiguous.Error() + "; set it"}
	}
	if err != nil {
		return nil, nil, err
	}
	b := bytes.NewBufferString("[")
	for {
		row, err := table.Next(false)
		if errors.Is(err, io.EOF) {
			b.WriteByte(']')
			return b.Bytes(), table, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if b.Len()+len(row)+2 > room {
			return nil, nil, &FieldError{"columns", fmt.Sprintf("the rows are longer as JSON than %d bytes; choose columns", room)}
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(row)
	}
}

// FieldOf returns the field of a *FieldError, else an empty string.
func FieldOf(err error) string {
	var wrong *FieldError
	if errors.As(err, &wrong) {
		return wrong.Field
	}
	return ""
}
