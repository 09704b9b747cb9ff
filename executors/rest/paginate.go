package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/fieldpath"
	"github.com/chainwright/chainwright/executors/web"
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

// pager goes through the pages of a list and collects their items as the
// server wrote them.
type pager struct {
	paginate
	items, cursor fieldpath.Path
	number        int               // of the page, for type page
	seen          map[string]bool   // cursors and addresses that were asked for
	collected     []json.RawMessage // of all pages
	last          json.RawMessage   // the page before this one
}

func newPager(req *request, p paginate) (*pager, error) {
	pg := &pager{paginate: p, number: 1, seen: map[string]bool{}}
	var err error
	if req.method != http.MethodGet {
		return nil, web.Invalid("paginate", "paginate needs the method GET; got %s", req.method)
	}
	if pg.items, err = fieldpath.Parse(p.Items); err != nil {
		return nil, web.Invalid("paginate.items", "paginate.items: %w", err)
	}
	if pg.cursor, err = fieldpath.Parse(p.CursorField); err != nil {
		return nil, web.Invalid("paginate.cursor_field", "paginate.cursor_field: %w", err)
	}
	start := web.Scalar(p.Start)
	switch p.Type {
	case "link":
		if p.Start != nil {
			return nil, web.Invalid("paginate.start", "paginate.start has no meaning with type link; give the page's address as url")
		}
		pg.seen[req.url.String()] = true
	case "cursor":
		if p.CursorField == "" {
			return nil, web.Invalid("paginate.cursor_field", "paginate.cursor_field is required with type cursor")
		}
		if start != "" {
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

// setParam changes one query parameter on a copy of the address.
func (r *request) setParam(name, value string) {
	changed := *r.url
	setQuery(&changed, name, value)
	r.url = &changed
}

// pages reads page after page until there is no next one, max_pages are read
// or max_bytes are. The output is the last answer with the items of all; where
// a page fails, the items so far are kept beside the error.
func (c *client) pages(ctx context.Context, call *executors.Call, req *request, p paginate) (*output, error) {
	pg, err := newPager(req, p)
	if err != nil {
		return nil, err
	}
	one, left := *c, c.maxBytes
	var before *output
	for page := 1; ; page++ {
		one.maxBytes = left
		way, out, err := one.exchange(ctx, req)
		if page > 1 && (out == nil || err == nil && out.Truncated) {
			before.Success, before.Truncated, before.NextPage = err == nil, true, pg.nameOf(req)
			return pg.give(page-1, before), err
		}
		if out == nil {
			return nil, err
		}
		raw := out.JSON
		if err == nil && pg.repeats(raw) {
			out.warn("page %d is the same as the one before; does the server know %q?", page, pg.PageParam)
			return pg.give(page-1, out), nil
		}
		if err == nil {
			err = pg.take(page, out)
		}
		if err != nil {
			out.keepPage(raw)
			out.Success, out.NextPage = false, pg.nameOf(req)
			return pg.give(page-1, out), err
		}
		call.Progress(executors.Progress{Done: float64(page), Message: fmt.Sprintf("page %d, %d items", page, len(pg.collected))})
		left -= out.Size
		next, err := c.next(pg, req, way, raw)
		switch {
		case err != nil:
			out.Success = false
			return pg.give(page, out), err
		case next == nil:
			return pg.give(page, out), nil
		case page == pg.MaxPages || left <= 0:
			out.Truncated, out.NextPage = true, pg.nameOf(next)
			return pg.give(page, out), nil
		}
		req, before, pg.last = next, out, raw
	}
}

// keepPage keeps the page that went wrong, or its beginning, as text: json is
// where the items are.
func (out *output) keepPage(raw json.RawMessage) {
	if raw != nil {
		said := string(web.WholeCharacters(raw[:min(len(raw), 64<<10)]))
		out.Text = &said
	}
}

// repeats reports a page that is the one before again: the server does not
// know the parameter, and would go on like this.
func (pg *pager) repeats(raw json.RawMessage) bool {
	return pg.Type == "page" && pg.last != nil && bytes.Equal(raw, pg.last)
}

// take adds the items of a page.
func (pg *pager) take(page int, out *output) error {
	if out.JSON == nil {
		reason := "is not JSON"
		if out.Truncated {
			reason = "is over max_bytes"
		}
		return executors.Errorf(executors.ExecutionError, "page %d %s", page, reason).WithField("paginate")
	}
	found, ok := pg.items.Find(out.JSON)
	var items []json.RawMessage
	if !ok || json.Unmarshal(found, &items) != nil {
		return executors.Errorf(executors.ExecutionError, "page %d has no array at %q", page, pg.Items).
			WithField("paginate.items").WithHint("the page is in text: say where its items are")
	}
	pg.collected = append(pg.collected, items...)
	return nil
}

// next is the request for the page after raw, nil where there is none.
func (c *client) next(pg *pager, req *request, way hops, raw json.RawMessage) (*request, error) {
	following := *req
	switch pg.Type {
	case "link":
		link := nextLink(way.Header.Values("Link"))
		if link == "" {
			return nil, nil
		}
		return c.nextAddress(pg, req, way, link)
	case "cursor":
		found, _ := pg.cursor.Find(raw)
		cursor := cursorText(found)
		if cursor == "" || pg.seen[cursor] {
			return nil, nil
		}
		pg.seen[cursor] = true
		following.setParam(pg.CursorParam, cursor)
	default:
		found, _ := pg.items.Find(raw)
		if isEmptyArray(found) {
			return nil, nil
		}
		pg.number++
		following.setParam(pg.PageParam, strconv.Itoa(pg.number))
	}
	return &following, nil
}

// nextAddress follows a Link header. What the caller gave goes along as on a
// redirect, and an API key is put back where the server left it out.
func (c *client) nextAddress(pg *pager, req *request, way hops, link string) (*request, error) {
	var target *url.URL
	parsed, err := way.last.url.Parse(link)
	if err == nil {
		target, err = c.trusted.check(c.policy, parsed.String())
	}
	if err != nil {
		return nil, web.FromServer("the Link header's next page", err)
	}
	if pg.seen[target.String()] {
		return nil, nil
	}
	pg.seen[target.String()] = true
	following, err := req.to(target)
	if err == nil && following.key != "" && !target.Query().Has(following.key) {
		following.setParam(following.key, following.keyValue)
	}
	return following, err
}

// cursorText reads a cursor: a text or a number. Null, false, "" and nothing
// end the list.
func cursorText(found json.RawMessage) string {
	var text string
	if json.Unmarshal(found, &text) == nil {
		return text
	}
	if len(found) > 0 && (found[0] == '-' || found[0] >= '0' && found[0] <= '9') {
		return string(found)
	}
	return ""
}

func isEmptyArray(raw json.RawMessage) bool {
	var items []json.RawMessage
	return json.Unmarshal(raw, &items) == nil && len(items) == 0
}

// nameOf is what next_page gives for a request.
func (pg *pager) nameOf(req *request) string {
	switch pg.Type {
	case "link":
		return req.shown()
	case "cursor":
		return req.url.Query().Get(pg.CursorParam)
	}
	return req.url.Query().Get(pg.PageParam)
}

// give puts everything that was collected into an output.
func (pg *pager) give(pages int, out *output) *output {
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
