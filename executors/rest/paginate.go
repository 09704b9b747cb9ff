package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/fieldpath"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/shorten"
)

type paginate struct {
	Type        string `json:"type"`
	Items       string `json:"items"`
	CursorField string `json:"cursor_field"`
	CursorParam string `json:"cursor_param"`
	PageParam   string `json:"page_param"`
	Start       any    `json:"start"`
	MaxPages    int    `json:"max_pages"`
}

// pager reads the pages of a list and collects their items unchanged.
type pager struct {
	paginate
	items, cursor fieldpath.Path
	number        int               // page number, for type page
	seen          map[string]bool   // cursors and URLs already requested
	linked        bool              // the last cursor was an address
	empty         bool              // the last page has no items
	collected     []json.RawMessage // items of all pages
	last          json.RawMessage   // the previous page
}

func newPager(req *request, p paginate) (*pager, error) {
	pg := &pager{paginate: p, number: 1, seen: map[string]bool{}}
	var err error
	if req.method != http.MethodGet {
		return nil, web.Invalid("paginate", "paginate requires method GET; got %s", req.method)
	}
	if pg.items, err = fieldpath.Parse(p.Items); err != nil {
		return nil, web.Invalid("paginate.items", "paginate.items: %w", err)
	}
	if pg.cursor, err = fieldpath.Parse(p.CursorField); err != nil {
		return nil, web.Invalid("paginate.cursor_field", "paginate.cursor_field: %w", err)
	}
	start := web.Scalar(p.Start)
	pg.seen[req.url.String()] = true
	switch p.Type {
	case "link":
		if p.Start != nil {
			return nil, web.Invalid("paginate.start", "paginate.start is not used with type link; set url to the first page")
		}
	case "cursor":
		if p.CursorField == "" {
			return nil, web.Invalid("paginate.cursor_field", "paginate.cursor_field is required with type cursor")
		}
		if start != "" && !isAddress(start, req.url) {
			pg.seen[start] = true
			req.setParam(p.CursorParam, start)
		}
	case "page":
		if start != "" {
			if pg.number, err = strconv.Atoi(start); err != nil {
				return nil, web.Invalid("paginate.start", "paginate.start must be a whole number with type page; got %q", start)
			}
		}
		req.setParam(p.PageParam, strconv.Itoa(pg.number))
	}
	return pg, nil
}

// setParam sets one query parameter on a copy of the URL.
func (r *request) setParam(name, value string) {
	changed := *r.url
	setQuery(&changed, name, value)
	r.url = &changed
}

// pages reads pages until there is no next page, or until max_pages or
// max_bytes is reached. The output is the last response with the items of all
// pages. If a page fails, it returns the items so far and the error.
func (c *client) pages(ctx context.Context, call *executors.Call, req *request, p paginate) (*output, error) {
	pg, err := newPager(req, p)
	if err != nil {
		return nil, err
	}
	if start := web.Scalar(p.Start); p.Type == "cursor" && isAddress(start, req.url) {
		if req, err = c.linked(pg, req, req.url, "paginate.start", start); err != nil {
			return nil, err
		}
	}
	one, left := *c, c.maxBytes
	var before *output
	for page := 1; ; page++ {
		one.maxBytes = left
		reply, out, err := one.exchange(ctx, req)
		if page > 1 && (out == nil || err == nil && out.Truncated) {
			before.Success, before.Truncated, before.NextPage = err == nil, true, pg.nameOf(req)
			before.warn("the list goes on after page %d, where reading stopped because of max_bytes", page-1)
			return pg.output(page-1, before), err
		}
		if out == nil {
			return nil, err
		}
		raw := out.JSON
		if err == nil && pg.repeats(raw) {
			out.warn("page %d is the same as the previous page; check that the server supports the parameter %q", page, pg.PageParam)
			return pg.output(page-1, out), nil
		}
		if err == nil {
			err = pg.addItems(page, out)
		}
		if err != nil {
			out.keepPage(raw)
			out.Success, out.NextPage = false, pg.nameOf(req)
			return pg.output(page-1, out), err
		}
		call.Progress(executors.Progress{Done: float64(page), Message: fmt.Sprintf("page %d, %d items", page, len(pg.collected))})
		left -= out.Size
		next, err := c.next(pg, req, reply, out)
		switch {
		case err != nil:
			out.Success = false
			return pg.output(page, out), err
		case next == nil:
			return pg.output(page, out), nil
		case page == pg.MaxPages || left <= 0:
			out.Truncated, out.NextPage = true, pg.nameOf(next)
			out.warn("the list goes on after page %d, where reading stopped because of %s", page, limitOf(page, pg.MaxPages))
			return pg.output(page, out), nil
		}
		req, before, pg.last = next, out, raw
	}
}

// limitOf returns the limit that was reached after a page.
func limitOf(page, maxPages int) string {
	if page == maxPages {
		return fmt.Sprintf("max_pages %d", maxPages)
	}
	return "max_bytes"
}

// keepPage keeps the start of the failed page as text, because JSON holds the
// items.
func (out *output) keepPage(raw json.RawMessage) {
	if raw != nil {
		text := string(shorten.Whole(raw[:min(len(raw), 64<<10)]))
		out.Text = &text
	}
}

// repeats reports whether a page equals the previous one: then the server
// ignores the page parameter and would return it forever.
func (pg *pager) repeats(raw json.RawMessage) bool {
	return pg.Type == "page" && pg.last != nil && bytes.Equal(raw, pg.last)
}

// addItems adds the items of a page. It fails if the page is not JSON or has no
// array at paginate.items.
func (pg *pager) addItems(page int, out *output) error {
	if out.JSON == nil {
		reason := "is not JSON"
		if out.Truncated {
			reason = "is larger than max_bytes"
		}
		return executors.Errorf(executors.ExecutionError, "page %d %s", page, reason).WithField("paginate")
	}
	found, ok := pg.items.Find(out.JSON)
	var items []json.RawMessage
	if !ok || json.Unmarshal(found, &items) != nil {
		return executors.Errorf(executors.ExecutionError, "page %d has no array at %q", page, pg.Items).
			WithField("paginate.items").WithHint("set paginate.items to the path of the array; the page is in text")
	}
	pg.collected = append(pg.collected, items...)
	return nil
}

// next returns the request for the page after page, or nil after the last page.
// A list that leads back to a page is an error.
func (c *client) next(pg *pager, req *request, reply hops, page *output) (*request, error) {
	following := *req
	items, _ := pg.items.Find(page.JSON)
	pg.empty = isEmptyArray(items)
	switch pg.Type {
	case "link":
		link := nextLink(reply.Header.Values("Link"))
		if link == "" {
			return nil, nil
		}
		return c.linked(pg, req, reply.last.url, "the Link header's next page", link)
	case "cursor":
		found, ok := pg.cursor.Find(page.JSON)
		if !ok && pg.last == nil && pg.Start == nil {
			page.warn("the first page has no %q: it is the last page, or paginate.cursor_field is misspelt", pg.CursorField)
		}
		cursor, err := pg.cursorText(found)
		if cursor == "" || err != nil {
			return nil, err
		}
		if isAddress(cursor, reply.last.url) {
			return c.linked(pg, req, reply.last.url, "the next page in "+pg.CursorField, cursor)
		}
		if pg.seen[cursor] {
			return nil, pg.repeated(cursor)
		}
		pg.seen[cursor], pg.linked = true, false
		following.setParam(pg.CursorParam, cursor)
	default:
		if pg.empty {
			return nil, nil
		}
		pg.number++
		following.setParam(pg.PageParam, strconv.Itoa(pg.number))
	}
	return &following, nil
}

// onePage names the next page of a list of which only one page was asked for.
func (out *output) onePage(req *request, reply hops) {
	link := nextLink(reply.Header.Values("Link"))
	if link == "" || req.method != http.MethodGet {
		return
	}
	if next, err := web.Resolve(reply.last.url, link); err == nil {
		out.NextPage = withoutKey(next, req.key)
		out.warn(`this is one page of several, by its Link header; paginate {"type": "link"} reads all`)
	}
}

// linked returns the request for an address that a server named, or the caller
// of an earlier page. Headers follow the rules of redirects, and a missing API
// key is added to the query again.
func (c *client) linked(pg *pager, req *request, base *url.URL, where, link string) (*request, error) {
	target, err := web.Resolve(base, link)
	if err == nil {
		target, err = c.trusted.check(c.policy, target.String())
	}
	if err != nil {
		return nil, web.FromServer(where, err)
	}
	if pg.seen[target.String()] {
		return nil, pg.repeated(web.WithoutQuery(target))
	}
	pg.seen[target.String()], pg.linked = true, true
	following, err := req.to(c.policy, target)
	if err == nil && following.key != "" && !target.Query().Has(following.key) {
		following.setParam(following.key, following.keyValue)
	}
	return following, err
}

// addressForm matches URLs, and references with a query or a host.
var addressForm = regexp.MustCompile(`(?i)^(https?://|[\w./~%-]*\?[^?\s]*=|//[\w-]+(\.[\w-]+)+(:\d+)?/)`)

// isAddress reports whether a cursor is the address of the next page. Cursors in
// base64 can begin with a slash, too, but not with the path of the list.
func isAddress(cursor string, page *url.URL) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(page.EscapedPath(), "/"), "/")
	return addressForm.MatchString(cursor) || first != "" && strings.HasPrefix(cursor+"/", "/"+first+"/")
}

// repeated is the error of a list that leads back to a page. A page without items
// that does so is the last one.
func (pg *pager) repeated(what string) error {
	if pg.empty {
		return nil
	}
	hint := "the pages so far are in json; the server may not support the parameter " + strconv.Quote(pg.CursorParam) + ": set paginate.cursor_param"
	if pg.Type == "link" || pg.linked {
		hint = "the pages so far are in json; the server's list has no end"
	}
	return executors.Errorf(executors.ExecutionError, "the next page, %s, was read before: the list is not complete, or has items twice", shorten.Line(what, 200)).
		WithField("paginate").WithHint(hint)
}

// cursorText returns a cursor that is a string or a number, and "" for the end of
// the list: null, false, an empty string, or nothing.
func (pg *pager) cursorText(found json.RawMessage) (string, error) {
	var text string
	switch {
	case len(found) == 0, string(found) == "null", string(found) == "false", json.Unmarshal(found, &text) == nil:
		return text, nil
	case found[0] == '-', found[0] >= '0' && found[0] <= '9':
		return string(found), nil
	}
	return "", executors.Errorf(executors.ExecutionError, "the cursor at %q must be a string or a number; got %s", pg.CursorField, shorten.Line(string(found), 200)).
		WithField("paginate.cursor_field").WithHint("set paginate.cursor_field to the path of the cursor itself; the pages so far are in json")
}

func isEmptyArray(raw json.RawMessage) bool {
	var items []json.RawMessage
	return json.Unmarshal(raw, &items) == nil && len(items) == 0
}

// nameOf returns next_page for a request: its URL, cursor or page number.
func (pg *pager) nameOf(req *request) string {
	switch {
	case pg.Type == "link", pg.linked:
		return req.shown()
	case pg.Type == "cursor":
		return req.url.Query().Get(pg.CursorParam)
	}
	return req.url.Query().Get(pg.PageParam)
}

// output sets the collected items and the page count in the output.
func (pg *pager) output(pages int, out *output) *output {
	var all bytes.Buffer
	all.WriteByte('[')
	for i, item := range pg.collected {
		if i > 0 {
			all.WriteByte(',')
		}
		all.Write(item)
	}
	all.WriteByte(']')
	out.JSON, out.Pages = all.Bytes(), pages
	return out
}
