package web

import (
	"net/url"
	"strings"
)

// ParseURL parses a URL as people and servers write it. Characters that a URL
// can't contain, such as spaces and letters outside of ASCII, are percent-encoded
// in its path and query, and so is a percent sign that starts no code.
func ParseURL(raw string) (*url.URL, error) { return url.Parse(encode(raw)) }

// Resolve parses a URL that a server or a page named, relative to base.
func Resolve(base *url.URL, raw string) (*url.URL, error) { return base.Parse(encode(raw)) }

// encode percent-encodes what is not allowed after the host. Control characters
// remain, so that parsing fails.
func encode(raw string) string {
	start := afterHost(raw)
	var out strings.Builder
	out.WriteString(raw[:start])
	for i := start; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '%' && !(i+2 < len(raw) && isHex(raw[i+1]) && isHex(raw[i+2])),
			c == ' ', c >= 0x80, strings.IndexByte("\"<>\\^`{|}", c) >= 0:
			out.WriteByte('%')
			out.WriteByte(hexDigits[c>>4])
			out.WriteByte(hexDigits[c&15])
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

const hexDigits = "0123456789ABCDEF"

// afterHost returns where the path begins; 0 for a URL without a host.
func afterHost(raw string) int {
	at := strings.Index(raw, "//")
	if at < 0 || strings.ContainsAny(raw[:at], "/?#") {
		return 0
	}
	path := strings.IndexAny(raw[at+2:], "/?#")
	if path < 0 {
		return len(raw)
	}
	return at + 2 + path
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
