// Package jsonrpc reads JSON-RPC messages at the edge, before any library
// sees them: strictly, and no further than a transport needs to know.
package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// MaxMessage is how long a message may be.
const MaxMessage = 4 << 20

// maxBatch is how many messages one batch may hold.
const maxBatch = 100

// The codes of errors that a transport answers with.
const (
	ParseError     = -32700
	InvalidRequest = -32600
	InternalError  = -32603
)

// Message is one message: a request (Method and ID), a notification (Method
// alone) or a response (neither of it is asked for here).
type Message struct {
	Raw    json.RawMessage
	Method string
	ID     json.RawMessage // as it came; nil where there is none
	Params json.RawMessage // as they came; nil where there are none
	// Err, when set, is why the message can't be handled.
	Err *Error
}

// IsRequest reports whether the message wants an answer.
func (m *Message) IsRequest() bool { return m.Method != "" && m.ID != nil }

// IsNotification reports whether the message only tells something.
func (m *Message) IsNotification() bool { return m.Method != "" && m.ID == nil }

// Error is the refusal of a message.
type Error struct {
	Code    int
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Reply is the error as the answer to the request with the given id; nil is
// for a message whose id can't be known.
func (e *Error) Reply(id json.RawMessage) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	text, err := json.Marshal(e.Message)
	if err != nil {
		text = []byte(`"error"`)
	}
	b := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
	b = strconv.AppendInt(append(b, `,"error":{"code":`...), int64(e.Code), 10)
	return append(append(append(b, `,"message":`...), text...), "}}"...)
}

// TooLong refuses what is longer than limit bytes.
func TooLong(limit int) *Error {
	return &Error{Code: InvalidRequest, Message: fmt.Sprintf("a message may be %d bytes long at most", limit)}
}

// Parse reads one message, or a batch of them. The error is for what can't
// be read at all; a message that can be read and not handled has its own.
func Parse(raw []byte) (messages []Message, batch bool, err *Error) {
	if checkErr := strictjson.Check(raw); checkErr != nil {
		return nil, false, &Error{Code: ParseError, Message: "not valid JSON: " + checkErr.Error()}
	}
	s := scanner{raw: raw}
	s.space()
	switch s.raw[s.at] {
	case '{':
		return []Message{message(raw[s.at:])}, false, nil
	case '[':
	default:
		return nil, false, &Error{Code: InvalidRequest, Message: "a message must be an object"}
	}
	for element := range s.elements() {
		if len(messages) == maxBatch {
			return nil, true, &Error{Code: InvalidRequest, Message: fmt.Sprintf("a batch may hold %d messages at most", maxBatch)}
		}
		messages = append(messages, message(element))
	}
	if len(messages) == 0 {
		return nil, true, &Error{Code: InvalidRequest, Message: "a batch must hold a message"}
	}
	return messages, true, nil
}

// fields are the members of a message that later readers look for. Their
// decoder takes keys in any case, so one that only differs in case from what
// was checked here is refused.
var fields = []string{"jsonrpc", "id", "method", "params", "result", "error"}

func message(raw []byte) Message {
	m := Message{Raw: raw}
	if raw[0] != '{' {
		m.Err = &Error{Code: InvalidRequest, Message: "a message must be an object"}
		return m
	}
	version := ""
	s := scanner{raw: raw}
	var problems []error
	for key, value := range s.members() {
		switch key {
		case "jsonrpc":
			version = string(value)
		case "id":
			m.ID = value
		case "method":
			if m.Method = textOf(value); m.Method == "" {
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

// textOf decodes a JSON string; empty where it is none.
func textOf(value json.RawMessage) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	inner := string(value[1 : len(value)-1])
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return ""
	}
	return text
}
