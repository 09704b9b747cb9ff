package model

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// Open sends a request and returns a successful response. body may be nil. The
// caller closes the response's body.
func (s *Server) Open(ctx context.Context, x *Exchange, method, address string, header http.Header, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		encoded, err := plainjson.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		content = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, s.Broken(ctx, err)
	}
	if header != nil {
		req.Header = header
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return nil, s.Broken(ctx, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close() // an error has no effect: the body has been read
	said, err := io.ReadAll(resp.Body)
	if err != nil && len(said) == 0 {
		return nil, s.Broken(ctx, err)
	}
	up, ok := ErrorIn(said)
	if !ok {
		up = Upstream{Message: string(said)}
	}
	up.Status = resp.StatusCode
	return nil, s.Refused(up, x)
}
