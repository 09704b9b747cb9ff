package file

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/delimited"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// encode encodes content as the bytes of a file, which may be there.
func encode(in WriterInput, order []string, there *existing) ([]byte, error) {
	if format := in.Format; format != "csv" && (in.Columns != nil || in.Delimiter != "") {
		field := "columns"
		if in.Columns == nil {
			field = "delimiter"
		}
		return nil, executors.Errorf(executors.ValidationError, "%s is for format csv", field).WithField(field)
	}
	text, isText := in.Content.(string)
	format := in.Format
	if format == "" {
		format = "json"
		if isText {
			format = "text"
		}
	}
	switch format {
	case "text":
		if !isText {
			return nil, wrongContent("format text writes a string; got %s", strictjson.Kind(in.Content))
		}
		return []byte(text), nil
	case "base64":
		if !isText {
			return nil, wrongContent("format base64 writes a string; got %s", strictjson.Kind(in.Content))
		}
		return fromBase64(text)
	case "jsonl":
		return encodeLines(in.Content)
	case "csv":
		return encodeTable(in, order, there)
	}
	raw, err := plainjson.Indent(in.Content, "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the content as JSON: %w", err)
	}
	return append(raw, '\n'), nil
}

func wrongContent(format string, args ...any) error {
	return executors.Errorf(executors.ValidationError, "content: "+format, args...).WithField("content")
}

func fromBase64(text string) ([]byte, error) {
	text = strings.TrimRight(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == ' ' {
			return -1
		}
		return r
	}, text), "=")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	data, err := encoding.DecodeString(text)
	if err != nil {
		return nil, wrongContent("it is no base64: %w", err)
	}
	return data, nil
}

func encodeLines(content any) ([]byte, error) {
	list, ok := content.([]any)
	if !ok {
		return nil, wrongContent("format jsonl writes an array, one line for each element; got %s", strictjson.Kind(content))
	}
	var lines []byte
	for _, element := range list {
		var err error
		if lines, err = plainjson.Append(lines, element); err != nil {
			return nil, fmt.Errorf("encode the content as JSON: %w", err)
		}
		lines = append(lines, '\n')
	}
	return lines, nil
}

// encodeTable writes rows below the names of the columns, in the order of their
// source. If the file already has rows, it uses the file's columns, delimiter and
// line end.
func encodeTable(in WriterInput, order []string, there *existing) ([]byte, error) {
	list, ok := in.Content.([]any)
	if !ok {
		return nil, wrongContent("format csv writes an array of objects or of arrays; got %s", strictjson.Kind(in.Content))
	}
	found, objects, err := namesOf(list)
	if err != nil {
		return nil, err
	}
	names, err := in.columns()
	if err != nil {
		return nil, err
	}
	before, err := there.table()
	if err != nil {
		return nil, err
	}
	if objects {
		for _, name := range names {
			if !slices.Contains(found, name) {
				return nil, executors.Errorf(executors.ValidationError, "no row has the column %q; they have %s", name, strings.Join(found, ", ")).WithField("columns")
			}
		}
		if names == nil {
			var unknown int
			if names, unknown = ordered(found, order); before == nil && unknown > 1 {
				there.warning = "the columns " + strings.Join(names[len(names)-unknown:], ", ") + " are sorted by name; set columns for another order"
			}
		}
	}
	var b []byte
	switch {
	case names == nil:
	case before == nil:
		b = appendCells(b, names, there.delimiter, there.end)
	case objects:
		for _, name := range names {
			if !slices.Contains(before, name) {
				return nil, wrongContent("the file has no column %q; it has %s", name, strings.Join(before, ", "))
			}
		}
		names = before
	case !slices.Equal(names, before):
		return nil, executors.Errorf(executors.ValidationError, "the columns of the file are %s", strings.Join(before, ", ")).WithField("columns")
	}
	for i, row := range list {
		cells, err := cellsOf(row, names, i)
		if err != nil {
			return nil, err
		}
		b = appendCells(b, cells, there.delimiter, there.end)
	}
	return b, nil
}

// ordered returns the found names in an order that may not have all of them. The
// others come last, sorted; unknown is their number.
func ordered(found, order []string) (names []string, unknown int) {
	left := make(map[string]bool, len(found))
	for _, name := range found {
		left[name] = true
	}
	for _, name := range order {
		if left[name] {
			names = append(names, name)
			delete(left, name)
		}
	}
	return append(names, slices.Sorted(maps.Keys(left))...), len(left)
}

// columns returns the names that the caller chose, nil if there are none. An
// element is a name, or an object with a name, such as the columns of db_query.
func (in *WriterInput) columns() ([]string, error) {
	var names []string
	for i, element := range in.Columns {
		if object, ok := element.(map[string]any); ok {
			element = object["name"]
		}
		name, ok := element.(string)
		if !ok || slices.Contains(names, name) {
			return nil, executors.Errorf(executors.ValidationError, "columns[%d] must be a name that is not there yet, or an object with one", i).WithField("columns")
		}
		names = append(names, name)
	}
	return names, nil
}

// appendCells appends a record.
func appendCells(to []byte, cells []string, delimiter byte, end string) []byte {
	if len(cells) == 1 && cells[0] == "" { // an empty line would be no record
		return append(append(to, `""`...), end...)
	}
	for i, cell := range cells {
		if i > 0 {
			to = append(to, delimiter)
		}
		to = delimited.AppendField(to, cell, delimiter)
	}
	return append(to, end...)
}

func namesOf(list []any) (names []string, objects bool, err error) {
	seen := map[string]bool{}
	for i, row := range list {
		object, isObject := row.(map[string]any)
		if _, isArray := row.([]any); !isObject && !isArray {
			return nil, false, wrongContent("[%d] must be an object or an array; got %s", i, strictjson.Kind(row))
		}
		if i > 0 && isObject != objects {
			return nil, false, wrongContent("[%d] must be like the first row: all objects, or all arrays", i)
		}
		objects = isObject
		for name := range object {
			seen[name] = true
		}
	}
	return slices.Sorted(maps.Keys(seen)), objects, nil
}

func cellsOf(row any, names []string, i int) ([]string, error) {
	var values []any
	switch row := row.(type) {
	case []any:
		if names != nil && len(row) != len(names) {
			return nil, wrongContent("[%d] has %d cells, but columns has %d names", i, len(row), len(names))
		}
		values = row
	case map[string]any:
		for _, name := range names {
			values = append(values, row[name])
		}
	}
	cells := make([]string, len(values))
	for j, value := range values {
		switch value := value.(type) {
		case nil:
		case string:
			cells[j] = value
		default:
			raw, err := plainjson.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("encode cell %d of row %d: %w", j, i, err)
			}
			cells[j] = string(raw)
		}
	}
	return cells, nil
}
