package rows

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/chainwright/chainwright/executors/coding"
)

const bufferSize = 256 << 10

// lines reads lines of at most longest bytes.
type lines struct {
	r      *bufio.Reader
	number int
	long   []byte // of a line that is longer than the buffer
}

// next returns the next line with its line end. It skips and reports a line that is
// too long.
func (l *lines) next() (line []byte, tooLong bool, err error) {
	l.number++
	line, err = l.r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		if len(line) > 0 {
			err = noEOF(err)
		}
		return line, false, err
	}
	l.long = append(l.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.r.ReadSlice('\n')
		if tooLong = tooLong || len(l.long)+len(line) > longest; !tooLong {
			l.long = append(l.long, line...)
		}
	}
	return l.long, tooLong, noEOF(err)
}

func noEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

type jsonlReader struct {
	file *os.File
	lines
}

func newJSONL(file *os.File) *jsonlReader {
	return &jsonlReader{file: file, lines: lines{r: bufio.NewReaderSize(file, bufferSize)}}
}

// Next reads one line. Empty lines are skipped.
func (r *jsonlReader) Next(row *Row) error {
	for {
		line, tooLong, err := r.next()
		if err != nil {
			return err
		}
		if r.number == 1 {
			line = bytes.TrimPrefix(line, coding.Mark)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if tooLong {
			return &Bad{r.number, fmt.Sprintf("it is longer than %d MiB", longest>>20)}
		}
		if err := row.setObject(r.number, line); err != nil {
			return &Bad{r.number, err.Error()}
		}
		return nil
	}
}

// Close closes the file.
func (r *jsonlReader) Close() error { return r.file.Close() }

type jsonlWriter struct {
	w   *bufio.Writer
	buf []byte
}

func newJSONLWriter(w io.Writer) *jsonlWriter {
	return &jsonlWriter{w: bufio.NewWriterSize(w, bufferSize)}
}

// Write writes one line.
func (w *jsonlWriter) Write(row *Row, added []Member) error {
	var err error
	if w.buf, err = row.appendObject(w.buf[:0], added); err != nil {
		return err
	}
	w.buf = append(w.buf, '\n')
	_, err = w.w.Write(w.buf)
	return err
}

// Close flushes the file.
func (w *jsonlWriter) Close() error { return w.w.Flush() }
