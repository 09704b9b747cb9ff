package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
)

const (
	// heartbeat is the interval of writes to an idle stream, and of checks whether
	// its login goes on.
	heartbeat = 10 * time.Second
	// writeTimeout is the time limit of one write.
	writeTimeout = 30 * time.Second
)

// follow streams the updates of a run after the number in Last-Event-ID, or in
// the query as after. The last message says that the run has ended.
func (p *Page) follow(w http.ResponseWriter, r *http.Request) {
	after, err := whole(r.URL.Query(), "after")
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		if n, parseErr := strconv.ParseInt(last, 10, 64); parseErr == nil {
			after, err = n, nil
		}
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.edge.Ends, cancel)()
	key := followed{r.PathValue("id"), tools.CallerFrom(ctx).Principal}
	if err == nil {
		sub, first := p.feeds.join(p, key, after)
		defer sub.leave()
		var missed *message
		if missed, err = p.view.news(ctx, key, after, first); err == nil {
			s := &sender{page: p, key: key, w: w, control: http.NewResponseController(w), last: after}
			s.begin()
			if s.send(missed) {
				s.serve(ctx, r, sub)
			}
			return
		}
	}
	known := executors.AsError(err)
	replyError(w, statusOf(known.Type), known)
}

// sender writes the messages of one stream.
type sender struct {
	page    *Page
	key     followed
	w       http.ResponseWriter
	control *http.ResponseController
	last    int64 // the number of the last event that was sent
}

func (s *sender) begin() {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	s.w.WriteHeader(http.StatusOK)
	s.write([]byte(":\n\n"))
}

// serve sends what the subscription has until the run, the login or the
// connection ends.
func (s *sender) serve(ctx context.Context, r *http.Request, sub *subscriber) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			if _, ok := s.page.loggedIn(r); !ok && !s.page.edge.Open || !s.write([]byte(":\n\n")) {
				return
			}
		case <-sub.wake:
			latest, ended, ok := sub.take()
			if latest != nil && latest.from > s.last { // it was too slow for those before
				missed, err := s.page.view.news(ctx, s.key, s.last, false)
				if err != nil {
					return
				}
				latest = missed
			}
			if !ok || !s.send(latest) {
				return
			}
			if ended != "" {
				s.write(fmt.Appendf(nil, "event: end\ndata: {\"status\":%q}\n\n", string(ended)))
				return
			}
		}
	}
}

// send writes a message, unless the stream has what it says.
func (s *sender) send(m *message) bool {
	if m == nil || m.to <= s.last {
		return true
	}
	s.last = m.to
	return s.write(m.data)
}

func (s *sender) write(data []byte) bool {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.w.Write(data); err != nil {
		return false
	}
	return s.control.Flush() == nil
}

// sleepOr waits for a time or until the channel has something. It returns false if
// ctx ends first.
func sleepOr(ctx context.Context, d time.Duration, poke <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-poke:
	}
	return true
}

// ended watches a run until it has ended. poke is called when something has
// changed.
func (p *Page) ended(ctx context.Context, id, principal string, poke func()) (chain.State, bool) {
	const again = 2 * time.Second // for a run that no process drives
	for ctx.Err() == nil {
		err := p.opts.Runner.Watch(ctx, id, principal, func(chain.Counts, string) { poke() })
		if err != nil || ctx.Err() != nil {
			return "", false
		}
		if status, err := p.view.statusOf(ctx, followed{id, principal}); err == nil && status.Ended() {
			return status, true
		}
		view, err := p.opts.Runner.Get(ctx, id, principal, chain.ResultsUpTo(1)) // it also knows of runs without an end on record
		if err != nil {
			return "", false
		}
		if view.Status.Ended() {
			return view.Status, true
		}
		if !retry.Sleep(ctx, again) {
			return "", false
		}
	}
	return "", false
}
