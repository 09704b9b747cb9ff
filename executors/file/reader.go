package file

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/coding"
	"github.com/chainwright/chainwright/executors/delimited"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// ReaderInput holds the file to read, and the part of it.
type ReaderInput struct {
	FilePath string `json:"file_path"`
	Format   string `json:"format"`
	Encoding string `json:"encoding"`
	Offset   int64  `json:"offset"`
	Limit    int64  `json:"limit"`

	delimited.Settings // for csv
}

// ReaderOutput is the content that was read.
type ReaderOutput struct {
	Content    any    `json:"content"`
	Size       int64  `json:"size"`
	Rows       *int   `json:"rows,omitempty"`
	Truncated  bool   `json:"truncated"`
	NextOffset *int64 `json:"next_offset,omitempty"`
	// Columns are the names of the columns of csv, in the order of the file.
	Columns []string `json:"columns,omitempty"`
	Warning string   `json:"warning,omitempty"`

	asked bool // the caller's limit ended it
}

func read(ctx context.Context, call *executors.Call, in ReaderInput) (*ReaderOutput, error) {
	from, err := coding.Of(in.Encoding)
	if err != nil && in.Format != "base64" {
		return nil, executors.Errorf(executors.ValidationError, "%w", err).WithField("encoding").
			WithHint("usual encodings are utf-8, utf-16, latin-1 and windows-1252")
	}
	if given := in.Given(); given != "" && in.Format != "csv" {
		return nil, executors.Errorf(executors.ValidationError, "%s is for format csv; the format is %s", given, in.Format).WithField(given)
	}
	f, info, err := call.Policy.OpenRead(in.FilePath)
	if err != nil {
		return nil, failure(err)
	}
	defer f.Close()
	r := reader{in: in, file: f, coding: from, size: info.Size(), limit: capOf(call.Policy), budget: budgetOf(call.Policy), stop: ctx}
	out := &ReaderOutput{Size: info.Size()}
	switch in.Format {
	case "json":
		err = r.json(out)
	case "jsonl":
		err = r.rows(out, r.jsonLines)
	case "csv":
		err = r.csv(out)
	case "base64":
		err = r.base64(out)
	default:
		err = r.text(out)
	}
	if err != nil {
		return nil, failure(err)
	}
	out.asked = in.Limit > 0 && (out.Rows == nil || int64(*out.Rows) == in.Limit)
	return out, nil
}

// Warned implements executors.Warner.
func (out *ReaderOutput) Warned() string {
	if out.Truncated && !out.asked && out.Warning == "" {
		return "truncated: the file has more; go on at next_offset"
	}
	return out.Warning
}

// reader reads one file for one call.
type reader struct {
	in     ReaderInput
	file   *os.File
	coding coding.Coding
	size   int64
	limit  int64 // of bytes read
	budget int   // of bytes of the result's JSON
	stop   context.Context
}

// Read fails when the call has ended, so that a slow file can't outlast it.
func (r *reader) Read(b []byte) (int, error) {
	if err := r.stop.Err(); err != nil {
		return 0, err
	}
	return r.file.Read(b)
}

// window reads the bytes selected by offset and limit, and reports whether the
// file has more.
func (r *reader) window(most int64) (data []byte, more bool, err error) {
	want := most
	if r.in.Limit > 0 {
		want = min(want, r.in.Limit)
	}
	if _, err := r.file.Seek(r.in.Offset, io.SeekStart); err != nil {
		return nil, false, fmt.Errorf("go to byte %d of %q: %w", r.in.Offset, r.in.FilePath, err)
	}
	data, err = io.ReadAll(io.LimitReader(r, want+1)) // one more shows that there is more
	if err != nil {
		return nil, false, fmt.Errorf("read %q: %w", r.in.FilePath, err)
	}
	if int64(len(data)) > want {
		return data[:want], true, nil
	}
	return data, false, nil
}

// budgetOf returns the most bytes of the content as JSON: the registry's limit
// for a result, less the other fields.
func budgetOf(pol *policy.Policy) int {
	most := int64(defaultCap)
	if limit := pol.Limits().OutputBytes; limit > 0 {
		most = limit
	}
	if limit := pol.Limits().Executors["file_reader"].OutputBytes; limit > 0 {
		most = limit
	}
	return int(max(most-256, 64))
}

// jsonLength returns the length of a text as a JSON string.
func jsonLength(text string) int {
	length := len(text) + 2
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"', c == '\\', c == '\n', c == '\r', c == '\t', c == '\b', c == '\f':
			length++
		case c < ' ':
			length += 5
		case c == 0xe2 && (strings.HasPrefix(text[i:], "\u2028") || strings.HasPrefix(text[i:], "\u2029")):
			length += 3
		}
	}
	return length
}

// goesOn sets the offset for the next call.
func goesOn(out *ReaderOutput, next int64) {
	out.Truncated, out.NextOffset = true, &next
}

func (r *reader) base64(out *ReaderOutput) error {
	data, more, err := r.window(min(r.limit, int64(r.budget/4*3)))
	if err != nil {
		return err
	}
	out.Content = base64.StdEncoding.EncodeToString(data)
	if more {
		goesOn(out, r.in.Offset+int64(len(data)))
	}
	return nil
}

func (r *reader) text(out *ReaderOutput) error {
	data, more, err := r.window(r.limit)
	if err != nil {
		return err
	}
	from := r.coding
	if r.in.Offset > 0 { // the byte order mark is at the start
		if from, err = from.Marked(r.file); err != nil {
			return fmt.Errorf("read %q: %w", r.in.FilePath, err)
		}
	}
	text, used, err := from.Decode(data, r.in.Offset == 0, more)
	for err == nil && jsonLength(text) > r.budget {
		// Its escapes exceed the limit for a result.
		data, more = data[:int(int64(len(data))*int64(r.budget)/int64(jsonLength(text)))], true
		text, used, err = from.Decode(data, r.in.Offset == 0, more)
	}
	if err != nil {
		return notText(r.in, err)
	}
	if used == 0 && more {
		return executors.Errorf(executors.ValidationError, "limit is too small for one character of %s", from).WithField("limit")
	}
	out.Content = text
	if more {
		goesOn(out, r.in.Offset+int64(used))
	}
	return nil
}

func notText(in ReaderInput, err error) error {
	return executors.Errorf(executors.ExecutionError, "%q can't be read as %s: %w", in.FilePath, in.Encoding, err).
		WithField("encoding").WithHint("set the encoding of the file, or read it with format base64")
}

func (r *reader) json(out *ReaderOutput) error {
	if r.in.Offset > 0 || r.in.Limit > 0 {
		return executors.Errorf(executors.ValidationError, "offset and limit can't be used with json, which is read as a whole").WithField("format").
			WithHint("read a part with format text, or one value per line with jsonl")
	}
	data, more, err := r.window(r.limit)
	if err != nil {
		return err
	}
	if more {
		return executors.Errorf(executors.ExecutionError, "%q is too long for json: %d bytes, at most %d are read", r.in.FilePath, r.size, r.limit).
			WithHint("read parts of it with format text")
	}
	text, _, err := r.coding.Decode(data, true, false)
	if err != nil {
		return notText(r.in, err)
	}
	out.Content, err = strictjson.Decode([]byte(text))
	if err != nil {
		return executors.Errorf(executors.ExecutionError, "%q is not valid JSON: %w", r.in.FilePath, err)
	}
	return nil
}
