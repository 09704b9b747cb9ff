package web

import (
	"net/http"
	"slices"
	"strings"
)

// ownedHeaders are set by the client from the URL and the body, or are for the
// next hop only. A caller who could set Host could reach another site at the
// address that a secret is bound to.
var ownedHeaders = []string{
	"Connection", "Content-Length", "Expect", "Host", "Http2-Settings", "Keep-Alive", "Proxy-Authenticate",
	"Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// safeHeaders may be sent to a host other than the one they were given for.
// Any other header may be a credential.
var safeHeaders = []string{"Accept", "Accept-Language", "Accept-Encoding", "Content-Type", "User-Agent"}

// ReadHeaders converts the input's headers to request headers. It fails if two
// names differ only in case.
func ReadHeaders(given map[string]any) (http.Header, error) {
	header := make(http.Header, len(given)+4)
	for _, name := range sortedKeys(given) {
		field := "headers." + name
		if !IsToken(name) {
			return nil, Invalid("headers", "header name %q: only letters, digits and -_.!#$%%&'*+^`|~ are allowed", name)
		}
		canonical := http.CanonicalHeaderKey(name)
		if slices.Contains(ownedHeaders, canonical) {
			return nil, Invalid(field, "%s can't be set: it is derived from the address, the body or the connection", field)
		}
		if _, twice := header[canonical]; twice {
			return nil, Invalid(field, "%s is set twice, in different cases", field)
		}
		value, err := HeaderValue(field, Scalar(given[name]))
		if err != nil {
			return nil, err
		}
		header[canonical] = []string{value}
	}
	return header, nil
}

// IsToken reports whether name is a token of HTTP (RFC 9110, 5.6.2).
func IsToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// HeaderValue returns the value without the spaces around it. It fails if a
// header can't carry the value.
func HeaderValue(field, value string) (string, error) {
	if strings.ContainsFunc(value, isControl) {
		return "", Invalid(field, "%s holds a control character such as a line break, which headers can't carry", field)
	}
	return strings.Trim(value, " \t"), nil
}

// WithoutUnsafe returns the headers that may be sent to another host.
func WithoutUnsafe(header http.Header) http.Header {
	kept := make(http.Header, len(safeHeaders))
	for _, name := range safeHeaders {
		if values, ok := header[name]; ok {
			kept[name] = values
		}
	}
	return kept
}

// SetDefault sets a header unless the caller has set it.
func SetDefault(header http.Header, name, value string) {
	if _, given := header[name]; !given {
		header[name] = []string{value}
	}
}

// MaxHeaderBytes limits the response headers in the output, so that they don't
// fill the caller's context.
const MaxHeaderBytes = 64 << 10

// Flatten returns response headers by lower-case name, one string each.
// Repeated headers are joined with ", ", but set-cookie with line breaks,
// because its values contain commas. cut reports that some were left out.
func Flatten(header http.Header) (flat map[string]string, cut bool) {
	flat = make(map[string]string, len(header))
	left := MaxHeaderBytes
	for _, name := range sortedKeys(header) {
		separator := ", "
		if name == "Set-Cookie" {
			separator = "\n"
		}
		value := strings.ToValidUTF8(strings.Join(header[name], separator), "\uFFFD")
		if left -= len(name) + len(value); left < 0 {
			return flat, true
		}
		flat[strings.ToLower(name)] = value
	}
	return flat, false
}
