package file

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// encode turns content into the bytes of a file. columns gives the columns
// that a CSV file has already, and is asked only where that matters.
func encode(in WriterInput, columns func() ([]string, error)) ([]byte, error) {
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
		return encodeTable(in, columns)
	}
	var b bytes.Buffer
	if err := appendJSON(&b, in.Content, "  "); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
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

// appendJSON writes a value and a line's end, for people to read: without
// escapes that only HTML needs.
func appendJSON(b *bytes.Buffer, v any, indent string) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode the content as JSON: %w", err)
	}
	return nil
}

func encodeLines(content any) ([]byte, error) {
	list, ok := content.([]any)
	if !ok {
		return nil, wrongContent("format jsonl writes an array, one line for each element; got %s", strictjson.Kind(content))
	}
	var b bytes.Buffer
	for _, element := range list {
		if err := appendJSON(&b, element, ""); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// encodeTable writes rows. Objects get a first row with the names of the
// columns, in the order of the alphabet since objects have none; where the file
// has rows already, its own columns count.
func encodeTable(in WriterInput, columns func() ([]string, error)) ([]byte, error) {
	list, ok := in.Content.([]any)
	if !ok {
		return nil, wrongContent("format csv writes an array of objects or of arrays; got %s", strictjson.Kind(in.Content))
	}
	names, objects, err := namesOf(list)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	table := csv.NewWriter(&b)
	if isTabbed(in.FilePath) {
		table.Comma = '\t'
	}
	if objects {
		there, err := columns()
		switch {
		case err != nil:
			return nil, err
		case there == nil:
			err = table.Write(names)
		default:
			for _, name := range names {
				if !slices.Contains(there, name) {
					return nil, wrongContent("the file has no column %q; it has %s", name, strings.Join(there, ", "))
				}
			}
			names = there
		}
		if err != nil {
			return nil, fmt.Errorf("encode the names of the columns: %w", err)
		}
	}
	for i, row := range list {
		cells, err := cellsOf(row, names, i)
		if err != nil {
			return nil, err
		}
		if err := table.Write(cells); err != nil {
			return nil, fmt.Errorf("encode row %d: %w", i, err)
		}
	}
	table.Flush()
	return b.Bytes(), table.Error()
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
			raw, err := json.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("encode cell %d of row %d: %w", j, i, err)
			}
			cells[j] = string(raw)
		}
	}
	return cells, nil
}
