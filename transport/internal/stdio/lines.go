package stdio

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

var errTooLong = errors.New("the line is too long")

// lineReader reads lines. A line over the limit is skipped without being kept
// in memory, and reported as errTooLong.
type lineReader struct {
	in    *bufio.Reader
	limit int
}

// next returns the next line in new memory, without surrounding spaces.
func (r *lineReader) next() ([]byte, error) {
	var line []byte
	for {
		part, err := r.in.ReadSlice('\n')
		if len(line)+len(bytes.TrimRight(part, "\r\n")) > r.limit {
			return nil, r.skip(err)
		}
		if err == nil && line == nil {
			return bytes.TrimSpace(bytes.Clone(part)), nil
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil, errors.Is(err, io.EOF) && len(line) > 0:
			return bytes.TrimSpace(line), nil
		default:
			return nil, err
		}
	}
}

// skip discards the rest of a line that is too long.
func (r *lineReader) skip(err error) error {
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.in.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return errTooLong
}
