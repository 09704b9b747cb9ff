package backend

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// AppendString appends a text as JSON. Bytes that are no UTF-8 become U+FFFD.
func AppendString(to []byte, s string) []byte {
	const hex = "0123456789abcdef"
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

// AppendBytes appends bytes as a base64 text.
func AppendBytes(to []byte, b []byte) []byte {
	to = append(to, '"')
	to = base64.StdEncoding.AppendEncode(to, b)
	return append(to, '"')
}

// AppendNumber appends a number as the database wrote it, exactly. What JSON
// or its readers here can't hold as a number (NaN, infinities, over a hundred
// characters) becomes a text.
func AppendNumber(to []byte, text string) []byte {
	if len(text) > maxNumber || !isNumber(text) {
		return AppendString(to, text)
	}
	return append(to, text...)
}

// maxNumber is the longest number that is read back here: see strictjson.
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

// AppendJSON appends JSON from the database as it is; what is not JSON as it
// is read here (too deep, keys twice) becomes a text.
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

// AppendTime appends a time in RFC 3339.
func AppendTime(to []byte, t time.Time) []byte {
	if y := t.Year(); y < 0 || y > 9999 {
		return AppendString(to, t.Format(time.DateTime))
	}
	to = append(to, '"')
	to = t.AppendFormat(to, time.RFC3339Nano)
	return append(to, '"')
}

// AppendTimestamp appends a time that is written as "2026-01-02 03:04:05.6"
// in RFC 3339, in UTC where it names no zone. Any other text (infinity, years
// before Christ) stays as it is.
func AppendTimestamp(to []byte, text string) []byte {
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return AppendTime(to, t)
		}
	}
	return AppendString(to, text)
}

// ParamText writes a parameter as text: strings as they are, everything else
// as JSON. It gives false for null.
func ParamText(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case string:
		return v, true
	case json.Number:
		return string(v), true
	case bool:
		return strconv.FormatBool(v), true
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return "", false
	}
	return string(raw), true
}
