package tools

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/chainwright/chainwright/executors"
)

const (
	// MaxResult bounds the text of one answer. A longer result is left out,
	// and the answer names the call that reads it in pages.
	MaxResult = 32 << 10
	// previewSize is how much of a result that was left out is shown. This
	// and the sizes below count bytes of JSON; together they leave room.
	previewSize  = 4 << 10
	errorSize    = 4 << 10
	hintSize     = 1 << 10
	warningSize  = 512
	maxWarnings  = 16
	envelopeRoom = 512
)

// IsError reports whether the call failed, as against having told of a
// failure that it was asked about.
func (r *Result) IsError() bool { return r.Err != nil && !r.Told }

// Encode gives the envelope's JSON: what applies, in a set order, at most
// MaxResult long. These bytes are the answer's text and its structured
// content. Where the result does not fit, it is left out, and truncated,
// preview and next stand for it.
func (r *Result) Encode() json.RawMessage {
	b := r.append(make([]byte, 0, envelopeRoom+min(len(r.Result), MaxResult)), len(r.Result) < MaxResult)
	if len(b) <= MaxResult {
		return b
	}
	return r.append(b[:0], false)
}

func (r *Result) append(b []byte, whole bool) []byte {
	b = append(b, `{"status":`...)
	b = appendString(b, r.Status)
	truncated, preview, next := r.Truncated, r.Preview, r.Next
	switch {
	case r.Result == nil:
	case whole:
		b = append(append(b, `,"result":`...), r.Result...)
	default:
		truncated = true
		if preview == "" {
			preview = string(r.Result[:min(len(r.Result), previewSize+16)])
		}
		if r.Rest != nil {
			next = r.Rest
		}
	}
	b = appendError(b, r.Err)
	if r.RunID != "" {
		b = appendString(append(b, `,"run_id":`...), r.RunID)
	}
	b = append(b, `,"duration_ms":`...)
	b = strconv.AppendFloat(b, r.DurationMS, 'f', -1, 64)
	if truncated {
		b = append(b, `,"truncated":true`...)
	}
	if preview != "" {
		b = appendString(append(b, `,"preview":`...), within(preview, previewSize))
	}
	b = appendWarnings(b, r.Warnings)
	if next != nil {
		if raw, err := encode(next); err == nil {
			b = append(append(b, `,"next":`...), raw...)
		}
	}
	return append(b, '}')
}

func appendError(b []byte, err *executors.Error) []byte {
	if err == nil {
		return b
	}
	b = appendString(append(b, `,"error":`...), within(err.Message, errorSize))
	b = appendString(append(b, `,"error_type":`...), string(err.Type))
	for _, part := range [...]struct{ key, text string }{
		{`,"error_code":`, err.Code}, {`,"field":`, err.Field}, {`,"hint":`, err.Hint},
	} {
		if part.text != "" {
			b = appendString(append(b, part.key...), within(part.text, hintSize))
		}
	}
	return b
}

func appendWarnings(b []byte, warnings []string) []byte {
	for i, warning := range warnings {
		if i == maxWarnings {
			b = append(b, `,"and more"`...)
			break
		}
		b = appendString(append(b, separator(i, `,"warnings":[`)...), within(warning, warningSize))
	}
	if len(warnings) > 0 {
		b = append(b, ']')
	}
	return b
}

func separator(i int, first string) string {
	if i == 0 {
		return first
	}
	return ","
}

// encode is json.Marshal with nothing escaped for the sake of HTML.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Failure is the answer of a call that could not be made.
func Failure(err *executors.Error) *Result {
	return &Result{Status: StatusFailed, Err: err}
}
