// Package rows reads and writes tables row by row: jsonl, json, csv and
// parquet, told apart by the file's suffix.
//
// What a row holds is carried as it was written and never decoded on the way,
// so that "00123", a long decimal or a key that isn't there come out as they
// came in. Between two formats it is the value that is kept, and the text of it
// wherever the target has texts.
package rows

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// longest bounds a row; one that goes on is bad.
const longest = 16 << 20

// Member is one column of a row: its name and its value as JSON text.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Row is what one row holds. It is good until the next one is read.
type Row struct {
	// Number is the line where it begins, in text formats; else its place.
	Number int

	object  []byte   // of a JSON object: as it was written
	members []member // its parts
	table   *table   // of a csv: the columns
	fields  [][]byte // and the fields as they were written
	file    *parquetReader
	values  parquet.Row
}

// Bad is a row that can't be read; those behind it can.
type Bad struct {
	Number int
	Reason string
}

// Error names the row and the reason.
func (b *Bad) Error() string { return fmt.Sprintf("row %d: %s", b.Number, b.Reason) }

// Reader gives rows in the order of the file.
type Reader interface {
	// Next reads the next row into row. It returns io.EOF behind the last one,
	// a *Bad for a row that is none, and ends with any other error.
	Next(row *Row) error
	Close() error
}

// Writer takes rows in the order in which they shall be.
type Writer interface {
	// Write adds a row with members added to it. One that it has already is
	// replaced, in its place.
	Write(row *Row, added []Member) error
	// Close ends the file. The file itself stays open.
	Close() error
}

// Format is a file's format.
type Format string

// The formats.
const (
	JSONL   Format = "jsonl"
	JSON    Format = "json"
	CSV     Format = "csv"
	Parquet Format = "parquet"
)

// FormatOf tells a format by a file's suffix.
func FormatOf(path string) (Format, error) {
	switch suffix := strings.ToLower(filepath.Ext(path)); suffix {
	case ".jsonl", ".ndjson":
		return JSONL, nil
	case ".json":
		return JSON, nil
	case ".csv":
		return CSV, nil
	case ".parquet":
		return Parquet, nil
	default:
		return "", fmt.Errorf("%s: the format can't be told from the suffix %q: use .jsonl, .json, .csv or .parquet", path, suffix)
	}
}

// Open begins to read a file.
func Open(path string) (Reader, error) {
	format, err := FormatOf(path)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	switch format {
	case JSONL:
		return newJSONL(file), nil
	case JSON:
		return newJSON(file), nil
	case CSV:
		return newCSV(file)
	}
	return newParquet(file)
}

// Create begins to write a file. shape is that of the rows that will come,
// added are the members that rows may be given.
func Create(file *os.File, format Format, shape *Shape, added []string) (Writer, error) {
	switch format {
	case JSONL:
		return newJSONLWriter(file), nil
	case JSON:
		return newJSONWriter(file), nil
	case CSV:
		return newCSVWriter(file, shape, added)
	}
	return newParquetWriter(file, shape, added)
}

// Each calls fn for each member of a row until it returns false. Values are
// good as long as the row is.
func (r *Row) Each(fn func(name string, value json.RawMessage) bool) error {
	switch {
	case r.table != nil:
		for i, field := range r.fields {
			if !fn(r.table.names[i], quote(text(field))) {
				return nil
			}
		}
	case r.file != nil:
		return r.file.each(r.values, fn)
	default:
		for _, m := range r.members {
			if !fn(m.name, m.value) {
				return nil
			}
		}
	}
	return nil
}

// Get gives one member; nil where the row hasn't got it.
func (r *Row) Get(name string) (json.RawMessage, error) {
	if r.table != nil { // only this field is decoded
		for i := range r.fields {
			if r.table.names[i] == name {
				return quote(text(r.fields[i])), nil
			}
		}
		return nil, nil
	}
	var found json.RawMessage
	err := r.Each(func(each string, value json.RawMessage) bool {
		if each == name {
			found = value
		}
		return found == nil
	})
	return found, err
}

// Content is everything that the row holds, for telling rows apart.
func (r *Row) Content() ([]byte, error) {
	if r.object != nil {
		return r.object, nil
	}
	var all []byte
	err := r.Each(func(name string, value json.RawMessage) bool {
		all = append(append(append(append(all, quote(name)...), ':'), value...), ',')
		return true
	})
	return all, err
}

// quote is a text as JSON.
func quote(s string) json.RawMessage {
	plain := true
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == '"' || s[i] == '\\' || s[i] >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return append(append(append(make([]byte, 0, len(s)+2), '"'), s...), '"')
	}
	return marshal(s)
}
