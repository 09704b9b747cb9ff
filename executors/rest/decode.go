package rest

import (
	"bytes"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/executors/web"
)

// form is how a body is given to the caller.
type form int

const (
	asFile form = iota
	asText
	asJSON
	guess // there is no content type
)

// textTypes are text, though they are not text/*.
var textTypes = map[string]bool{
	"application/xml": true, "application/javascript": true, "application/ecmascript": true, "application/x-javascript": true,
	"application/yaml": true, "application/x-yaml": true, "application/toml": true, "application/graphql": true,
	"application/x-ndjson": true, "application/ndjson": true, "application/jsonl": true, "application/json-seq": true,
	"application/x-www-form-urlencoded": true, "application/sql": true, "application/x-sh": true, "application/csv": true,
	"application/x-pem-file": true, "application/pem-certificate-chain": true, "application/jwt": true,
}

// readType splits a content type. One that can't be parsed whole still
// counts by what is before its parameters.
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

// decodeInto puts the body into the output as what its content type says, or
// as what it can be given as where it is not that, with a warning.
func (c content) decodeInto(out *output, header string) {
	out.Size, out.Truncated = int64(len(c.data)), c.cut
	mediaType, charset, as := readType(header)
	switch {
	case c.none, len(c.data) == 0 && as != asText:
		return
	case c.encoding != "":
		out.warn("the body is given as it came, since its content-encoding %q is not known here", c.encoding)
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
			warning = fmt.Sprintf("the body is given as text, since it is not the JSON that its content type says: %v", err)
		}
	}
	if warning != "" {
		out.warn("%s", warning)
	}
	c.setText(out, text)
}

// readsAsText guesses about a body without a content type.
func (c content) readsAsText() bool {
	data := c.data
	if c.cut {
		data = web.WholeCharacters(data)
	}
	return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0
}

// setText gives a text, as much of it as fits.
func (c content) setText(out *output, text []byte) {
	if end := web.EscapedEnd(text, c.room); end < len(text) {
		text, out.Truncated = text[:end], true
	}
	whole := string(text)
	out.Text = &whole
}

// setFile gives bytes, as many as fit in base64.
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
