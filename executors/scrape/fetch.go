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
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/web"
)

const (
	// maxPage is how much of a page is read, decompressed.
	maxPage = 5 << 20
	// parsing is how long making a tree of it may take.
	parsing = 3 * time.Second
	// maxRedirects is how many redirects are followed.
	maxRedirects = 5
)

// page is what an address answered, as UTF-8.
type page struct {
	url     *url.URL // where it came from in the end
	text    string
	html    bool
	cut     bool // there is more
	warning string
}

// parse makes a tree of a page, or of as much of it as can be parsed in the
// time there is: some pages take time by the square of their size.
func (p *page) parse(ctx context.Context) (*html.Node, error) {
	limited, cancel := context.WithTimeout(ctx, parsing)
	defer cancel()
	from := &timed{ctx: limited, from: strings.NewReader(p.text)}
	root, err := html.Parse(from)
	p.cut = p.cut || from.late
	return root, err
}

// timed is a text that ends when its context does.
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

// fetch gets a page through the guard. Every redirect's address is checked as
// if the caller had given it.
func fetch(ctx context.Context, pol *policy.Policy, target *url.URL) (*page, error) {
	name := web.WithoutQuery(target)
	client := &http.Client{
		Transport: pol.Transport(policy.TransportOptions{}),
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return executors.Errorf(executors.ExecutionError, "%s: more than %d redirects", name, maxRedirects)
			}
			next.Header.Del("Referer") // where we come from is nobody's business
			if _, err := web.CheckURL(pol, next.URL.String()); err != nil {
				return web.FromServer("the redirect", err)
			}
			return nil
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return nil, web.Invalid("url", "url can't be asked for: %w", err)
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
		return nil, web.StatusError(resp.StatusCode, resp.Header, name+" answered "+resp.Status)
	}
	if err != nil {
		return nil, web.Failure(ctx, name, err)
	}
	return decode(resp, body)
}

// decode turns a body into text, and refuses what is none.
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
		label = "" // that is its word for not knowing
	}
	text, warning, ok := web.ToUTF8(body.Data, label, body.Cut)
	if !ok {
		return nil, notPage(got.url, "in a charset that can't be read")
	}
	got.text, got.warning = string(text), warning
	return got, nil
}

func notPage(at *url.URL, what string) error {
	return executors.Errorf(executors.ExecutionError, "%s is no page to read: it is %s", web.WithoutQuery(at), what).
		WithHint("rest_executor gives any content")
}
