package delimited

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// delimiters are those that are found, the most likely first: tabs are rare in
// the text of cells.
const delimiters = "\t,;|"

// find returns the delimiter with which most records at the start of a table
// have as many fields as the first one. A table with one column has a comma.
func find(start []byte, whole bool) (byte, error) {
	best, most := byte(','), 0.0
	for _, delimiter := range []byte(delimiters) {
		switch share := fit(start, whole, delimiter); {
		case share == 1 && most == 1 && best == ',' && delimiter == ';':
			return 0, ErrAmbiguous
		case share > most:
			best, most = delimiter, share
		}
	}
	return best, nil
}

// fit returns how many of the records at the start of a table have as many
// fields as the first one, from 0 to 1; 0 if that has one field only.
func fit(start []byte, whole bool, delimiter byte) float64 {
	r, err := NewReader(bytes.NewReader(start), Options{Delimiter: delimiter})
	var counts []int
	for err == nil {
		var record Record
		record, err = r.Read()
		var bad *Error
		switch {
		case err == nil:
			counts = append(counts, len(record.Fields))
		case errors.As(err, &bad):
			counts, err = append(counts, -1), nil
		}
	}
	if !whole && len(counts) > 1 { // the last one is cut
		counts = counts[:len(counts)-1]
	}
	if len(counts) == 0 || counts[0] <= 1 {
		return 0
	}
	same := 0
	for _, count := range counts {
		if count == counts[0] {
			same++
		}
	}
	return float64(same) / float64(len(counts))
}

// Parse returns the delimiter that a person gave: one ASCII character, or tab.
// Empty is 0.
func Parse(text string) (byte, error) {
	switch {
	case text == "":
		return 0, nil
	case text == "tab", text == `\t`:
		return '\t', nil
	case len(text) == 1 && text[0] < 0x80 && !strings.ContainsAny(text, "\"\r\n \x00"):
		return text[0], nil
	}
	return 0, fmt.Errorf("the delimiter is one character such as , ; | or tab; got %q", text)
}
