package openai

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/chainwright/chainwright/executors/llm/internal/model"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// open sends a request and returns a successful response. body may be nil. The
// caller closes the response's body.
func (p *Provider) open(ctx context.Context, x *model.Exchange, method string, at *url.URL, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		encoded, err := plainjson.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		content = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, at.String(), content)
	if err != nil {
		return nil, p.Broken(ctx, err)
	}
	req.Header.Set("Content-Type", "application/json")
	switch {
	case p.byDeployment:
		req.Header.Set("Api-Key", p.Key)
	case p.Key != "":
		req.Header.Set("Authorization", "Bearer "+p.Key)
	}
	if p.organization != "" {
		req.Header.Set("OpenAI-Organization", p.organization)
	}
	resp, err := p.HTTP.Do(req)
	if err != nil {
		return nil, p.Broken(ctx, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close() // an error has no effect: the body has been read
	said, err := io.ReadAll(resp.Body)
	if err != nil && len(said) == 0 {
		return nil, p.Broken(ctx, err)
	}
	up, ok := model.ErrorIn(said)
	if !ok {
		up = model.Upstream{Message: string(said)}
	}
	up.Status = resp.StatusCode
	return nil, p.Refused(up, x)
}

// url returns the URL of a function. name is the model, for endpoints with a URL
// for each.
func (p *Provider) url(name, function string) (*url.URL, error) {
	base, err := url.Parse(p.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("the base URL of the endpoint: %w", err)
	}
	if !p.byDeployment {
		return base.JoinPath(function), nil
	}
	base = base.JoinPath("openai")
	if name != "" {
		base = base.JoinPath("deployments", url.PathEscape(name))
	}
	base = base.JoinPath(function)
	base.RawQuery = url.Values{"api-version": {azureVersion}}.Encode()
	return base, nil
}

// events reads the data of server-sent events. A line of data that is complete
// JSON is an event of its own, because not every endpoint separates events. Lines
// outside of events are kept: some endpoints report errors there.
type events struct {
	from  *bufio.Reader
	name  string
	data  []byte // lines of data that are not complete JSON
	stray []byte
	ended bool
}

// next returns the data of the next event, and whether the event is called error.
// The error is io.EOF after the last one.
func (e *events) next() (data []byte, failed bool, err error) {
	for !e.ended {
		line, err := e.from.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false, err
		}
		e.ended = err != nil
		line = bytes.TrimSpace(line)
		field, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimSpace(value)
		switch string(field) {
		case "": // the end of an event, or a comment
			if len(line) == 0 && len(e.data) > 0 {
				return e.take(e.data)
			}
			if len(line) == 0 {
				e.name = ""
			}
		case "event":
			e.name = string(value)
		case "id", "retry":
		case "data":
			switch {
			case string(value) == "[DONE]":
				return nil, false, io.EOF
			case len(e.data) == 0 && json.Valid(value):
				return value, e.name == "error", nil
			}
			e.data = append(append(e.data, value...), '\n')
		default:
			e.stray = append(append(e.stray, line...), '\n')
		}
	}
	if len(e.data) > 0 {
		return e.take(e.data)
	}
	if stray := e.stray; json.Valid(stray) {
		e.stray = nil
		return stray, false, nil
	}
	return nil, false, io.EOF
}

func (e *events) take(data []byte) ([]byte, bool, error) {
	failed := e.name == "error"
	e.data, e.name = nil, ""
	return data, failed, nil
}
