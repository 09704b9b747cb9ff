package strictjson

import (
	"encoding/json"
	"iter"
	"strings"
)

// The functions of this file step through JSON that Check or Decode accepted
// before. They build nothing and look at each byte once. On other text they
// may panic.

// Members returns the keys and values of an object in their order. It returns
// nothing if checked is not an object.
func Members(checked []byte) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		s := scanner{raw: checked}
		if !s.enters('{') {
			return
		}
		for s.space(); s.raw[s.at] != '}'; s.space() {
			if s.raw[s.at] == ',' {
				s.at++
				continue
			}
			key := s.value()
			s.space()
			s.at++ // the colon
			s.space()
			if !yield(Text(key), s.value()) {
				return
			}
		}
	}
}

// Elements returns the elements of an array in their order. It returns nothing
// if checked is not an array.
func Elements(checked []byte) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		s := scanner{raw: checked}
		if !s.enters('[') {
			return
		}
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

// Text returns the text of a JSON string; empty if checked is not a string. A
// text without escapes is not decoded a second time.
func Text(checked []byte) string {
	if len(checked) < 2 || checked[0] != '"' {
		return ""
	}
	inner := string(checked[1 : len(checked)-1])
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var text string
	if json.Unmarshal(checked, &text) != nil {
		return ""
	}
	return text
}

// scanner steps through checked JSON.
type scanner struct {
	raw []byte
	at  int
}

// enters steps over an opening bracket, and reports whether it is there.
func (s *scanner) enters(bracket byte) bool {
	s.space()
	if s.at == len(s.raw) || s.raw[s.at] != bracket {
		return false
	}
	s.at++
	return true
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

// value steps over one value and returns its text.
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
