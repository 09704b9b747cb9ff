package rows

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/chainwright/chainwright/executors/coding"
)

// jsonReader reads the objects of one array one by one.
type jsonReader struct {
	file   *os.File
	r      *bufio.Reader
	buf    []byte
	number int
	begun  bool
	done   bool
}

func newJSON(file *os.File) *jsonReader {
	return &jsonReader{file: file, r: bufio.NewReaderSize(file, bufferSize)}
}

// Next reads one element.
func (r *jsonReader) Next(row *Row) error {
	first := !r.begun
	if err := r.begin(); err != nil {
		return err
	}
	if r.done {
		return io.EOF
	}
	ch, err := r.skip()
	switch {
	case err != nil:
		return r.broken(err)
	case ch == ']':
		return r.end()
	case ch == ',' && !first:
		if ch, err = r.skip(); err != nil {
			return r.broken(err)
		}
	case !first:
		return fmt.Errorf("after element %d of the array: expected , or ]; got %q", r.number, ch)
	}
	r.number++
	tooLong, err := r.element(ch)
	switch {
	case err != nil:
		return r.broken(err)
	case tooLong:
		return &Bad{r.number, fmt.Sprintf("it is longer than %d MiB", longest>>20)}
	}
	if err := row.setObject(r.number, r.buf); err != nil {
		return &Bad{r.number, err.Error()}
	}
	return nil
}

func (r *jsonReader) begin() error {
	if r.begun {
		return nil
	}
	r.begun = true
	if mark, err := r.r.Peek(3); err == nil && string(mark) == string(coding.Mark) {
		if _, err := r.r.Discard(3); err != nil {
			return err
		}
	}
	ch, err := r.skip()
	if err == io.EOF {
		r.done = true
		return nil
	}
	if err == nil && ch != '[' {
		return errors.New("it must be an array of objects; for one object on each line use the suffix .jsonl")
	}
	return err
}

func (r *jsonReader) end() error {
	r.done = true
	if ch, err := r.skip(); err != io.EOF {
		return fmt.Errorf("text follows the end of the array: %q", ch)
	}
	return io.EOF
}

func (r *jsonReader) broken(err error) error {
	if err == io.EOF {
		return fmt.Errorf("the text ends inside the array, after element %d", r.number)
	}
	return err
}

// skip returns the next character that is not a space.
func (r *jsonReader) skip() (byte, error) {
	for {
		ch, err := r.r.ReadByte()
		if err != nil || ch != ' ' && ch != '\t' && ch != '\n' && ch != '\r' {
			return ch, err
		}
	}
}

// element reads the rest of an element after its first character.
func (r *jsonReader) element(ch byte) (tooLong bool, err error) {
	r.buf = r.buf[:0]
	depth, quoted, escaped := 0, false, false
	for {
		if tooLong = tooLong || len(r.buf) >= longest; !tooLong {
			r.buf = append(r.buf, ch)
		}
		switch {
		case escaped:
			escaped = false
		case quoted && ch == '\\':
			escaped = true
		case ch == '"':
			quoted = !quoted
		case quoted:
		case ch == '{' || ch == '[':
			depth++
		case ch == '}' || ch == ']':
			depth--
		}
		if depth == 0 && !quoted {
			next, err := r.r.Peek(1)
			if err != nil {
				return tooLong, err
			}
			if c := next[0]; ch == '}' || ch == ']' || ch == '"' || c == ',' || c == ']' || c <= ' ' {
				return tooLong, nil
			}
		}
		if ch, err = r.r.ReadByte(); err != nil {
			return tooLong, err
		}
	}
}

// Close closes the file.
func (r *jsonReader) Close() error { return r.file.Close() }

type jsonWriter struct {
	w     *bufio.Writer
	buf   []byte
	begun bool
}

func newJSONWriter(w io.Writer) *jsonWriter {
	return &jsonWriter{w: bufio.NewWriterSize(w, bufferSize)}
}

// Write writes one element.
func (w *jsonWriter) Write(row *Row, added []Member) error {
	w.buf = append(w.buf[:0], "[\n"...)
	if w.begun {
		w.buf = append(w.buf[:0], ",\n"...)
	}
	w.begun = true
	var err error
	if w.buf, err = row.appendObject(w.buf, added); err != nil {
		return err
	}
	_, err = w.w.Write(w.buf)
	return err
}

// Close ends the array.
func (w *jsonWriter) Close() error {
	end := "\n]\n"
	if !w.begun {
		end = "[]\n"
	}
	if _, err := w.w.WriteString(end); err != nil {
		return err
	}
	return w.w.Flush()
}
