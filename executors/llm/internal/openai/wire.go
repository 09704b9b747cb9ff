package openai

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// open sends a request and returns a successful response. body may be nil. The
// caller closes the response's body.
func (p *Provider) open(ctx context.Context, x *model.Exchange, method string, at *url.URL, body any) (*http.Response, error) {
	header := http.Header{}
	switch {
	case p.byDeployment:
		header.Set("Api-Key", p.Key)
	case p.Key != "":
		header.Set("Authorization", "Bearer "+p.Key)
	}
	if p.organization != "" {
		header.Set("OpenAI-Organization", p.organization)
	}
	return p.Open(ctx, x, method, at.String(), header, body)
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
