// Package delimited reads CSV. It is not a stable API.
//
// It is written by hand, because encoding/csv drops the quotes of a cell,
// neither ends a line at CR nor finds the delimiter, and either refuses a quote
// inside an unquoted cell or also accepts broken quoted ones.
//
// A record ends at LF, CRLF or CR outside quotes. A cell is quoted if it begins
// with a quote, also after spaces; a quote elsewhere is part of the cell.
package delimited

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/chainwright/chainwright/executors/coding"
)

// Options say how a table is read.
type Options struct {
	// Delimiter separates the cells. 0 means that it is found in the first 64 KiB.
	Delimiter byte
	// Converted means that the text was converted to UTF-8, so that U+FFFD
	// stands for bytes that could not be.
	Converted bool
	// Longest is the most bytes of a record. 0 means 16 MiB.
	Longest int
}

// Record is one record. It is valid until the next one is read.
type Record struct {
	Line   int      // where it begins, from 1
	Fields [][]byte // as they were written, with their quotes; see Text
}

// Error is a record that can't be read. Later records can, unless it is about
// the encoding: then the file has another one.
type Error struct {
	Line     int
	Reason   string
	Encoding bool
}

// Error returns the line and the reason.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// ErrAmbiguous is returned by NewReader if both delimiters fit.
var ErrAmbiguous = errors.New("its columns can be separated by , or by ;")

const (
	bufferSize = 64 << 10
	longest    = 16 << 20
	mostFields = 100_000
)

// Reader reads records.
type Reader struct {
	// Delimiter separates the cells.
	Delimiter byte
	// Mark reports whether the text begins with a byte order mark.
	Mark bool
	// End is the first line end, empty until it is read.
	End string

	in      *bufio.Reader
	options Options
	line    int // of the next byte
	record  []byte
	ends    []int // of the fields in record
	fields  [][]byte
}

// NewReader reads the beginning of a table, to find its delimiter.
func NewReader(r io.Reader, options Options) (*Reader, error) {
	if options.Longest == 0 {
		options.Longest = longest
	}
	in := bufio.NewReaderSize(r, bufferSize)
	out := &Reader{in: in, options: options, line: 1, Delimiter: options.Delimiter}
	if mark, _ := in.Peek(len(coding.Mark)); bytes.Equal(mark, coding.Mark) {
		out.Mark = true
		_, _ = in.Discard(len(mark))
	}
	start, err := in.Peek(bufferSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	whole := err != nil
	if given, length := declared(start); length > 0 {
		out.line++
		if out.Delimiter == 0 {
			out.Delimiter = given
		}
		_, _ = in.Discard(length)
		return out, nil
	}
	if out.Delimiter == 0 {
		if out.Delimiter, err = find(start, whole); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// declared returns the delimiter of a first line such as "sep=;", which
// spreadsheets write, and the line's length.
func declared(start []byte) (delimiter byte, length int) {
	rest, ok := bytes.CutPrefix(start, []byte("sep="))
	if !ok || len(rest) < 2 {
		return 0, 0
	}
	if _, err := Parse(string(rest[:1])); err != nil {
		return 0, 0
	}
	for _, end := range []string{"\r\n", "\n", "\r"} {
		if bytes.HasPrefix(rest[1:], []byte(end)) {
			return rest[0], len("sep=") + 1 + len(end)
		}
	}
	return 0, 0
}

// Read returns the next record. Empty lines are skipped. It returns io.EOF after
// the last record and an *Error for one that can't be read.
func (r *Reader) Read() (Record, error) {
	for {
		line := r.line
		reason, err := r.next()
		if err != nil {
			return Record{}, err
		}
		if reason == "" && len(r.record) == 0 && len(r.ends) == 1 {
			continue
		}
		if bad := r.notText(line); bad != nil {
			return Record{}, bad
		}
		if reason != "" {
			return Record{}, &Error{Line: line, Reason: reason}
		}
		r.fields = r.fields[:0]
		from := 0
		for _, end := range r.ends {
			r.fields = append(r.fields, r.record[from:end:end])
			from = end + 1
		}
		return Record{line, r.fields}, nil
	}
}

// The places in a cell.
const (
	begins = iota // only spaces so far
	plain         // in an unquoted cell
	quoted        // in a quoted cell
	closed        // after the closing quote
	after         // only spaces since then
)

// next reads one record into record and ends, without its line end. It returns
// the reason if the record is wrong.
func (r *Reader) next() (reason string, err error) {
	r.record, r.ends = r.record[:0], r.ends[:0]
	place, spaced := begins, false
	fail := func(format string, args ...any) {
		if reason == "" {
			reason = fmt.Sprintf(format, args...)
		}
	}
	for first := true; ; first = false {
		c, err := r.in.ReadByte()
		switch {
		case err != nil && (first || !errors.Is(err, io.EOF)):
			return "", err
		case err != nil && place == quoted && !spaced:
			fail("a quoted field is never closed; it has the rest of the file, to line %d", r.line)
		}
		if err == nil && (c == '\n' || c == '\r') {
			end := r.lineEnd(c)
			if place == quoted && !spaced {
				r.record = append(r.record, end...)
				continue
			}
		} else if err == nil {
			switch {
			case c == '"' && (place == begins || place == closed): // it opens, or is doubled
				place = quoted
			case c == '"' && place == quoted:
				place = closed
			case c == r.Delimiter && place != quoted:
				place, spaced = begins, false
				if len(r.ends) == mostFields {
					fail("it has more than %d fields", mostFields)
				} else {
					r.ends = append(r.ends, len(r.record))
				}
			case c == ' ' && place == begins:
				spaced = true
			case c == ' ' && (place == closed || place == after):
				place = after
			case place == quoted:
			case place == closed, place == after:
				fail("text follows the closing quote of field %d", len(r.ends)+1)
				place = plain
			default:
				place = plain
			}
			if len(r.record) >= r.options.Longest {
				fail("it is longer than %d MiB", r.options.Longest>>20)
				continue
			}
			r.record = append(r.record, c)
			continue
		}
		if place == quoted {
			fail("the quote in field %d is not closed in its line", len(r.ends)+1)
		}
		r.ends = append(r.ends, len(r.record))
		return reason, nil
	}
}

// lineEnd returns the line end that begins with c.
func (r *Reader) lineEnd(c byte) string {
	r.line++
	end := string(c)
	if c == '\r' {
		if next, _ := r.in.Peek(1); len(next) == 1 && next[0] == '\n' {
			_, _ = r.in.Discard(1)
			end = "\r\n"
		}
	}
	if r.End == "" {
		r.End = end
	}
	return end
}

// notText returns an error if the record, which begins at a line, is not text.
func (r *Reader) notText(line int) *Error {
	record := r.record
	if len(record) >= r.options.Longest { // it may end in a character
		return nil
	}
	at, reason := coding.FirstInvalid(record), ""
	switch zero := bytes.IndexByte(record, 0); {
	case at >= 0:
		reason = fmt.Sprintf("byte 0x%02x is not UTF-8", record[at])
	case zero >= 0:
		at, reason = zero, "it has a zero byte, as UTF-16 and binary files do"
	case r.options.Converted:
		if at = bytes.Index(record, []byte("\uFFFD")); at >= 0 {
			reason = "it is not in the given encoding"
		}
	}
	if at < 0 {
		return nil
	}
	before := record[:at]
	line += bytes.Count(before, []byte{'\n'}) + bytes.Count(before, []byte{'\r'}) - bytes.Count(before, []byte("\r\n"))
	return &Error{line, reason, true}
}

// Text returns the value of a field, without its quotes.
func Text(field []byte) string {
	cell := bytes.Trim(field, " ")
	if last := len(cell) - 1; last > 0 && cell[0] == '"' && cell[last] == '"' {
		return strings.ReplaceAll(string(cell[1:last]), `""`, `"`)
	}
	return string(field)
}

// AppendField appends a text as a field, in quotes if it needs them.
func AppendField(to []byte, text string, delimiter byte) []byte {
	if text == "" || !strings.ContainsAny(text, "\"\r\n"+string(rune(delimiter))) && text[0] != ' ' && text[len(text)-1] != ' ' {
		return append(to, text...)
	}
	to = append(to, '"')
	to = append(to, strings.ReplaceAll(text, `"`, `""`)...)
	return append(to, '"')
}
