package web

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"path/filepath"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// MaxUpload limits all files of one call together, in bytes.
const MaxUpload = 32 << 20

// Upload is a file that a call sends.
type Upload struct {
	Content               []byte
	Filename, ContentType string
}

// ReadUpload reads one file of the input, of at most limit bytes. The input is a
// path, or an object with a path or the content. The default file name is the
// last part of the path, else of the field.
func ReadUpload(call *executors.Call, field string, given any, limit int) (Upload, error) {
	options, _ := given.(map[string]any)
	if path, ok := given.(string); ok {
		options = map[string]any{"path": path}
	}
	var sources []string
	for _, name := range []string{"path", "content", "content_base64"} {
		if _, ok := options[name]; ok {
			sources = append(sources, name)
		}
	}
	if len(sources) != 1 {
		return Upload{}, Invalid(field, "%s needs exactly one of path, content and content_base64; got %d", field, len(sources))
	}
	one := Upload{Filename: Scalar(options["filename"]), ContentType: Scalar(options["content_type"])}
	source := Scalar(options[sources[0]])
	var err error
	switch sources[0] {
	case "path":
		one.Content, err = readFile(call, field, source, limit)
		if one.Filename == "" {
			one.Filename = filepath.Base(filepath.ToSlash(source[strings.LastIndexByte(source, ':')+1:]))
		}
	case "content":
		one.Content = []byte(source)
	case "content_base64":
		if one.Content, err = base64.StdEncoding.DecodeString(source); err != nil {
			return Upload{}, Invalid(field, "%s.content_base64 is not base64: %w", field, err)
		}
	}
	if err != nil {
		return Upload{}, err
	}
	if len(one.Content) > limit {
		return Upload{}, Invalid(field, "%s: all files together may have at most %d MiB", field, MaxUpload>>20)
	}
	if one.Filename == "" {
		one.Filename = field[strings.LastIndexByte(field, '.')+1:]
	}
	if one.ContentType == "" {
		one.ContentType = mime.TypeByExtension(filepath.Ext(one.Filename))
	}
	if one.ContentType == "" {
		one.ContentType = "application/octet-stream"
	}
	one.ContentType, err = HeaderValue(field+".content_type", one.ContentType)
	return one, err
}

func readFile(call *executors.Call, field, path string, limit int) ([]byte, error) {
	f, _, err := call.Policy.OpenRead(path)
	if err != nil {
		refused := executors.AsError(err)
		refused.Field = field
		return nil, refused
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("read the file for %s: %w", field, err)
	}
	return content, nil
}
