package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/shorten"
)

// parser reads one text. It stops at the first error and keeps it in err.
type parser struct {
	raw   []byte
	text  string // raw again, if strings share its memory
	at    int
	depth int
	build bool
	keys  []string // of the objects that are open, if nothing is built
	err   *SyntaxError
}

func newParser(raw []byte, build bool) *parser {
	p := &parser{raw: raw, build: build}
	if !build || len(raw) <= shared {
		p.text = string(raw)
	}
	return p
}

func (p *parser) document() (any, error) {
	p.space()
	value := p.value()
	p.space()
	if p.err == nil && p.at < len(p.raw) {
		p.fail(p.at, "text follows the value; only one value is allowed")
	}
	if p.err != nil {
		return nil, p.err
	}
	return value, nil
}

// fail records the first error and moves to the end, which stops the parser.
func (p *parser) fail(at int, format string, args ...any) {
	if p.err != nil {
		return
	}
	line, start := 1, 0
	for i, c := range p.raw[:at] {
		if c == '\n' {
			line, start = line+1, i+1
		}
	}
	p.err = &SyntaxError{Offset: at, Line: line, Column: utf8.RuneCount(p.raw[start:at]) + 1, Message: fmt.Sprintf(format, args...)}
	p.at = len(p.raw)
}

// unexpected fails at a character that is not allowed here.
func (p *parser) unexpected(wanted string) {
	if p.at >= len(p.raw) {
		p.fail(len(p.raw), "the text ends, but %s was expected", wanted)
		return
	}
	r, size := utf8.DecodeRune(p.raw[p.at:])
	if r == utf8.RuneError && size <= 1 {
		p.fail(p.at, "byte 0x%02x is not valid UTF-8", p.raw[p.at])
		return
	}
	if bytes.HasPrefix(p.raw[p.at:], []byte("${{")) {
		wanted += `. A reference must be quoted: "${{ … }}"`
	}
	p.fail(p.at, "unexpected %q; expected %s", r, wanted)
}

func (p *parser) space() {
	for p.at < len(p.raw) {
		switch p.raw[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// peek returns the next character, 0 at the end.
func (p *parser) peek() byte {
	if p.at < len(p.raw) {
		return p.raw[p.at]
	}
	return 0
}

func (p *parser) value() any {
	switch c := p.peek(); c {
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		text := p.string()
		if !p.build {
			return nil
		}
		return text
	case 't':
		p.word("true")
		return true
	case 'f':
		p.word("false")
		return false
	case 'n':
		p.word("null")
		return nil
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.number()
	default:
		p.unexpected("a value")
		return nil
	}
}

func (p *parser) word(word string) {
	if end := p.at + len(word); end <= len(p.raw) && string(p.raw[p.at:end]) == word {
		p.at = end
		return
	}
	p.fail(p.at, "unknown word; did you mean %s?", word)
}

// enter steps into an array or object. It returns false if that is too deep.
func (p *parser) enter() bool {
	if p.depth == MaxDepth {
		p.fail(p.at, "nested deeper than %d", MaxDepth)
		return false
	}
	p.depth++
	p.at++
	p.space()
	return true
}

func (p *parser) array() any {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	if !p.build {
		p.skipArray()
		return nil
	}
	list := []any{}
	if p.peek() == ']' {
		p.at++
		return list
	}
	for {
		list = append(list, p.value())
		p.space()
		switch p.peek() {
		case ',':
			p.at++
			p.space()
		case ']':
			p.at++
			return list
		default:
			p.unexpected("',' or ']'")
			return nil
		}
	}
}

func (p *parser) leave() { p.depth-- }

func (p *parser) object() any {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	if !p.build {
		p.skipObject()
		return nil
	}
	object := map[string]any{}
	if p.peek() == '}' {
		p.at++
		return object
	}
	for {
		at := p.at
		key, ok := p.key()
		if !ok {
			return nil
		}
		size := len(object)
		object[key] = nil
		if len(object) == size {
			p.fail(at, "key %s appears twice", short(key))
			return nil
		}
		object[key] = p.value()
		p.space()
		switch p.peek() {
		case ',':
			p.at++
			p.space()
		case '}':
			p.at++
			return object
		default:
			p.unexpected("',' or '}'")
			return nil
		}
	}
}

// key reads a key and the colon after it.
func (p *parser) key() (key string, ok bool) {
	if p.peek() != '"' {
		p.unexpected("a key in double quotes")
		return "", false
	}
	key = p.string()
	p.space()
	if p.peek() != ':' {
		p.unexpected("':'")
		return "", false
	}
	p.at++
	p.space()
	return key, true
}

func (p *parser) number() any {
	start := p.at
	if p.peek() == '-' {
		p.at++
	}
	switch c := p.peek(); {
	case c == '0':
		p.at++
		if c := p.peek(); c >= '0' && c <= '9' {
			p.fail(start, "a number can't begin with 0")
			return nil
		}
	case c >= '1' && c <= '9':
		p.digits()
	default:
		p.unexpected("a digit")
		return nil
	}
	if p.peek() == '.' {
		p.at++
		if p.digits() == 0 {
			p.unexpected("a digit")
			return nil
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		from := p.at
		if p.digits() == 0 {
			p.unexpected("a digit")
			return nil
		}
		if exponent(p.raw[from:p.at]) > MaxExponent {
			p.fail(start, "the exponent of %s is out of range; it must be from -%[2]d to %[2]d", short(string(p.raw[start:p.at])), MaxExponent)
			return nil
		}
	}
	if p.at-start > MaxNumber {
		p.fail(start, "a number has %d characters; at most %d are allowed", p.at-start, MaxNumber)
		return nil
	}
	if !p.build {
		return nil
	}
	return json.Number(p.slice(start, p.at))
}

// digits skips digits and returns how many there were.
func (p *parser) digits() int {
	from := p.at
	for p.at < len(p.raw) && p.raw[p.at] >= '0' && p.raw[p.at] <= '9' {
		p.at++
	}
	return p.at - from
}

// exponent returns the value of digits, or any number over MaxExponent.
func exponent(digits []byte) int {
	value := 0
	for _, c := range digits {
		if value = value*10 + int(c-'0'); value > MaxExponent {
			break
		}
	}
	return value
}

// slice returns a part of the text as a string.
func (p *parser) slice(from, to int) string {
	if p.text != "" {
		return p.text[from:to]
	}
	return string(p.raw[from:to])
}

// short quotes a text for a message.
func short(text string) string {
	return strconv.Quote(shorten.Bytes(text, 60))
}
