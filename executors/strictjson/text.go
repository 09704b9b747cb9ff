package strictjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// plain marks the bytes that need no further check inside a string.
var plain = func() (table [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// string reads a string, quotes included.
func (p *parser) string() string {
	start := p.at
	p.at++
	from := p.at
	for p.at < len(p.raw) {
		c := p.raw[p.at]
		switch {
		case plain[c]:
			p.at++
		case c == '"':
			p.at++
			return p.slice(from, p.at-1)
		case c == '\\':
			return p.escaped(start, from)
		case c < 0x20:
			p.control(c)
			return ""
		default:
			if !p.rune() {
				return ""
			}
		}
	}
	p.fail(start, "the string that begins here does not end")
	return ""
}

func (p *parser) control(c byte) {
	p.fail(p.at, "control character 0x%02x inside a string; write it as \\u%04x", c, c)
}

// rune skips one character of several bytes. It returns false if it is not
// valid.
func (p *parser) rune() bool {
	r, size := utf8.DecodeRune(p.raw[p.at:])
	if r == utf8.RuneError && size <= 1 {
		p.fail(p.at, "byte 0x%02x is not valid UTF-8", p.raw[p.at])
		return false
	}
	p.at += size
	return true
}

// escaped reads the rest of a string from its first escape.
func (p *parser) escaped(start, from int) string {
	buffer := append(make([]byte, 0, p.at-from+32), p.raw[from:p.at]...)
	for p.at < len(p.raw) {
		from = p.at
		for p.at < len(p.raw) && plain[p.raw[p.at]] {
			p.at++
		}
		buffer = append(buffer, p.raw[from:p.at]...)
		if p.at == len(p.raw) {
			break
		}
		switch c := p.raw[p.at]; {
		case c == '"':
			p.at++
			return string(buffer)
		case c == '\\':
			r, ok := p.escape()
			if !ok {
				return ""
			}
			buffer = utf8.AppendRune(buffer, r)
		case c < 0x20:
			p.control(c)
			return ""
		default:
			from = p.at
			if !p.rune() {
				return ""
			}
			buffer = append(buffer, p.raw[from:p.at]...)
		}
	}
	p.fail(start, "the string that begins here does not end")
	return ""
}

// escape reads one escape, or both escapes of a surrogate pair.
func (p *parser) escape() (rune, bool) {
	start := p.at
	p.at++
	c := p.peek()
	p.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		r, ok := p.hex()
		if ok && utf16.IsSurrogate(r) {
			return p.pair(start, r)
		}
		return r, ok
	}
	p.at = min(start+1, len(p.raw))
	p.unexpected("an escape such as \\n or \\u0041")
	return 0, false
}

func (p *parser) pair(start int, high rune) (rune, bool) {
	if p.peek() == '\\' && p.at+1 < len(p.raw) && p.raw[p.at+1] == 'u' {
		p.at += 2
		low, ok := p.hex()
		if !ok {
			return 0, false
		}
		if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
			return r, true
		}
	}
	p.fail(start, "\\u%04x is half of a surrogate pair; the other half is missing", high)
	return 0, false
}

func (p *parser) hex() (rune, bool) {
	var r rune
	for range 4 {
		c := p.peek()
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			p.unexpected("four hexadecimal digits")
			return 0, false
		}
		p.at++
	}
	return r, true
}
