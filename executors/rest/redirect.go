package rest

import (
	"context"
	"io"
	"net/http"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/web"
)

// maxRedirects is how many redirects are followed.
const maxRedirects = 5

// hops is an answer and the way to it.
type hops struct {
	*http.Response
	last    *request
	visited []string // the addresses before the last
}

// send sends a request and follows redirects. Every hop is checked like an
// address that the caller gave. Where a redirect is refused the answer that
// asked for it comes beside the error.
func (c *client) send(ctx context.Context, req *request) (hops, error) {
	way := hops{last: req}
	for {
		resp, err := way.last.send(ctx, c.transport)
		if err != nil {
			return way, err
		}
		way.Response = resp
		location := resp.Header.Get("Location")
		if !c.follow || location == "" || !isRedirect(resp.StatusCode) {
			return way, nil
		}
		if len(way.visited) == maxRedirects {
			return way, executors.Errorf(executors.ExecutionError, "%s: more than %d redirects", req.name(), maxRedirects)
		}
		next, err := c.redirect(way.last, resp.StatusCode, location)
		if err != nil {
			return way, err
		}
		discard(resp)
		way.Response = nil
		way.visited = append(way.visited, way.last.shown())
		way.last = next
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirect is the next hop. As browsers have it, 303 turns everything but
// HEAD into GET, 301 and 302 turn POST into GET, and 307 and 308 change
// nothing.
func (c *client) redirect(from *request, status int, location string) (*request, error) {
	target, err := from.url.Parse(location)
	if err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "%s: the redirect's address can't be read", from.name())
	}
	if target, err = c.trusted.check(c.policy, target.String()); err != nil {
		return nil, web.FromServer("the redirect", err)
	}
	changed := *from
	becomesGet := status == http.StatusSeeOther && from.method != http.MethodHead ||
		(status == http.StatusMovedPermanently || status == http.StatusFound) && from.method == http.MethodPost
	if becomesGet {
		changed.method, changed.body = http.MethodGet, nil
		changed.header = from.header.Clone()
		for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"} {
			changed.header.Del(name)
		}
	}
	return changed.to(target)
}

// discard reads a little of a body that nobody wants, so that the connection
// can be used again, and closes it.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
}
