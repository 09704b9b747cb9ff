package rest

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// newBody encodes the request body and returns its content type. Both are
// empty if the request has no body. It fails if the input has more than one.
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
		return nil, "", web.Invalid(given[1], "%s can't be combined; use one of json, data and body, or files with or without data",
			strings.Join(given, " and "))
	}
	switch given[0] {
	case "json":
		encoded, err := plainjson.Marshal(in.JSON)
		if err != nil {
			return nil, "", web.Invalid("json", "json could not be encoded: %w", err)
		}
		return encoded, "application/json", nil
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
		one, err := web.ReadUpload(call, "files."+name, in.Files[name], web.MaxUpload-out.Len())
		if err != nil {
			return nil, "", err
		}
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {multipart.FileContentDisposition(name, one.Filename)},
			"Content-Type":        {one.ContentType},
		})
		if err != nil {
			return nil, "", fmt.Errorf("writing the form: %w", err)
		}
		if _, err := part.Write(one.Content); err != nil {
			return nil, "", fmt.Errorf("writing the form: %w", err)
		}
	}
	if err := form.Close(); err != nil {
		return nil, "", fmt.Errorf("writing the form: %w", err)
	}
	return out.Bytes(), form.FormDataContentType(), nil
}
