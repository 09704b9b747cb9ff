package rows

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// member is a member of an object, as written.
type member struct {
	name  string
	value json.RawMessage
}

var errNoObject = errors.New("it is not a JSON object")

// setObject sets a row to the text of an object, which the row keeps.
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
	for name, value := range strictjson.Members(raw) {
		r.members = append(r.members, member{name, value})
	}
	return nil
}

// appendObject appends a row's text with members added.
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
		to = append(append(plainjson.AppendString(to, m.name), ':'), value...)
	}
	return append(appendMembers(to, without(added, done), false), '}'), nil
}

// replaces reports whether the row already has one of the members.
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

// convert returns a row of another format as an object.
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
		to = append(append(plainjson.AppendString(to, name), ':'), value...)
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
		to = append(append(plainjson.AppendString(to, a.Name), ':'), a.Value...)
	}
	return to
}
