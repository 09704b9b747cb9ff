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
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
)

const (
	// heartbeat is the interval of writes to an idle stream, and of checks whether
	// its login goes on.
	heartbeat = 10 * time.Second
	// writeTimeout is the time limit of one write.
	writeTimeout = 30 * time.Second
)

// change is what has changed about a task since the update before.
type change struct {
	ID        string      `json:"id"`
	Status    chain.State `json:"status,omitempty"`
	Attempts  int         `json:"attempts,omitempty"`
	Started   *time.Time  `json:"started_at,omitempty"`
	Completed *time.Time  `json:"completed_at,omitempty"`
	Error     string      `json:"error,omitempty"`
	ErrorType string      `json:"error_type,omitempty"`
	Reason    string      `json:"reason,omitempty"`
	// Reset means that the task begins anew: nothing counts that was known of it.
	Reset bool `json:"reset,omitempty"`
	// Elements are to be added to those that are known.
	Elements *elements `json:"elements,omitempty"`
}

// update is one message of the stream: what events of a run say together.
type update struct {
	Seq     int64       `json:"seq"`
	Tasks   []*change   `json:"tasks,omitempty"`
	Status  chain.State `json:"status,omitempty"` // of the run
	Outcome chain.State `json:"outcome,omitempty"`
	Now     time.Time   `json:"now"`
}

// updateOf folds events, which are in order.
func updateOf(events []chain.Event, now time.Time) *update {
	u := &update{Now: now.UTC()}
	at := map[string]*change{}
	for i := range events {
		e := &events[i]
		u.Seq = e.Seq
		if e.Task == "" {
			u.Status, u.Outcome = e.State, e.Outcome
			continue
		}
		c := at[e.Task]
		if c == nil {
			c = &change{ID: e.Task}
			at[e.Task] = c
			u.Tasks = append(u.Tasks, c)
		}
		c.take(e)
	}
	return u
}

// take applies an event of the task or of one of its elements.
func (c *change) take(e *chain.Event) {
	if e.Element != nil {
		if c.Elements == nil {
			c.Elements = &elements{}
		}
		c.Elements.add(e)
		return
	}
	if e.State == chain.Pending {
		*c = change{ID: c.ID, Reset: true}
	}
	at := e.At
	c.Status, c.Attempts, c.Reason = e.State, max(c.Attempts, e.Attempt), e.Reason
	c.Error, c.ErrorType = shortError(e.Error), string(e.Type)
	switch {
	case e.State.Ended():
		c.Completed = &at
	case e.State != chain.Pending && e.Error == "":
		c.Started = &at
	}
}

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
	id, principal := r.PathValue("id"), tools.CallerFrom(ctx).Principal
	var missed []chain.Event
	if err == nil {
		sub := p.feeds.join(p, id, principal, after)
		defer sub.leave()
		if missed, err = p.opts.Runner.Events(ctx, id, principal, after); err == nil {
			s := &sender{page: p, w: w, control: http.NewResponseController(w), last: after}
			s.begin()
			if s.send(&batch{events: missed}) {
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
			batches, ended, ok := sub.take()
			if !ok || len(batches) > 0 && !s.send(merged(batches)) {
				return
			}
			if ended != "" {
				s.write(fmt.Appendf(nil, "event: end\ndata: {\"status\":%q}\n\n", string(ended)))
				return
			}
		}
	}
}

// send writes the events that the stream does not have yet as one message.
func (s *sender) send(b *batch) bool {
	fresh := b.events
	for len(fresh) > 0 && fresh[0].Seq <= s.last {
		fresh = fresh[1:]
	}
	if len(fresh) == 0 {
		return true
	}
	var data []byte
	if len(fresh) == len(b.events) {
		data = b.encoded(s.page.opts.Now())
	} else {
		data = (&batch{events: fresh}).encoded(s.page.opts.Now())
	}
	s.last = fresh[len(fresh)-1].Seq
	return s.write(data)
}

func (s *sender) write(data []byte) bool {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.w.Write(data); err != nil {
		return false
	}
	return s.control.Flush() == nil
}

// encoded returns the events as a message of the stream. Streams that are up to
// date share it.
func (b *batch) encoded(now time.Time) []byte {
	b.once.Do(func() {
		u := updateOf(b.events, now)
		b.data = fmt.Appendf(nil, "id: %d\nevent: update\ndata: %s\n\n", u.Seq, plainjson.Must(u))
	})
	return b.data
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
		view, err := p.opts.Runner.Get(ctx, id, principal, chain.ResultsUpTo(1))
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
