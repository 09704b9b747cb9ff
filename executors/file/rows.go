package file

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/coding"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// errLongRow is returned for a row that exceeds the memory of a call.
var errLongRow = errors.New("a row is too long")

// bounded returns errLongRow when more than left bytes are read before left is
// set again, so that one endless row can't fill the memory.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongRow
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

// rowSource returns the rows of a file one by one, and io.EOF at the end. used
// is the approximate length of a row as JSON, in bytes. A row that is skipped is
// checked and not built.
type rowSource func(skip bool) (row any, used int, err error)

// rows reads the rows selected by offset and limit, up to the limit in bytes.
func (r *reader) rows(out *ReaderOutput, open func(*bufio.Reader) (rowSource, error)) error {
	const ahead = 64 << 10
	source := &bounded{r: r.coding.Reader(r), left: r.limit + 2*ahead}
	buffered := bufio.NewReaderSize(source, ahead)
	if mark, _ := buffered.Peek(len(coding.Mark)); bytes.Equal(mark, coding.Mark) {
		_, _ = buffered.Discard(len(coding.Mark))
	}
	next, err := open(buffered)
	if err != nil {
		return r.rowFailure(err)
	}
	list, budget := []any{}, min(int(r.limit), r.budget)
	var number int64
	total := 0
	for {
		source.left = r.limit + 2*ahead
		row, used, err := next(number < r.in.Offset)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r.rowFailure(err)
		}
		if number++; number <= r.in.Offset {
			continue
		}
		if total += used + 1; total > budget || r.in.Limit > 0 && int64(len(list)) == r.in.Limit {
			if len(list) == 0 {
				return r.rowFailure(errLongRow)
			}
			goesOn(out, number-1)
			break
		}
		list = append(list, row)
	}
	count := len(list)
	out.Content, out.Rows = list, &count
	return nil
}

func (r *reader) rowFailure(err error) error {
	var typed *executors.Error
	switch {
	case errors.As(err, &typed):
		return err
	case errors.Is(err, errLongRow):
		return executors.Errorf(executors.ExecutionError, "%q has a row of over %d bytes", r.in.FilePath, r.limit).
			WithHint("read it with format text")
	}
	return fmt.Errorf("read %q: %w", r.in.FilePath, err)
}

func rowError(in ReaderInput, line int, format string, args ...any) error {
	return executors.Errorf(executors.ExecutionError, "%q, line %d: %w", in.FilePath, line, fmt.Errorf(format, args...)).
		WithHint("read it with format text to see what is there")
}

// jsonLines returns the value of each line that is not blank.
func (r *reader) jsonLines(in *bufio.Reader) (rowSource, error) {
	line := 0
	return func(bool) (any, int, error) {
		for {
			text, err := in.ReadBytes('\n')
			if err != nil && (!errors.Is(err, io.EOF) || len(text) == 0) {
				return nil, 0, err
			}
			line++
			if len(bytes.TrimSpace(text)) == 0 {
				continue
			}
			value, err := strictjson.Decode(text)
			if err != nil {
				var syntax *strictjson.SyntaxError
				if errors.As(err, &syntax) {
					err = errors.New(syntax.Message)
				}
				return nil, 0, rowError(r.in, line, "%w", err)
			}
			return value, len(text), nil
		}
	}, nil
}
