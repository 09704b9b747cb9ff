package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/delimited"
	"github.com/chainwright/chainwright/executors/policy"
)

// WriterInput holds the content to write, the file and the mode.
type WriterInput struct {
	FilePath string `json:"file_path"`
	Content  any    `json:"content"`
	Mode     string `json:"mode"`
	Format   string `json:"format"`

	// The others are for csv. A column is a name, or an object with a name.
	Columns   []any  `json:"columns"`
	Delimiter string `json:"delimiter"`
}

// WriterOutput describes what was written.
type WriterOutput struct {
	Bytes   int    `json:"bytes"`
	Path    string `json:"path"`
	Warning string `json:"warning,omitempty"`
}

func write(ctx context.Context, call *executors.Call, in WriterInput) (*WriterOutput, error) {
	there := &existing{policy: call.Policy, in: in, end: "\n"}
	data, err := encode(in, call.Columns, there)
	if err != nil {
		return nil, failure(err)
	}
	if in.Format == "jsonl" || in.Format == "csv" {
		open, err := there.endsOpen()
		if err != nil {
			return nil, failure(err)
		}
		if open && len(data) > 0 {
			data = append([]byte(there.end), data...)
		}
	}
	if limit := capOf(call.Policy); int64(len(data)) > limit {
		return nil, executors.Errorf(executors.ValidationError, "the content is too long: %d bytes, at most %d are written", len(data), limit).WithField("content")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("write %q: %w", in.FilePath, err)
	}
	path, err := call.Policy.WriteFile(in.FilePath, data, policy.WriteMode(in.Mode))
	if err != nil {
		return nil, failure(err)
	}
	return &WriterOutput{Bytes: len(data), Path: path, Warning: there.warning}, nil
}

// existing is a file that rows are appended to.
type existing struct {
	policy    *policy.Policy
	in        WriterInput
	delimiter byte
	end       string // of a line
	warning   string // about the order of columns
}

// open opens the file. It returns nil if the file does not exist or is not
// needed.
func (e *existing) open() (*os.File, int64, error) {
	if e.in.Mode != string(policy.Append) {
		return nil, 0, nil
	}
	f, info, err := e.policy.OpenRead(e.in.FilePath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// table finds the delimiter and the line end of a table, and returns its columns:
// nil if it has no rows.
func (e *existing) table() (names []string, err error) {
	if e.delimiter, err = delimiterOf(e.in.Delimiter, e.in.FilePath); err != nil {
		return nil, err
	}
	given := e.delimiter
	if given == 0 {
		e.delimiter = ','
	}
	f, _, err := e.open()
	if f == nil || err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := delimited.NewReader(io.LimitReader(f, 1<<20), delimited.Options{Delimiter: given})
	if err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "%q: %w", e.in.FilePath, err).WithField("delimiter").
			WithHint("set delimiter to the one that separates the columns")
	}
	first, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "read the columns of %q: %w", e.in.FilePath, err)
	}
	e.delimiter = r.Delimiter
	if r.End != "" {
		e.end = r.End
	}
	for _, field := range first.Fields {
		names = append(names, delimited.Text(field))
	}
	return names, nil
}

// endsOpen reports whether the last line has no line end, so that the next row
// would continue it.
func (e *existing) endsOpen() (bool, error) {
	f, size, err := e.open()
	if f == nil || err != nil {
		return false, err
	}
	defer f.Close()
	var last [1]byte
	if size == 0 {
		return false, nil
	}
	if _, err := f.ReadAt(last[:], size-1); err != nil {
		return false, fmt.Errorf("read the end of %q: %w", e.in.FilePath, err)
	}
	return last[0] != '\n' && last[0] != '\r', nil
}
