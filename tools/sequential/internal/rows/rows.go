// Package rows reads and writes tables row by row. It is not a stable API.
// The formats are jsonl, json, csv, tsv and parquet, told apart by the file's
// suffix.
//
// Values are copied as written and never decoded, so that "00123", a long decimal
// and a missing key come out unchanged. A conversion between formats keeps the
// value, and its text where the target stores text.
//
// A CSV file that only gains a column keeps the rest as it was, byte by byte.
package rows

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/chainwright/chainwright/executors/coding"
	"github.com/chainwright/chainwright/executors/delimited"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// longest bounds a row in bytes; a longer one is bad.
const longest = 16 << 20

// Member is one column of a row: its name and its value as JSON text.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Row is one row. It is valid until the next one is read.
type Row struct {
	// Number is the line where the row starts in text formats, else its position.
	Number int

	object  []byte   // of a JSON object: as it was written
	members []member // its parts
	table   *table   // of a csv: the columns
	fields  [][]byte // and the fields as they were written
	file    *parquetReader
	values  parquet.Row
}

// Bad is the error of a row that can't be read. Later rows still can.
type Bad struct {
	Number int
	Reason string
}

// Error returns the row's number and the reason.
func (b *Bad) Error() string { return fmt.Sprintf("row %d: %s", b.Number, b.Reason) }

// Reader reads rows in the order of the file.
type Reader interface {
	// Next reads the next row into row. It returns io.EOF after the last one and a
	// *Bad for a row that can't be read. Any other error ends the reading.
	Next(row *Row) error
	Close() error
}

// Writer writes rows in the order of its calls.
type Writer interface {
	// Write writes a row with members added. A member that the row already has is
	// replaced in place.
	Write(row *Row, added []Member) error
	// Close writes the end of the table.
	Close() error
}

// Format is a file's format.
type Format string

// The formats.
const (
	JSONL   Format = "jsonl"
	JSON    Format = "json"
	CSV     Format = "csv"
	TSV     Format = "tsv"
	Parquet Format = "parquet"
)

// FormatOf returns the format for a file's suffix.
func FormatOf(path string) (Format, error) {
	switch suffix := strings.ToLower(filepath.Ext(path)); suffix {
	case ".jsonl", ".ndjson":
		return JSONL, nil
	case ".json":
		return JSON, nil
	case ".csv":
		return CSV, nil
	case ".tsv":
		return TSV, nil
	case ".parquet":
		return Parquet, nil
	default:
		return "", fmt.Errorf("%s: unknown suffix %q: use .jsonl, .json, .csv, .tsv or .parquet", path, suffix)
	}
}

// Options say how a CSV file is read.
type Options struct {
	Delimiter byte // 0: it is found
	Encoding  coding.Coding
}

// Open opens a file for reading.
func Open(path string, options Options) (Reader, error) {
	format, err := FormatOf(path)
	if err != nil {
		return nil, err
	}
	switch {
	case format == TSV && options.Delimiter == 0:
		options.Delimiter = '\t'
	case format != CSV && format != TSV && (options.Delimiter != 0 || !options.Encoding.IsUTF8()):
		return nil, fmt.Errorf("%s: delimiter and encoding are for .csv and .tsv", path)
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
	case CSV, TSV:
		return newCSV(file, format, options)
	}
	return newParquet(file)
}

// Create starts a table. shape is that of the rows to write, added are
// the members that may be added to them.
func Create(w io.Writer, format Format, shape *Shape, added []string) (Writer, error) {
	switch format {
	case JSONL:
		return newJSONLWriter(w), nil
	case JSON:
		return newJSONWriter(w), nil
	case CSV, TSV:
		return newCSVWriter(w, format, shape, added)
	}
	return newParquetWriter(w, shape, added)
}

// Each calls fn for each member of a row until it returns false. Values are valid
// as long as the row is.
func (r *Row) Each(fn func(name string, value json.RawMessage) bool) error {
	switch {
	case r.table != nil:
		for i, field := range r.fields {
			if !fn(r.table.names[i], plainjson.Must(delimited.Text(field))) {
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

// Get returns one member, nil if the row does not have it.
func (r *Row) Get(name string) (json.RawMessage, error) {
	if r.table != nil { // only this field is decoded
		for i := range r.fields {
			if r.table.names[i] == name {
				return plainjson.Must(delimited.Text(r.fields[i])), nil
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
