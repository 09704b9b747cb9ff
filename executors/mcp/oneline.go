package mcp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/chainwright/chainwright/executors"
)

// oneLine is a stream of events on its way to the library, which puts the lines
// of an event together one by one, and waits for ever for somebody to take a
// second answer. It gets each event on one line, and nothing after the answer.
type oneLine struct {
	body  io.Closer
	lines *bufio.Reader
	ready bytes.Buffer
	ended error
}

func newOneLine(body io.ReadCloser) *oneLine {
	return &oneLine{body: body, lines: bufio.NewReader(body)}
}

// Close ends the connection, unless its end was reached.
func (e *oneLine) Close() error { return e.body.Close() }

// Read gives the next event.
func (e *oneLine) Read(p []byte) (int, error) {
	for e.ready.Len() == 0 {
		if e.ended != nil {
			return 0, e.ended
		}
		e.next()
	}
	return e.ready.Read(p)
}

// next reads an event to its end.
func (e *oneLine) next() {
	var data []byte
	for {
		line, err := e.line()
		text, isData := bytes.CutPrefix(line, []byte("data:"))
		switch {
		case isData && data != nil:
			data = append(append(data, ' '), text...) // a line break in JSON is a space
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
		if isAnswer(data[len("data:"):]) && e.ended == nil {
			e.ended = io.EOF
		}
	}
	e.ready.WriteByte('\n')
}

// line reads a line, without its end.
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

// tooLong is the error of a server that sends more than may come.
func tooLong() error {
	return executors.Errorf(executors.ExecutionError, "the server's answer is longer than %d bytes", maxMessage)
}

// isAnswer tells an answer from what a server asks or notes.
func isAnswer(data []byte) bool {
	var message struct {
		Method *string         `json:"method"`
		ID     json.RawMessage `json:"id"`
	}
	return json.Unmarshal(data, &message) == nil && message.Method == nil && len(message.ID) > 0
}
