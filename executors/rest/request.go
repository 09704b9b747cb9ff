package rest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/telemetry"
)

// request is one HTTP request of a chain of redirects. The body is in memory,
// so that a redirect can send it again.
type request struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
	// key and keyValue are an API key in the query; "": none.
	key, keyValue string
}

// newRequest validates what the schema can't and builds the request. It sends
// nothing.
func newRequest(call *executors.Call, in input, trusted *Endpoint) (*request, error) {
	target, err := trusted.check(call.Policy, in.URL)
	if err != nil {
		return nil, err
	}
	header, err := web.ReadHeaders(in.Headers)
	if err != nil {
		return nil, err
	}
	req := &request{method: in.Method, url: target, header: header}
	addQuery(target, formValues(in.Params))
	if in.Auth != nil {
		if err := in.Auth.apply(header, target.Query()); err != nil {
			return nil, err
		}
		if in.Auth.inQuery() {
			req.key, req.keyValue = in.Auth.Key, in.Auth.Value
			addQuery(target, url.Values{req.key: {req.keyValue}})
		}
	}
	if in.Idempotency && changes(in.Method) && call.IdempotencyKey != "" {
		web.SetDefault(header, "Idempotency-Key", call.IdempotencyKey)
	}
	content, contentType, err := newBody(call, in)
	if err != nil {
		return nil, err
	}
	req.body = content
	if contentType != "" {
		web.SetDefault(header, "Content-Type", contentType)
	}
	if strings.HasPrefix(contentType, "multipart/") {
		header["Content-Type"] = []string{contentType} // contains the boundary
	}
	web.SetDefault(header, "Accept", "*/*")
	if _, part := header["Range"]; part {
		web.SetDefault(header, "Accept-Encoding", "identity") // a range of compressed data can't be decoded
	}
	web.SetDefault(header, "Accept-Encoding", "gzip, deflate")
	web.SetDefault(header, "User-Agent", "chainwright")
	return req, nil
}

// changes reports whether a method is for requests that change something.
func changes(method string) bool {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	}
	return false
}

// addQuery appends parameters and keeps the existing ones unchanged.
func addQuery(target *url.URL, values url.Values) {
	switch added := values.Encode(); {
	case added == "":
	case target.RawQuery == "":
		target.RawQuery = added
	default:
		target.RawQuery += "&" + added
	}
}

// setQuery replaces one parameter.
func setQuery(target *url.URL, name, value string) {
	dropQuery(target, name)
	addQuery(target, url.Values{name: {value}})
}

// dropQuery removes one parameter and keeps the others unchanged.
func dropQuery(target *url.URL, name string) {
	var kept []string
	for pair := range strings.SplitSeq(target.RawQuery, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(key); err == nil && decoded == name {
			continue
		}
		if pair != "" {
			kept = append(kept, pair)
		}
	}
	target.RawQuery = strings.Join(kept, "&")
}

func (r *request) send(ctx context.Context, transport http.RoundTripper) (*http.Response, error) {
	hop := &http.Request{
		Method: r.method, URL: r.url, Host: r.url.Host, Header: r.header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if r.body != nil {
		hop.ContentLength = int64(len(r.body))
		hop.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
		hop.Body, _ = hop.GetBody()
	}
	telemetry.InjectHeader(ctx, hop.Header)
	return transport.RoundTrip(hop.WithContext(ctx))
}

// to returns the request for another URL that a server named. For another host
// it has no credentials, and fails if there is a body. No secret goes where it
// is not bound, whatever carries it.
func (r *request) to(pol *policy.Policy, target *url.URL) (*request, error) {
	next := *r
	next.url = target
	if r.url.Scheme == target.Scheme && web.SameHost(r.url, target) {
		return &next, nil
	}
	place := policy.URLDestination(target)
	carried := []string{target.String()}
	if web.SameHost(r.url, target) { // the same host, now encrypted
		carried = append(carried, string(r.body))
		for _, values := range r.header {
			carried = append(carried, values...)
		}
	}
	for _, text := range carried {
		if err := pol.MaySend(place, text); err != nil {
			return nil, web.FromServer("the redirect", web.Denied(err))
		}
	}
	if web.SameHost(r.url, target) {
		return &next, nil
	}
	if len(r.body) > 0 {
		return nil, executors.Errorf(executors.PermissionDenied,
			"%s redirects to another host, %s, which would receive the body", r.url.Host, target.Host).
			WithField("url").WithHint("if you trust that host, send the request to it directly")
	}
	next.header = web.WithoutUnsafe(r.header)
	for name, values := range next.header {
		if pol.MaySend(place, values[0]) != nil {
			delete(next.header, name)
		}
	}
	next.key, next.keyValue = "", ""
	return &next, nil
}

// name returns the request for error messages, without its query, which may
// contain secrets.
func (r *request) name() string { return r.method + " " + web.WithoutQuery(r.url) }

// shown returns the URL for the output, without an API key.
func (r *request) shown() string { return withoutKey(r.url, r.key) }

func withoutKey(target *url.URL, key string) string {
	shown := *target
	if key != "" {
		dropQuery(&shown, key)
	}
	return shown.String()
}
