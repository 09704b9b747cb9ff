package file

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
)

// coding turns the bytes of a file into text. from is nil for UTF-8.
type coding struct {
	name string
	from encoding.Encoding
}

var utf8Mark = []byte("\xef\xbb\xbf")

// codingOf finds an encoding by any of its usual names.
func codingOf(name string) (coding, error) {
	label := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
	switch label {
	case "", "utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii":
		return coding{name: "utf-8"}, nil
	case "utf-16", "utf16":
		return coding{"utf-16", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)}, nil
	case "utf-16le", "utf-16-le":
		return coding{"utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)}, nil
	case "utf-16be", "utf-16-be":
		return coding{"utf-16be", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)}, nil
	case "utf-32", "utf32":
		return coding{"utf-32", utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)}, nil
	case "latin-1", "latin1", "iso-8859-1", "iso8859-1", "l1": // the web's latin1 is windows-1252
		return coding{"latin-1", charmap.ISO8859_1}, nil
	}
	if number, ok := strings.CutPrefix(label, "cp"); ok {
		label = "windows-" + number
		if len(number) == 3 {
			label = "ibm" + number
		}
	}
	from, err := htmlindex.Get(label)
	if err != nil || from == encoding.Replacement {
		return coding{}, fmt.Errorf("the encoding %q is not known", name)
	}
	return coding{label, from}, nil
}

// marked is the coding of a part of a file whose start has a mark that says
// in which order the bytes are.
func (c coding) marked(f *os.File) (coding, error) {
	if c.name != "utf-16" {
		return c, nil
	}
	var mark [2]byte
	if _, err := f.ReadAt(mark[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return c, err
	}
	if mark == [2]byte{0xfe, 0xff} {
		return codingOf("utf-16be")
	}
	return codingOf("utf-16le")
}

// decode turns a part of a file into text, and says how many bytes that took:
// where the file goes on, the start of a character at the end is left out. At
// the beginning of a UTF-8 part that is not the file's, the end of a character
// is left out too.
func (c coding) decode(data []byte, start, more bool) (text string, used int, err error) {
	if c.from != nil {
		return c.convert(data, more)
	}
	skip := 0
	if start && bytes.HasPrefix(data, utf8Mark) {
		skip = len(utf8Mark)
	}
	for !start && skip < min(len(data), utf8.UTFMax-1) && !utf8.RuneStart(data[skip]) {
		skip++
	}
	end := len(data)
	if more {
		end = wholeCharacters(data)
	}
	skip = min(skip, end)
	if bad := firstInvalid(data[skip:end]); bad >= 0 {
		return "", 0, fmt.Errorf("byte %d is no part of a character", skip+bad)
	}
	return string(data[skip:end]), end, nil
}

func (c coding) convert(data []byte, more bool) (string, int, error) {
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

// reader decodes all of a stream.
func (c coding) reader(r io.Reader) io.Reader {
	if c.from == nil {
		return r
	}
	return transform.NewReader(r, c.from.NewDecoder())
}

// wholeCharacters is where the last whole UTF-8 character ends.
func wholeCharacters(data []byte) int {
	for back := 1; back < utf8.UTFMax && back <= len(data); back++ {
		if at := len(data) - back; utf8.RuneStart(data[at]) {
			if !utf8.FullRune(data[at:]) {
				return at
			}
			break
		}
	}
	return len(data)
}

// firstInvalid is the first byte that is no part of a UTF-8 character, or -1.
func firstInvalid(data []byte) int {
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
