package jsonrpc

import (
	"encoding/json"
	"iter"
)

// scanner steps through JSON that was checked before. On such a text it can't
// fail.
type scanner struct {
	raw []byte
	at  int
}

func (s *scanner) space() {
	for s.at < len(s.raw) {
		switch s.raw[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// value steps over one value and gives it.
func (s *scanner) value() json.RawMessage {
	start := s.at
	switch s.raw[s.at] {
	case '"':
		s.string()
	case '{', '[':
		s.nested()
	default:
		for s.at < len(s.raw) {
			switch s.raw[s.at] {
			case ',', ']', '}', ' ', '\t', '\n', '\r':
				return s.raw[start:s.at]
			}
			s.at++
		}
	}
	return s.raw[start:s.at]
}

func (s *scanner) string() {
	for s.at++; s.raw[s.at] != '"'; s.at++ {
		if s.raw[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
}

func (s *scanner) nested() {
	depth := 0
	for {
		switch s.raw[s.at] {
		case '"':
			s.string()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.at++
		if depth == 0 {
			return
		}
	}
}

// elements gives the elements of the array that begins here.
func (s *scanner) elements() iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		s.at++
		for s.space(); s.raw[s.at] != ']'; s.space() {
			if s.raw[s.at] == ',' {
				s.at++
				continue
			}
			if !yield(s.value()) {
				return
			}
		}
	}
}

// members gives the keys and values of the object that begins here.
func (s *scanner) members() iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		s.at++
		for s.space(); s.raw[s.at] != '}'; s.space() {
			if s.raw[s.at] == ',' {
				s.at++
				continue
			}
			key := s.value()
			s.space()
			s.at++ // the colon
			s.space()
			if !yield(textOf(key), s.value()) {
				return
			}
		}
	}
}

// Members gives the keys and values of an object that was read as a part of a
// message; nothing where it is no object.
func Members(raw json.RawMessage) iter.Seq2[string, json.RawMessage] {
	if len(raw) == 0 || raw[0] != '{' {
		return func(func(string, json.RawMessage) bool) {}
	}
	s := scanner{raw: raw}
	return s.members()
}

// Text decodes a string that was read as a part of a message; empty where it
// is none.
func Text(raw json.RawMessage) string { return textOf(raw) }
