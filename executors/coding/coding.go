// Package coding decodes the bytes of text files. It is not a stable API.
package coding

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"

	"github.com/chainwright/chainwright/executors/shorten"
)

// Coding decodes the bytes of a file into text. The zero Coding is UTF-8.
type Coding struct {
	name string
	from encoding.Encoding // nil for UTF-8
}

// Mark is the byte order mark of UTF-8.
var Mark = []byte("\xef\xbb\xbf")

// Of returns an encoding by any of its usual names. An empty name is UTF-8.
func Of(name string) (Coding, error) {
	label := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
	switch label {
	case "", "utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii":
		return Coding{name: "utf-8"}, nil
	case "utf-16", "utf16":
		return Coding{"utf-16", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)}, nil
	case "utf-16le", "utf-16-le":
		return Coding{"utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)}, nil
	case "utf-16be", "utf-16-be":
		return Coding{"utf-16be", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)}, nil
	case "utf-32", "utf32":
		return Coding{"utf-32", utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)}, nil
	case "latin-1", "latin1", "iso-8859-1", "iso8859-1", "l1": // the web's latin1 is windows-1252
		return Coding{"latin-1", charmap.ISO8859_1}, nil
	}
	if number, ok := strings.CutPrefix(label, "cp"); ok {
		label = "windows-" + number
		if len(number) == 3 {
			label = "ibm" + number
		}
	}
	from, err := htmlindex.Get(label)
	if err != nil || from == encoding.Replacement {
		return Coding{}, fmt.Errorf("the encoding %q is not known", name)
	}
	return Coding{label, from}, nil
}

// Marked returns the coding for a part of a file whose byte order mark is at
// the start of the file.
func (c Coding) Marked(f *os.File) (Coding, error) {
	if c.name != "utf-16" {
		return c, nil
	}
	var mark [2]byte
	if _, err := f.ReadAt(mark[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return c, err
	}
	if mark == [2]byte{0xfe, 0xff} {
		return Of("utf-16be")
	}
	return Of("utf-16le")
}

// Decode decodes a part of a file and returns the number of bytes used. An
// incomplete character at the end is left out if the file has more. So is one
// at the beginning of a UTF-8 part that is not the start of the file.
func (c Coding) Decode(data []byte, start, more bool) (text string, used int, err error) {
	if c.from != nil {
		return c.convert(data, more)
	}
	skip := 0
	if start && bytes.HasPrefix(data, Mark) {
		skip = len(Mark)
	}
	for !start && skip < min(len(data), utf8.UTFMax-1) && !utf8.RuneStart(data[skip]) {
		skip++
	}
	end := len(data)
	if more {
		end = len(shorten.Whole(data))
	}
	skip = min(skip, end)
	if bad := FirstInvalid(data[skip:end]); bad >= 0 {
		return "", 0, fmt.Errorf("byte %d is not part of a character", skip+bad)
	}
	return string(data[skip:end]), end, nil
}

func (c Coding) convert(data []byte, more bool) (string, int, error) {
	decoder := c.from.NewDecoder()
	var out []byte
	buf := make([]byte, min(4*len(data)+64, 64<<10))
	used := 0
	for {
		nDst, nSrc, err := decoder.Transform(buf, data[used:], !more)
		out = append(out, buf[:nDst]...)
		used += nSrc
		switch {
		case err == nil, errors.Is(err, transform.ErrShortSrc):
			return string(out), used, nil
		case errors.Is(err, transform.ErrShortDst):
		default:
			return "", 0, err
		}
	}
}

// String returns the name of the encoding.
func (c Coding) String() string { return c.name }

// IsUTF8 reports whether the text is not converted.
func (c Coding) IsUTF8() bool { return c.from == nil }

// Reader returns a reader that decodes a whole stream. Bytes that are not in
// the encoding become U+FFFD.
func (c Coding) Reader(r io.Reader) io.Reader {
	if c.from == nil {
		return r
	}
	return transform.NewReader(r, c.from.NewDecoder())
}

// FirstInvalid returns the index of the first byte that is not part of a UTF-8
// character, or -1.
func FirstInvalid(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return -1
}
