package mcp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/chainwright/chainwright/executors"
)

// oneLine rewrites an event stream for the library, which joins the data lines
// of an event slowly and blocks forever on a second response. It puts each
// event on one line and ends after the response.
type oneLine struct {
	body  io.Closer
	lines *bufio.Reader
	ready bytes.Buffer
	ended error
}

func newOneLine(body io.ReadCloser) *oneLine {
	return &oneLine{body: body, lines: bufio.NewReader(body)}
}

// Close closes the response body.
func (e *oneLine) Close() error { return e.body.Close() }

// Read returns the next event.
func (e *oneLine) Read(p []byte) (int, error) {
	for e.ready.Len() == 0 {
		if e.ended != nil {
			return 0, e.ended
		}
		e.next()
	}
	return e.ready.Read(p)
}

// next reads one event.
func (e *oneLine) next() {
	var data []byte
	for {
		line, err := e.line()
		text, isData := bytes.CutPrefix(line, []byte("data:"))
		switch {
		case isData && data != nil:
			data = append(append(data, ' '), text...) // in JSON, a line break can be a space
		case isData:
			data = append([]byte("data:"), text...)
		case len(line) > 0:
			e.ready.Write(append(line, '\n'))
		}
		if err != nil || len(line) == 0 {
			e.ended = err
			break
		}
	}
	if len(data) > 0 {
		e.ready.Write(append(data, '\n'))
		if isResponse(data[len("data:"):]) && e.ended == nil {
			e.ended = io.EOF
		}
	}
	e.ready.WriteByte('\n')
}

// line reads a line without its line break.
func (e *oneLine) line() ([]byte, error) {
	var line []byte
	for {
		part, err := e.lines.ReadSlice('\n')
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return bytes.TrimRight(line, "\r\n"), err
	}
}

// tooLong is the error for a response longer than maxMessage.
func tooLong() error {
	return executors.Errorf(executors.ExecutionError, "the server's response is longer than %d bytes", maxMessage)
}

// isResponse reports whether a message is a response, not a request or a
// notification.
func isResponse(data []byte) bool {
	var message struct {
		Method *string         `json:"method"`
		ID     json.RawMessage `json:"id"`
	}
	return json.Unmarshal(data, &message) == nil && message.Method == nil && len(message.ID) > 0
}
