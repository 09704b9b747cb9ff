package rows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// member is a member of an object as it was written.
type member struct {
	name  string
	key   []byte
	value json.RawMessage
}

var errNoObject = errors.New("it is no JSON object")

// Object makes a row of the text of a JSON object.
func Object(number int, raw []byte) (*Row, error) {
	row := &Row{Number: number}
	return row, row.setObject(number, bytes.TrimSpace(raw))
}

// setObject reads the text of an object into a row, which keeps the text.
func (r *Row) setObject(number int, raw []byte) error {
	*r = Row{Number: number, object: raw, members: r.members[:0]}
	if len(raw) == 0 || raw[0] != '{' {
		if err := strictjson.Check(raw); err != nil {
			return err
		}
		return errNoObject
	}
	if err := strictjson.Check(raw); err != nil {
		return err
	}
	s := scanner{text: raw, at: 1}
	for s.space(); s.text[s.at] != '}'; s.space() {
		key := s.value()
		s.space()
		s.at++ // the colon
		s.space()
		value := s.value()
		s.space()
		if s.text[s.at] == ',' {
			s.at++
		}
		r.members = append(r.members, member{unquote(key), key, value})
	}
	return nil
}

// scanner goes through JSON that is known to be valid.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t' || s.text[s.at] == '\n' || s.text[s.at] == '\r') {
		s.at++
	}
}

// value gives the text of the value that begins here.
func (s *scanner) value() []byte {
	from, depth := s.at, 0
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '"':
			s.quoted()
			if depth == 0 {
				return s.text[from:s.at]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.text[from:s.at]
			}
			if depth--; depth == 0 {
				s.at++
				return s.text[from:s.at]
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return s.text[from:s.at]
			}
		}
		s.at++
	}
	return s.text[from:]
}

func (s *scanner) quoted() {
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
}

// unquote is the text of a JSON string that is known to be valid.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		panic(fmt.Sprintf("rows: a checked string can't be read: %v", err))
	}
	return text
}

// appendObject appends the text of a row with members added to it.
func (r *Row) appendObject(to []byte, added []Member) ([]byte, error) {
	if r.object == nil {
		return r.convert(to, added)
	}
	if !r.replaces(added) {
		end := bytes.LastIndexByte(r.object, '}')
		to = append(to, bytes.TrimRight(r.object[:end], " \t\r\n")...)
		return append(appendMembers(to, added, len(r.members) == 0), '}'), nil
	}
	to = append(to, '{')
	done := map[string]bool{}
	for i, m := range r.members {
		if i > 0 {
			to = append(to, ',')
		}
		value := m.value
		for _, a := range added {
			if a.Name == m.name {
				value, done[a.Name] = a.Value, true
			}
		}
		to = append(append(append(to, m.key...), ':'), value...)
	}
	return append(appendMembers(to, without(added, done), false), '}'), nil
}

// replaces reports whether the row has one of the members already.
func (r *Row) replaces(added []Member) bool {
	for _, m := range r.members {
		for _, a := range added {
			if a.Name == m.name {
				return true
			}
		}
	}
	return false
}

// convert is a row of another format as an object.
func (r *Row) convert(to []byte, added []Member) ([]byte, error) {
	to = append(to, '{')
	first := true
	done := map[string]bool{}
	err := r.Each(func(name string, value json.RawMessage) bool {
		for _, a := range added {
			if a.Name == name {
				value, done[name] = a.Value, true
			}
		}
		if !first {
			to = append(to, ',')
		}
		first = false
		to = append(append(append(to, quote(name)...), ':'), value...)
		return true
	})
	return append(appendMembers(to, without(added, done), first), '}'), err
}

func without(added []Member, done map[string]bool) []Member {
	if len(done) == 0 {
		return added
	}
	var left []Member
	for _, a := range added {
		if !done[a.Name] {
			left = append(left, a)
		}
	}
	return left
}

func appendMembers(to []byte, added []Member, first bool) []byte {
	for _, a := range added {
		if !first {
			to = append(to, ',')
		}
		first = false
		to = append(append(append(to, quote(a.Name)...), ':'), a.Value...)
	}
	return to
}

// marshal is json.Marshal of a text, with nothing escaped for the sake of HTML.
func marshal(s string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(fmt.Sprintf("rows: a text can't be written as JSON: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
