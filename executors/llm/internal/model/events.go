package model

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Events reads the data of server-sent events. A line of data that is complete
// JSON is an event of its own, because not every endpoint separates events. Lines
// outside of events are kept: some endpoints report errors there.
type Events struct {
	from  *bufio.Reader
	name  string
	data  []byte // lines of data that are not complete JSON
	stray []byte
	ended bool
}

// NewEvents returns the events of a stream.
func NewEvents(from *bufio.Reader) *Events { return &Events{from: from} }

// Ended reports whether the stream has been read to its end.
func (e *Events) Ended() bool { return e.ended }

// Next returns the data of the next event, and whether the event is called error.
// The error is io.EOF after the last one.
func (e *Events) Next() (data []byte, failed bool, err error) {
	for !e.ended {
		line, err := e.from.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false, err
		}
		e.ended = err != nil
		line = bytes.TrimSpace(line)
		field, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimSpace(value)
		switch string(field) {
		case "": // the end of an event, or a comment
			if len(line) == 0 && len(e.data) > 0 {
				return e.take(e.data)
			}
			if len(line) == 0 {
				e.name = ""
			}
		case "event":
			e.name = string(value)
		case "id", "retry":
		case "data":
			switch {
			case string(value) == "[DONE]":
				return nil, false, io.EOF
			case len(e.data) == 0 && json.Valid(value):
				return value, e.name == "error", nil
			}
			e.data = append(append(e.data, value...), '\n')
		default:
			e.stray = append(append(e.stray, line...), '\n')
		}
	}
	if len(e.data) > 0 {
		return e.take(e.data)
	}
	if stray := e.stray; json.Valid(stray) {
		e.stray = nil
		return stray, false, nil
	}
	return nil, false, io.EOF
}

func (e *Events) take(data []byte) ([]byte, bool, error) {
	failed := e.name == "error"
	e.data, e.name = nil, ""
	return data, failed, nil
}
