package rest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/web"
)

// request is what one hop sends. The body is in memory, so that a redirect
// can send it again.
type request struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
	// key and keyValue are an API key that goes in the query, "" where none does.
	key, keyValue string
}

// newRequest checks everything of the input that the schema can't, and puts
// the request together. Nothing has been sent when it fails.
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
	content, contentType, err := newBody(call, in)
	if err != nil {
		return nil, err
	}
	req.body = content
	if contentType != "" {
		web.SetDefault(header, "Content-Type", contentType)
	}
	if strings.HasPrefix(contentType, "multipart/") {
		header["Content-Type"] = []string{contentType} // it names the boundary
	}
	web.SetDefault(header, "Accept", "*/*")
	if _, part := header["Range"]; part {
		web.SetDefault(header, "Accept-Encoding", "identity") // a part of something compressed can't be read
	}
	web.SetDefault(header, "Accept-Encoding", "gzip, deflate")
	web.SetDefault(header, "User-Agent", "chainwright")
	return req, nil
}

// addQuery adds parameters behind those that are there, whose order and
// spelling stay as they are.
func addQuery(target *url.URL, values url.Values) {
	switch added := values.Encode(); {
	case added == "":
	case target.RawQuery == "":
		target.RawQuery = added
	default:
		target.RawQuery += "&" + added
	}
}

// setQuery replaces one parameter, wherever it is.
func setQuery(target *url.URL, name, value string) {
	dropQuery(target, name)
	addQuery(target, url.Values{name: {value}})
}

// dropQuery removes one parameter and leaves the others as they are.
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
	return transport.RoundTrip(hop.WithContext(ctx))
}

// to is the request for another address that a server named. Credentials and
// a body go along only where it is the same host.
func (r *request) to(target *url.URL) (*request, error) {
	next := *r
	next.url = target
	if web.SameHost(r.url, target) {
		return &next, nil
	}
	if len(r.body) > 0 {
		return nil, executors.Errorf(executors.PermissionDenied,
			"%s leads to another host, %s, and would take the body there", r.url.Host, target.Host).
			WithField("url").WithHint("send it to that address directly, if you trust it")
	}
	next.header = web.WithoutUnsafe(r.header)
	next.key, next.keyValue = "", ""
	return &next, nil
}

// name is what the request is called in messages: the query may hold what
// should not be in a log.
func (r *request) name() string { return r.method + " " + web.WithoutQuery(r.url) }

// shown is an address for the output: without an API key.
func (r *request) shown() string { return withoutKey(r.url, r.key) }

func withoutKey(target *url.URL, key string) string {
	shown := *target
	if key != "" {
		dropQuery(&shown, key)
	}
	return shown.String()
}
