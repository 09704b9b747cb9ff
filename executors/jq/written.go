package jq

import (
	"encoding/json"
	"math/big"
)

// escapable checks a value that is written as a text, by the length of the text.
func escapable(w *watch, v any) error {
	n, err := size(w, v)
	if err != nil {
		return err
	}
	if bytes := n * 8; bytes*maxEscape <= maxString {
		return nil
	}
	left := maxString
	if written(v, &left); left < 0 {
		return tooLarge("the text would be longer than %d bytes", maxString)
	}
	return nil
}

// maxEscape is the number of bytes that one byte becomes at most: \u0000, &quot;.
const maxEscape = 6

func written(v any, left *int) {
	if *left -= 4; *left < 0 {
		return
	}
	switch v := v.(type) {
	case string:
		escaped(v, left)
	case json.Number:
		*left -= len(v)
	case *big.Int:
		*left -= v.BitLen() / 3
	case int, float64:
		*left -= 24
	case []any:
		for _, each := range v {
			written(each, left)
		}
	case map[string]any:
		for key, each := range v {
			escaped(key, left)
			written(each, left)
		}
	}
}

// escaped takes the length that s has in the longest of all formats.
func escaped(s string, left *int) {
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20, c == '"', c == '\'', c == '&', c == '<', c == '>', c == 0x7f:
			*left -= maxEscape
		case c == '\\', c == '%':
			*left -= 3
		default:
			*left--
		}
	}
}
