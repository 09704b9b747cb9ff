package scrape

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/policy"
)

const (
	// maxPage is the limit of a decompressed page in bytes.
	maxPage = 5 << 20
	// parsing is the time limit to parse it.
	parsing = 3 * time.Second
	// maxRedirects is the number of redirects that are followed.
	maxRedirects = 5
)

// page is a fetched page as UTF-8.
type page struct {
	url     *url.URL // after redirects
	text    string
	html    bool
	cut     bool // the page is longer
	warning string
}

// parse parses the page, or as much of it as the time limit allows: some pages
// need time quadratic in their size.
func (p *page) parse(ctx context.Context) (*html.Node, error) {
	limited, cancel := context.WithTimeout(ctx, parsing)
	defer cancel()
	from := &timed{ctx: limited, from: strings.NewReader(p.text)}
	root, err := html.Parse(from)
	p.cut = p.cut || from.late
	return root, err
}

// timed is a reader that ends with its context.
type timed struct {
	ctx  context.Context
	from *strings.Reader
	late bool
}

func (t *timed) Read(into []byte) (int, error) {
	if t.ctx.Err() != nil && t.from.Len() > 0 {
		t.late = true
		return 0, io.EOF
	}
	return t.from.Read(into[:min(len(into), 4<<10)])
}

// fetch downloads a page through the policy's guard. Redirects are checked like a
// caller's URL.
func fetch(ctx context.Context, pol *policy.Policy, target *url.URL) (*page, error) {
	name := web.WithoutQuery(target)
	client := &http.Client{
		Transport: pol.Transport(policy.TransportOptions{}),
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return executors.Errorf(executors.ExecutionError, "%s: more than %d redirects", name, maxRedirects)
			}
			next.Header.Del("Referer") // do not reveal the previous URL
			// The library would send the Location as the server wrote it.
			to, err := web.Resolve(via[len(via)-1].URL, next.Response.Header.Get("Location"))
			if err == nil {
				to, err = web.CheckURL(pol, to.String())
			}
			if err != nil {
				return web.FromServer("the redirect", err)
			}
			next.URL = to
			return nil
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return nil, web.Invalid("url", "url is not usable: %w", err)
	}
	req.Header = http.Header{
		"Accept":          {"text/html, application/xhtml+xml;q=0.9, text/*;q=0.8, */*;q=0.1"},
		"Accept-Encoding": {"gzip, deflate"},
		"User-Agent":      {"Mozilla/5.0 (compatible; chainwright)"},
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, web.Failure(ctx, name, err)
	}
	defer resp.Body.Close()
	body, err := web.ReadBody(resp, maxPage)
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, web.StatusError(resp.StatusCode, resp.Header, name+" returned "+resp.Status)
	}
	if err != nil {
		return nil, web.Failure(ctx, name, err)
	}
	return decode(resp, body)
}

// decode converts a body to text. It fails if the body is not text.
func decode(resp *http.Response, body web.Body) (*page, error) {
	got := &page{url: resp.Request.URL, cut: body.Cut}
	header := resp.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(header)
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(header), ";")
	}
	if kind == "" {
		kind, _, _ = strings.Cut(http.DetectContentType(body.Data), ";")
	}
	switch {
	case kind == "text/html", kind == "application/xhtml+xml":
		got.html = true
	case strings.HasPrefix(kind, "text/"), kind == "application/json", kind == "application/xml",
		strings.HasSuffix(kind, "+json"), strings.HasSuffix(kind, "+xml"):
	default:
		return nil, notPage(got.url, kind)
	}
	if body.Encoding != "" {
		return nil, notPage(got.url, "encoded as "+body.Encoding)
	}
	_, label, _ := charset.DetermineEncoding(body.Data[:min(len(body.Data), 1024)], header)
	if label == "windows-1252" && !strings.Contains(strings.ToLower(header), "charset") {
		label = "" // the library returns it for an unknown encoding
	}
	text, warning, ok := web.ToUTF8(body.Data, label, body.Cut)
	if !ok {
		return nil, notPage(got.url, "in an unknown charset")
	}
	got.text, got.warning = string(text), warning
	return got, nil
}

func notPage(at *url.URL, what string) error {
	return executors.Errorf(executors.ExecutionError, "%s is not a readable page: it is %s", web.WithoutQuery(at), what).
		WithHint("use rest_executor for other content")
}
