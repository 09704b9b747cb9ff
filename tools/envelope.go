package tools

import (
	"encoding/json"
	"strconv"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	// MaxResult is the largest text of one reply in bytes. A longer result is
	// left out, and the reply names the call that reads it in pages.
	MaxResult = 32 << 10
	// previewSize is the length of the preview of a result that was left out.
	// All sizes here count bytes of JSON, and their sum is below MaxResult.
	previewSize  = 4 << 10
	errorSize    = 4 << 10
	hintSize     = 1 << 10
	warningSize  = 512
	maxWarnings  = 16
	envelopeRoom = 512
)

// IsError reports whether the call itself failed. A failed run that the call
// only asked about is not an error.
func (r *Result) IsError() bool { return r.Err != nil && !r.Told }

// Encode returns the envelope as JSON, with the fields that apply in a fixed
// order, at most MaxResult bytes long. These bytes are both the text and the
// structured content of the reply. A result that is too long is replaced by
// truncated, preview and next.
func (r *Result) Encode() json.RawMessage {
	b := r.append(make([]byte, 0, envelopeRoom+min(len(r.Result), MaxResult)), len(r.Result) < MaxResult)
	if len(b) <= MaxResult {
		return b
	}
	return r.append(b[:0], false)
}

func (r *Result) append(b []byte, whole bool) []byte {
	b = append(b, `{"status":`...)
	b = plainjson.AppendString(b, r.Status)
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
		b = plainjson.AppendString(append(b, `,"run_id":`...), r.RunID)
	}
	b = append(b, `,"duration_ms":`...)
	b = strconv.AppendFloat(b, r.DurationMS, 'f', -1, 64)
	if truncated {
		b = append(b, `,"truncated":true`...)
	}
	if preview != "" {
		b = plainjson.AppendString(append(b, `,"preview":`...), shorten.JSON(preview, previewSize))
	}
	b = appendWarnings(b, r.Warnings)
	if next != nil {
		if raw, err := plainjson.Marshal(next); err == nil {
			b = append(append(b, `,"next":`...), raw...)
		}
	}
	return append(b, '}')
}

func appendError(b []byte, err *executors.Error) []byte {
	if err == nil {
		return b
	}
	b = plainjson.AppendString(append(b, `,"error":`...), shorten.JSON(err.Message, errorSize))
	b = plainjson.AppendString(append(b, `,"error_type":`...), string(err.Type))
	for _, part := range [...]struct{ key, text string }{
		{`,"error_code":`, err.Code}, {`,"field":`, err.Field}, {`,"hint":`, err.Hint},
	} {
		if part.text != "" {
			b = plainjson.AppendString(append(b, part.key...), shorten.JSON(part.text, hintSize))
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
		b = plainjson.AppendString(append(b, separator(i, `,"warnings":[`)...), shorten.JSON(warning, warningSize))
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

// Failure returns the result of a call that could not be made.
func Failure(err *executors.Error) *Result {
	return &Result{Status: StatusFailed, Err: err}
}
