// Package jsonrpc reads JSON-RPC messages before any library does: strictly,
// and only the members that a transport needs.
package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// MaxMessage is the largest length of a message in bytes.
const MaxMessage = 4 << 20

// maxBatch is the largest number of messages in a batch.
const maxBatch = 100

// The codes of errors that a transport sends.
const (
	ParseError     = -32700
	InvalidRequest = -32600
	InternalError  = -32603
)

// Message is one message: a request (Method and ID), a notification (only
// Method) or a response (neither).
type Message struct {
	Raw    json.RawMessage
	Method string
	ID     json.RawMessage // as received; nil if it is missing
	Params json.RawMessage // as received; nil if they are missing
	// Err, when set, is the reason why the message can't be handled.
	Err *Error
}

// IsRequest reports whether the message requires a reply.
func (m *Message) IsRequest() bool { return m.Method != "" && m.ID != nil }

// IsNotification reports whether the message is a notification.
func (m *Message) IsNotification() bool { return m.Method != "" && m.ID == nil }

// Error is the error of a refused message.
type Error struct {
	Code    int
	Message string
	Data    json.RawMessage // details that help a client to correct the message, or nil
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Reply returns the error as the reply to the request with the given id; nil is
// the id of a message whose id is unknown.
func (e *Error) Reply(id json.RawMessage) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	b := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
	return append(e.Append(append(b, `,"error":`...)), '}')
}

// Append appends the error as a JSON object.
func (e *Error) Append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"code":`...), int64(e.Code), 10)
	b = plainjson.AppendString(append(b, `,"message":`...), e.Message)
	if e.Data != nil {
		b = append(append(b, `,"data":`...), e.Data...)
	}
	return append(b, '}')
}

// TooLong returns the error for a message of more than limit bytes.
func TooLong(limit int) *Error {
	return &Error{Code: InvalidRequest, Message: fmt.Sprintf("a message may be %d bytes long at most", limit)}
}

// Parse reads one message or a batch. It returns an error for a text that can't
// be read at all. A message that was read but can't be handled has its own
// error.
func Parse(raw []byte) (messages []Message, batch bool, err *Error) {
	if checkErr := strictjson.Check(raw); checkErr != nil {
		return nil, false, &Error{Code: ParseError, Message: "not valid JSON: " + checkErr.Error()}
	}
	raw = bytes.TrimLeft(raw, " \t\r\n")
	switch raw[0] {
	case '{':
		return []Message{message(raw)}, false, nil
	case '[':
	default:
		return nil, false, &Error{Code: InvalidRequest, Message: "a message must be an object"}
	}
	for element := range strictjson.Elements(raw) {
		if len(messages) == maxBatch {
			return nil, true, &Error{Code: InvalidRequest, Message: fmt.Sprintf("a batch may hold %d messages at most", maxBatch)}
		}
		messages = append(messages, message(element))
	}
	if len(messages) == 0 {
		return nil, true, &Error{Code: InvalidRequest, Message: "a batch must not be empty"}
	}
	return messages, true, nil
}

// fields are the members of a message that later readers use. Their decoder
// accepts keys in any case, so a key that differs from a member only in case is
// refused.
var fields = []string{"jsonrpc", "id", "method", "params", "result", "error"}

func message(raw []byte) Message {
	m := Message{Raw: raw}
	if raw[0] != '{' {
		m.Err = &Error{Code: InvalidRequest, Message: "a message must be an object"}
		return m
	}
	version := ""
	var problems []error
	for key, value := range strictjson.Members(raw) {
		switch key {
		case "jsonrpc":
			version = string(value)
		case "id":
			m.ID = value
		case "method":
			if m.Method = strictjson.Text(value); m.Method == "" {
				problems = append(problems, errors.New("method must be a string"))
			}
		case "params":
			m.Params = value
			if value[0] != '{' {
				problems = append(problems, errors.New("params must be an object"))
			}
		case "result", "error":
		default:
			for _, known := range fields {
				if strings.EqualFold(key, known) {
					problems = append(problems, fmt.Errorf("%q must be written %q", key, known))
				}
			}
		}
	}
	if m.ID != nil && m.ID[0] != '"' && m.ID[0] != '-' && (m.ID[0] < '0' || m.ID[0] > '9') {
		problems = append(problems, errors.New("id must be a string or a number"))
		m.ID = nil
	}
	if version != `"2.0"` {
		problems = append(problems, errors.New(`jsonrpc must be "2.0"`))
	}
	if len(problems) > 0 {
		m.Err = &Error{Code: InvalidRequest, Message: "not a valid request: " + errors.Join(problems...).Error()}
		m.Err.Message = strings.ReplaceAll(m.Err.Message, "\n", "; ")
	}
	return m
}
