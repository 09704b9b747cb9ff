package rest

import (
	"context"
	"io"
	"net/http"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
)

// maxRedirects is the number of redirects that are followed.
const maxRedirects = 5

// hops is a response and the requests that led to it.
type hops struct {
	*http.Response
	last    *request
	visited []string // URLs before the last
}

// send sends a request and follows redirects. Each URL is checked like a
// caller's. After a refused redirect, it returns the redirect response and an
// error.
func (c *client) send(ctx context.Context, req *request) (hops, error) {
	reply := hops{last: req}
	renewed := false
	for {
		resp, err := reply.last.send(ctx, c.transport)
		if err != nil {
			return reply, err
		}
		if resp.StatusCode == http.StatusUnauthorized && !renewed {
			header, changed, err := c.policy.RenewedHeader(ctx, reply.last.header)
			if renewed = changed; err == nil && changed { // the server has refused an old token of an OAuth client
				discard(resp)
				again := *reply.last
				again.header, reply.last = header, &again
				continue
			}
		}
		reply.Response = resp
		location := resp.Header.Get("Location")
		if !c.follow || location == "" || !isRedirect(resp.StatusCode) {
			return reply, nil
		}
		if len(reply.visited) == maxRedirects {
			return reply, executors.Errorf(executors.ExecutionError, "%s: more than %d redirects", req.name(), maxRedirects)
		}
		next, err := c.redirect(reply.last, resp.StatusCode, location)
		if err != nil {
			return reply, err
		}
		discard(resp)
		reply.Response = nil
		reply.visited = append(reply.visited, reply.last.shown())
		reply.last = next
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

// redirect returns the next request. As in browsers, 303 turns every method but
// HEAD into GET, 301 and 302 turn POST into GET, and 307 and 308 keep the method.
func (c *client) redirect(from *request, status int, location string) (*request, error) {
	target, err := web.Resolve(from.url, location)
	if err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "%s: the redirect has an invalid Location", from.name())
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
		for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Location", "Idempotency-Key"} {
			changed.header.Del(name)
		}
	}
	return changed.to(c.policy, target)
}

// discard reads up to 4 KiB of an unused body, so that the connection can be
// reused, and closes it.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
}
