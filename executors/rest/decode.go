package rest

import (
	"bytes"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// form is how a response body is returned.
type form int

const (
	asFile form = iota
	asText
	asJSON
	guess // no content type
)

// textTypes are text formats outside text/*.
var textTypes = map[string]bool{
	"application/xml": true, "application/javascript": true, "application/ecmascript": true, "application/x-javascript": true,
	"application/yaml": true, "application/x-yaml": true, "application/toml": true, "application/graphql": true,
	"application/x-ndjson": true, "application/ndjson": true, "application/jsonl": true, "application/json-seq": true,
	"application/x-www-form-urlencoded": true, "application/sql": true, "application/x-sh": true, "application/csv": true,
	"application/x-pem-file": true, "application/pem-certificate-chain": true, "application/jwt": true,
}

// readType parses a Content-Type header. If only the parameters are invalid,
// the media type is used without them.
func readType(header string) (mediaType, charset string, as form) {
	mediaType, params, err := mime.ParseMediaType(header)
	if err != nil {
		mediaType, _, _ = strings.Cut(header, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	}
	charset = params["charset"]
	switch {
	case mediaType == "":
		return "", charset, guess
	case mediaType == "application/json", mediaType == "text/json", strings.HasSuffix(mediaType, "+json"):
		return mediaType, charset, asJSON
	case strings.HasPrefix(mediaType, "text/"), strings.HasSuffix(mediaType, "+xml"), strings.HasSuffix(mediaType, "+yaml"), textTypes[mediaType]:
		return mediaType, charset, asText
	}
	return mediaType, charset, asFile
}

// decodeInto sets the body in the output as JSON, text or file, by its content
// type. A body that does not match its type is returned in a form that fits,
// with a warning.
func (c content) decodeInto(out *output, header string) {
	out.Size, out.Truncated = int64(len(c.data)), c.cut
	mediaType, charset, as := readType(header)
	switch {
	case c.none, len(c.data) == 0 && as != asText:
		return
	case c.encoding != "":
		out.warn("the body was not decoded: unknown content-encoding %q", c.encoding)
		c.setFile(out, mediaType)
		return
	case as == guess && !c.readsAsText(), as == asFile:
		c.setFile(out, mediaType)
		return
	}
	text, warning, ok := web.ToUTF8(c.data, charset, c.cut)
	if !ok {
		out.warn("%s", warning)
		c.setFile(out, mediaType)
		return
	}
	if as == asJSON || as == guess {
		err := strictjson.Check(text)
		if err == nil && !c.cut {
			out.JSON = text
			return
		}
		if as == asJSON && !c.cut {
			warning = fmt.Sprintf("the body is returned as text: its content type is JSON, but it is not valid JSON: %v", err)
		}
	}
	if warning != "" {
		out.warn("%s", warning)
	}
	c.setText(out, string(text))
}

// readsAsText reports whether a body without a content type is UTF-8 text.
func (c content) readsAsText() bool {
	data := c.data
	if c.cut {
		data = shorten.Whole(data)
	}
	return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0
}

// setText returns the body as text, cut to the room in the output.
func (c content) setText(out *output, text string) {
	if end := plainjson.Fit(text, c.room); end < len(text) {
		text, out.Truncated = text[:end], true
	}
	out.Text = &text
}

// setFile returns the body as a file, cut to what fits in base64.
func (c content) setFile(out *output, mediaType string) {
	data := c.data
	if most := c.room / 4 * 3; len(data) > most {
		data, out.Truncated = data[:most], true
	}
	if mediaType == "" {
		mediaType = "application/octet-stream"
	}
	out.File = &file{ContentBase64: data, ContentType: mediaType, Size: int64(len(data))}
}

func (out *output) warn(format string, args ...any) {
	if out.Warning != "" {
		out.Warning += "; "
	}
	out.Warning += fmt.Sprintf(format, args...)
}
