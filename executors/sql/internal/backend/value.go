package backend

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// AppendString appends a text as JSON. Invalid UTF-8 becomes U+FFFD.
func AppendString(to []byte, s string) []byte {
	const hex = "0123456789abcdef"
	if len(s) > 1<<16 {
		to = slices.Grow(to, escapedLen(s)) // growing by appending would take twice the memory
	}
	to = append(to, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				to = append(to, '\\', c)
			case c >= ' ':
				to = append(to, c)
			case c == '\n':
				to = append(to, '\\', 'n')
			case c == '\r':
				to = append(to, '\\', 'r')
			case c == '\t':
				to = append(to, '\\', 't')
			default:
				to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		to = utf8.AppendRune(to, r)
		i += n
	}
	return append(to, '"')
}

// escapedLen returns the length of a text as JSON if it is valid UTF-8.
func escapedLen(s string) int {
	n := len(s) + 2
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ':
			n += 5
		case c == '"' || c == '\\':
			n++
		}
	}
	return n
}

// AppendBytes appends bytes as {"base64": …}: as a parameter, a text would be a
// text, because SQLite and MySQL do not tell the types of parameters.
func AppendBytes(to []byte, b []byte) []byte {
	to = append(to, bytesStart...)
	to = base64.StdEncoding.AppendEncode(append(to, '"'), b)
	return append(to, '"', '}')
}

const bytesStart = `{"base64":`

// ParseBytes returns the bytes of an object {"base64": …}. ok is false for any
// other object.
func ParseBytes(object map[string]any) (b []byte, ok bool, err error) {
	encoded, ok := object["base64"].(string)
	if !ok || len(object) != 1 {
		return nil, false, nil
	}
	if b, err = base64.StdEncoding.DecodeString(encoded); err != nil {
		return nil, false, fmt.Errorf("base64: must be base64 with padding: %w", err)
	}
	return b, true, nil
}

// AppendNumber appends a number exactly as the database wrote it. A value that
// JSON or its readers can't hold as a number (NaN, infinities, over a hundred
// characters) becomes a string.
func AppendNumber(to []byte, text string) []byte {
	if len(text) > maxNumber || !isNumber(text) {
		return AppendString(to, text)
	}
	return append(to, text...)
}

// maxNumber is the longest number that strictjson reads.
const maxNumber = 100

func isNumber(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || digits[0] < '0' || digits[0] > '9' || len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return false
	}
	return json.Valid([]byte(text)) && strictjson.Check([]byte(text)) == nil
}

// AppendFloat appends a floating-point number.
func AppendFloat(to []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(to, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(to, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(to, `"-Infinity"`...)
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.AppendFloat(to, f, 'f', -1, 64)
	}
	return strconv.AppendFloat(to, f, 'g', -1, 64)
}

// AppendJSON appends JSON from the database unchanged. JSON that strictjson
// refuses (too deep, duplicate keys) becomes a string.
func AppendJSON(to []byte, text []byte) []byte {
	if strictjson.Check(text) != nil {
		return AppendString(to, string(text))
	}
	compact := bytes.NewBuffer(to)
	if json.Compact(compact, text) != nil {
		return AppendString(to, string(text))
	}
	return compact.Bytes()
}

// AppendStructure appends an array or object of a database whose JSON is text,
// as JSON. Any other text stays a text, also a JSON string or number, because as
// a parameter it could not be told from an SQL string or number.
func AppendStructure(to []byte, text string) []byte {
	appended := AppendJSON(to, []byte(text))
	made := appended[len(to):]
	if made[0] == '{' && !bytes.HasPrefix(made, []byte(bytesStart)) || made[0] == '[' {
		return appended
	}
	return AppendString(to, text)
}

// AppendTimestamp appends a time of the form "2026-01-02 03:04:05.6" or
// "2026-01-02 03:04:05.6+02" in the form of RFC 3339, without a zone if it has
// none. Any other text (infinity, years before Christ) stays unchanged.
func AppendTimestamp(to []byte, text string) []byte {
	for _, layout := range []string{time.DateTime, time.DateTime + "-07", time.DateTime + "-07:00"} {
		if _, err := time.Parse(layout, text); err != nil {
			continue
		}
		text = text[:10] + "T" + text[11:]
		if strings.HasSuffix(layout, "-07") {
			if text += ":00"; strings.HasSuffix(text, "+00:00") {
				text = strings.TrimSuffix(text, "+00:00") + "Z"
			}
		}
		break
	}
	return AppendString(to, text)
}

// ParamText returns a single value as text: strings and numbers unchanged. It
// returns false for arrays, objects and null.
func ParamText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return string(v), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
