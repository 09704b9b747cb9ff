package model

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// ErrorIn returns the error that a JSON body reports, whatever its HTTP status:
// {"error": …}, {"errors": […]}, an object that says that it is an error, or an
// array that begins with one of these.
func ErrorIn(body []byte) (Upstream, bool) {
	object, ok := firstObject(body)
	if !ok {
		return Upstream{}, false
	}
	for _, name := range []string{"error", "errors"} {
		if up, ok := ErrorOf(object[name]); ok {
			return up, true
		}
	}
	if word(object["object"]) == "error" || word(object["type"]) == "error" {
		return ErrorOf(body)
	}
	return Upstream{}, false
}

// ErrorOf returns a value that is known to be an error: an object, a text, or an
// array of them, of which it returns the first. It reports false for nothing:
// null, false, "", {} and [].
func ErrorOf(value json.RawMessage) (Upstream, bool) {
	switch strings.Join(strings.Fields(string(value)), "") {
	case "", "null", "false", "0", `""`, "{}", "[]":
		return Upstream{}, false
	}
	object, ok := firstObject(value)
	if !ok {
		return Upstream{Message: word(value)}, true
	}
	up := Upstream{Message: string(value)}
	for _, name := range []string{"message", "detail", "msg", "error"} {
		if said := word(object[name]); said != "" && said != "null" {
			up.Message = said
			break
		}
	}
	var codes []string
	for _, name := range []string{"code", "type", "status"} {
		code := word(object[name])
		if code == "" || code == "null" || code == "error" {
			continue
		}
		if status, err := strconv.Atoi(code); err == nil && status >= 400 && status < 600 && up.Status == 0 {
			up.Status = status
		}
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	up.Code = strings.Join(codes, " ")
	return up, true
}

// firstObject returns the members of an object, or of the first element of an
// array.
func firstObject(value []byte) (map[string]json.RawMessage, bool) {
	var object map[string]json.RawMessage
	if value = bytes.TrimSpace(value); len(value) > 0 && value[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(value, &list) != nil || len(list) == 0 {
			return nil, false
		}
		value = list[0]
	}
	return object, json.Unmarshal(value, &object) == nil && object != nil
}

// word returns a text without its quotes, and other JSON unchanged.
func word(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && text != "" {
		return text
	}
	return strings.Trim(string(value), `"`)
}

// longestTail is how much of a body's end is kept, in bytes: an error is short,
// and comes last.
const longestTail = 64 << 10

// keep appends to the end of the body that is kept.
func (x *Exchange) keep(p []byte) {
	if x.tail = append(x.tail, p...); len(x.tail) > 2*longestTail {
		x.tail = append(x.tail[:0], x.tail[len(x.tail)-longestTail:]...)
	}
}

// Reported returns the error in a successful response whose body, or one event
// of whose stream, is an error.
func (x *Exchange) Reported() (Upstream, bool) {
	if x.Status >= http.StatusMultipleChoices {
		return Upstream{}, false
	}
	if up, ok := ErrorIn(x.tail); ok {
		return up, true
	}
	for line := range bytes.Lines(x.tail) {
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			if up, ok := ErrorIn(data); ok {
				return up, true
			}
		}
	}
	return Upstream{}, false
}

// MessageIn returns the message of a body that is not a reply and has no error
// field, such as {"detail": "…"}.
func MessageIn(body []byte) (Upstream, bool) {
	object, _ := firstObject(body)
	for _, name := range []string{"message", "detail", "msg"} {
		if said := word(object[name]); said != "" && said != "null" {
			return ErrorOf(body)
		}
	}
	return Upstream{}, false
}
