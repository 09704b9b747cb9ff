package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// WriterInput is what to write, where and how.
type WriterInput struct {
	FilePath string `json:"file_path"`
	Content  any    `json:"content"`
	Mode     string `json:"mode"`
	Format   string `json:"format"`
}

// WriterOutput is what was written.
type WriterOutput struct {
	Bytes int    `json:"bytes"`
	Path  string `json:"path"`
}

func write(ctx context.Context, call *executors.Call, in WriterInput) (*WriterOutput, error) {
	there := existing{policy: call.Policy, in: in}
	data, err := encode(in, there.columns)
	if err != nil {
		return nil, failure(err)
	}
	if in.Format == "jsonl" || in.Format == "csv" {
		open, err := there.endsOpen()
		if err != nil {
			return nil, failure(err)
		}
		if open && len(data) > 0 {
			data = append([]byte{'\n'}, data...)
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
	return &WriterOutput{Bytes: len(data), Path: path}, nil
}

// existing is what is in a file that rows are appended to.
type existing struct {
	policy *policy.Policy
	in     WriterInput
}

// open opens the file; nil where there is none, or it does not count.
func (e existing) open() (*os.File, int64, error) {
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

// columns reads the first row; nil where there is none.
func (e existing) columns() ([]string, error) {
	f, _, err := e.open()
	if f == nil || err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := csvReader(io.LimitReader(f, 1<<20), e.in.FilePath).Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the columns of %q: %w", e.in.FilePath, err)
	}
	names[0] = strings.TrimPrefix(names[0], string(utf8Mark))
	return names, nil
}

// endsOpen reports whether the last line has no end, so that the next row
// would stand on it.
func (e existing) endsOpen() (bool, error) {
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
	return last[0] != '\n', nil
}
