package rest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"path/filepath"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/web"
)

// maxUpload bounds all the files of one request.
const maxUpload = 32 << 20

// newBody makes the body of the input, of which there may be one, and its
// content type; nil where the request has none.
func newBody(call *executors.Call, in input) (content []byte, contentType string, err error) {
	var given []string
	for _, name := range []string{"json", "data", "body", "files"} {
		if _, ok := call.Inputs[name]; ok {
			given = append(given, name)
		}
	}
	switch {
	case len(given) == 0:
		return nil, "", nil
	case len(in.Files) > 0 && (len(given) == 1 || len(given) == 2 && given[0] == "data"):
		return multipartBody(call, in)
	case len(given) > 1:
		return nil, "", web.Invalid(given[1], "%s are given together; a request has one body: one of json, data and body, or files with or without data",
			strings.Join(given, " and "))
	}
	switch given[0] {
	case "json":
		var encoded bytes.Buffer
		encoder := json.NewEncoder(&encoded)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(in.JSON); err != nil {
			return nil, "", web.Invalid("json", "json can't be encoded: %w", err)
		}
		return bytes.TrimSuffix(encoded.Bytes(), []byte("\n")), "application/json", nil
	case "data":
		return []byte(formValues(in.Data).Encode()), "application/x-www-form-urlencoded", nil
	case "body":
		return []byte(in.Body), "text/plain; charset=utf-8", nil
	}
	return nil, "", nil
}

func multipartBody(call *executors.Call, in input) ([]byte, string, error) {
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	fields := formValues(in.Data)
	for _, name := range sortedKeys(fields) {
		for _, value := range fields[name] {
			if err := form.WriteField(name, value); err != nil {
				return nil, "", fmt.Errorf("writing the form: %w", err)
			}
		}
	}
	for _, name := range sortedKeys(in.Files) {
		one, err := readUpload(call, "files."+name, in.Files[name], maxUpload-out.Len())
		if err != nil {
			return nil, "", err
		}
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {multipart.FileContentDisposition(name, one.filename)},
			"Content-Type":        {one.contentType},
		})
		if err != nil {
			return nil, "", fmt.Errorf("writing the form: %w", err)
		}
		if _, err := part.Write(one.content); err != nil {
			return nil, "", fmt.Errorf("writing the form: %w", err)
		}
	}
	if err := form.Close(); err != nil {
		return nil, "", fmt.Errorf("writing the form: %w", err)
	}
	return out.Bytes(), form.FormDataContentType(), nil
}

type upload struct {
	content               []byte
	filename, contentType string
}

// readUpload reads one file of the input: a path, or an object with a path
// or the content itself.
func readUpload(call *executors.Call, field string, given any, limit int) (upload, error) {
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
		return upload{}, web.Invalid(field, "%s needs exactly one of path, content and content_base64; got %d", field, len(sources))
	}
	one := upload{filename: web.Scalar(options["filename"]), contentType: web.Scalar(options["content_type"])}
	source := web.Scalar(options[sources[0]])
	var err error
	switch sources[0] {
	case "path":
		one.content, err = readFile(call, field, source, limit)
		if one.filename == "" {
			one.filename = filepath.Base(filepath.ToSlash(source[strings.LastIndexByte(source, ':')+1:]))
		}
	case "content":
		one.content = []byte(source)
	case "content_base64":
		if one.content, err = base64.StdEncoding.DecodeString(source); err != nil {
			return upload{}, web.Invalid(field, "%s.content_base64 is not base64: %w", field, err)
		}
	}
	if err != nil {
		return upload{}, err
	}
	if len(one.content) > limit {
		return upload{}, web.Invalid(field, "%s: the files are over %d bytes together", field, maxUpload)
	}
	if one.filename == "" {
		one.filename = strings.TrimPrefix(field, "files.")
	}
	if one.contentType == "" {
		one.contentType = mime.TypeByExtension(filepath.Ext(one.filename))
	}
	if one.contentType == "" {
		one.contentType = "application/octet-stream"
	}
	one.contentType, err = web.HeaderValue(field+".content_type", one.contentType)
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
		return nil, fmt.Errorf("reading the file for %s: %w", field, err)
	}
	return content, nil
}
