package openai

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

type trip func(*http.Request) (*http.Response, error)

func (t trip) RoundTrip(req *http.Request) (*http.Response, error) { return t(req) }

// TestAzure covers both forms of Azure endpoints: by deployment, and the form
// like OpenAI's.
func TestAzure(t *testing.T) {
	t.Parallel()
	cases := []struct{ base, url, header string }{
		{"https://mine.openai.azure.com", "https://mine.openai.azure.com/openai/deployments/gpt.4:1/chat/completions?api-version=2024-10-21", "Api-Key"},
		{"https://mine.openai.azure.com/openai/v1/", "https://mine.openai.azure.com/openai/v1/chat/completions", "Authorization"},
		{"https://user:password@example.com/v1", "https://user:password@example.com/v1/chat/completions", "Authorization"},
	}
	for _, c := range cases {
		p, err := New(Options{ServerOptions: model.ServerOptions{Key: "0123456789", BaseURL: c.base}})
		if err != nil {
			t.Fatal(err)
		}
		p.HTTP.Transport = trip(func(req *http.Request) (*http.Response, error) {
			if req.URL.String() != c.url || !strings.Contains(req.Header.Get(c.header), "0123456789") {
				t.Errorf("asked was %s with %v", req.URL, req.Header)
			}
			body := `{"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}`
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
		})
		reply, err := p.Complete(t.Context(), model.Request{Model: "gpt.4:1", Messages: []model.Message{{Role: model.User, Content: "hello"}}})
		if err != nil || reply.Text != "hi" {
			t.Errorf("%s: %+v, %v", c.base, reply, err)
		}
		if strings.Contains(p.Endpoint(), "password") {
			t.Errorf("the endpoint shows a password: %s", p.Endpoint())
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
