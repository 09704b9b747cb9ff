package file

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// ReaderInput is which file to read, and what of it.
type ReaderInput struct {
	FilePath string `json:"file_path"`
	Format   string `json:"format"`
	Encoding string `json:"encoding"`
	Offset   int64  `json:"offset"`
	Limit    int64  `json:"limit"`
}

// ReaderOutput is what was read.
type ReaderOutput struct {
	Content    any    `json:"content"`
	Size       int64  `json:"size"`
	Rows       *int   `json:"rows,omitempty"`
	Truncated  bool   `json:"truncated"`
	NextOffset *int64 `json:"next_offset,omitempty"`
}

func read(ctx context.Context, call *executors.Call, in ReaderInput) (*ReaderOutput, error) {
	coding, err := codingOf(in.Encoding)
	if err != nil && in.Format != "base64" {
		return nil, executors.Errorf(executors.ValidationError, "%w", err).WithField("encoding").
			WithHint("usual encodings are utf-8, utf-16, latin-1 and windows-1252")
	}
	f, info, err := call.Policy.OpenRead(in.FilePath)
	if err != nil {
		return nil, failure(err)
	}
	defer f.Close()
	r := reader{in: in, file: f, coding: coding, size: info.Size(), limit: capOf(call.Policy), budget: budgetOf(call.Policy), stop: ctx}
	out := &ReaderOutput{Size: info.Size()}
	switch in.Format {
	case "json":
		err = r.json(out)
	case "jsonl":
		err = r.rows(out, jsonLines)
	case "csv":
		err = r.rows(out, csvRows)
	case "base64":
		err = r.base64(out)
	default:
		err = r.text(out)
	}
	if err != nil {
		return nil, failure(err)
	}
	return out, nil
}

// reader reads one file for one call.
type reader struct {
	in     ReaderInput
	file   *os.File
	coding coding
	size   int64
	limit  int64 // of bytes read
	budget int   // of bytes of the result's JSON
	stop   context.Context
}

// Read makes the end of the call the end of the file's reading.
func (r *reader) Read(b []byte) (int, error) {
	if err := r.stop.Err(); err != nil {
		return 0, err
	}
	return r.file.Read(b)
}

// window reads the bytes that offset and limit ask for, and reports whether
// the file goes on after them.
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

// budgetOf is how long the JSON of what was read may be: as long as the door
// lets through, less what stands around it.
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

// jsonLength is how long a text is as a JSON string.
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

// goesOn says where the next call goes on.
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
	coding := r.coding
	if r.in.Offset > 0 { // the mark that says how to read it is at the start
		if coding, err = coding.marked(r.file); err != nil {
			return fmt.Errorf("read %q: %w", r.in.FilePath, err)
		}
	}
	text, used, err := coding.decode(data, r.in.Offset == 0, more)
	for err == nil && jsonLength(text) > r.budget {
		// Escapes made it longer than a result may be.
		data, more = data[:int(int64(len(data))*int64(r.budget)/int64(jsonLength(text)))], true
		text, used, err = coding.decode(data, r.in.Offset == 0, more)
	}
	if err != nil {
		return notText(r.in, err)
	}
	if used == 0 && more {
		return executors.Errorf(executors.ValidationError, "limit is too small for one character of %s", coding.name).WithField("limit")
	}
	out.Content = text
	if more {
		goesOn(out, r.in.Offset+int64(used))
	}
	return nil
}

func notText(in ReaderInput, err error) error {
	return executors.Errorf(executors.ExecutionError, "%q can't be read as %s: %w", in.FilePath, in.Encoding, err).
		WithField("encoding").WithHint("give the encoding that the file has, or read it with format base64")
}

func (r *reader) json(out *ReaderOutput) error {
	if r.in.Offset > 0 || r.in.Limit > 0 {
		return executors.Errorf(executors.ValidationError, "offset and limit are not for json, which is read as a whole").WithField("format").
			WithHint("read a part with format text, or one value a line with jsonl")
	}
	data, more, err := r.window(r.limit)
	if err != nil {
		return err
	}
	if more {
		return executors.Errorf(executors.ExecutionError, "%q is too long for json: %d bytes, at most %d are read", r.in.FilePath, r.size, r.limit).
			WithHint("read parts of it with format text")
	}
	text, _, err := r.coding.decode(data, true, false)
	if err != nil {
		return notText(r.in, err)
	}
	out.Content, err = strictjson.Decode([]byte(text))
	if err != nil {
		return executors.Errorf(executors.ExecutionError, "%q is no valid JSON: %w", r.in.FilePath, err)
	}
	return nil
}

// isTabbed: files that end so part their cells by tabs.
func isTabbed(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".tsv") }
