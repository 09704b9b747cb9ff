package file

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// errLongRow: a row takes more memory than a call may.
var errLongRow = errors.New("a row is too long")

// bounded gives errLongRow when more than left bytes are read before left is
// set anew, so that one endless row can't fill the memory.
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

// rowSource gives the rows of a file one by one, and io.EOF at the end. used
// is about how long a row is as JSON.
type rowSource func() (row any, used int, err error)

// rows reads rows by row numbers, up to the cap in bytes.
func (r *reader) rows(out *ReaderOutput, open func(*bufio.Reader, ReaderInput) (rowSource, error)) error {
	const ahead = 64 << 10
	source := &bounded{r: r.coding.reader(r), left: r.limit + 2*ahead}
	buffered := bufio.NewReaderSize(source, ahead)
	if mark, _ := buffered.Peek(len(utf8Mark)); bytes.Equal(mark, utf8Mark) {
		_, _ = buffered.Discard(len(utf8Mark))
	}
	next, err := open(buffered, r.in)
	if err != nil {
		return r.rowFailure(err)
	}
	list, budget := []any{}, min(int(r.limit), r.budget)
	var number int64
	total := 0
	for {
		source.left = r.limit + 2*ahead
		row, used, err := next()
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

// jsonLines gives the value on each line that is not blank.
func jsonLines(r *bufio.Reader, in ReaderInput) (rowSource, error) {
	line := 0
	return func() (any, int, error) {
		for {
			text, err := r.ReadBytes('\n')
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
				return nil, 0, rowError(in, line, "%w", err)
			}
			return value, len(text), nil
		}
	}, nil
}

// csvRows gives an object for each row, with the cells of the first row as
// names. Cells that are missing at the end of a row are empty.
func csvRows(r *bufio.Reader, in ReaderInput) (rowSource, error) {
	reader := csvReader(r, in.FilePath)
	names, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return func() (any, int, error) { return nil, 0, io.EOF }, nil
	}
	if err != nil {
		return nil, csvError(in, err)
	}
	names = append([]string(nil), names...)
	known := make(map[string]bool, len(names))
	for i, name := range names {
		switch {
		case !utf8.ValidString(name):
			return nil, rowError(in, 1, "a name is not %s", in.Encoding)
		case known[name]:
			return nil, rowError(in, 1, "two columns have the name %q", name)
		case name == "" && i == len(names)-1: // a separator at the end of each row
			names = names[:i]
		}
		known[name] = true
	}
	return func() (any, int, error) {
		cells, err := reader.Read()
		if err != nil {
			return nil, 0, csvError(in, err)
		}
		line, _ := reader.FieldPos(0)
		row, used := make(map[string]any, len(names)), 2
		for i, name := range names {
			row[name] = ""
			if i < len(cells) {
				row[name] = cells[i]
				used += jsonLength(cells[i])
			}
			used += jsonLength(name) + 4
		}
		for i, cell := range cells {
			if !utf8.ValidString(cell) {
				return nil, 0, rowError(in, line, "cell %d is not %s", i+1, in.Encoding)
			}
			if i >= len(names) && cell != "" {
				return nil, 0, rowError(in, line, "the row has %d cells, the first row %d", len(cells), len(names))
			}
		}
		return row, used, nil
	}, nil
}

func csvReader(r io.Reader, path string) *csv.Reader {
	reader := csv.NewReader(r)
	reader.FieldsPerRecord = -1
	if isTabbed(path) {
		reader.Comma = '\t'
	}
	return reader
}

func csvError(in ReaderInput, err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return rowError(in, parse.Line, "%w", parse.Err)
	}
	return err
}
