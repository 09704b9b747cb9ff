package mcp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

const (
	acknowledged = string(mcp.MethodNotificationSubscriptionsAcknowledged)
	taskChanged  = "notifications/tasks"
)

// ErrServerEnds is the cause of a context of subscriptions/listen that the server
// ends. The client then receives a reply.
var ErrServerEnds = errors.New("the server ends")

// Listens reports whether a message is a subscriptions/listen request of a revision
// that has it.
func Listens(m *jsonrpc.Message) bool {
	return m.IsRequest() && m.Method == Listen && Modern(VersionOf(m))
}

// wishes are the notifications that a client wants, or gets.
type wishes struct {
	Tools     bool     `json:"toolsListChanged,omitempty"`
	Prompts   bool     `json:"promptsListChanged,omitempty"`
	Resources bool     `json:"resourcesListChanged,omitempty"`
	URIs      []string `json:"resourceSubscriptions,omitempty"`
	Tasks     []string `json:"taskIds,omitempty"`

	forms bool // the client shows forms
}

func (w *wishes) lists() bool { return w.Tools || w.Prompts || w.Resources }

// Listen answers a subscriptions/listen request: it sends notifications with send
// until the context ends. beat, which may be nil, is called every so often, so
// that an idle stream stays open. It returns no reply if the client has ended it.
func (s *Server) Listen(ctx context.Context, m *jsonrpc.Message, send func(message []byte) error, beat func(), every time.Duration) (reply []byte, refusal *jsonrpc.Error) {
	wanted, refusal := s.decodeListen(m)
	if refusal != nil {
		return nil, refusal
	}
	meta := slices.Concat([]byte(`"_meta":{"`+mcp.MetaKeySubscriptionID+`":`), m.ID, []byte(`}`))
	feed := NewFeed(func(method string, params []byte) error { return send(Notification(method, params)) })
	defer feed.Close()
	granted, start := s.grant(ctx, wanted, feed, append(slices.Clone(meta), ','))
	l := &listener{id: "listen-" + rand.Text(), granted: granted, heard: make(chan mcp.JSONRPCNotification, maxAnnouncements)}
	if granted.lists() { // before the client knows, so that it misses nothing
		if err := s.sdk.RegisterSession(ctx, l); err != nil {
			return nil, &jsonrpc.Error{Code: jsonrpc.InternalError, Message: "registering the subscription: " + err.Error()}
		}
		defer s.sdk.UnregisterSession(context.WithoutCancel(ctx), l.id)
	}
	accepted := append(slices.Concat([]byte("{"), meta, []byte(`,"notifications":`)), plainjson.Must(granted)...)
	if err := send(Notification(acknowledged, append(accepted, '}'))); err != nil {
		return nil, nil
	}
	for _, watch := range start {
		watch()
	}
	if len(start) > 0 || granted.lists() {
		l.announce(ctx, m.ID, send, beat, every)
		if !errors.Is(context.Cause(ctx), ErrServerEnds) {
			return nil, nil
		}
	}
	b := append(begin(nil, m.ID), `"resultType":"complete",`...)
	return append(append(b, meta...), "}}"...), nil
}

// decodeListen reads what a client wants to hear of.
func (s *Server) decodeListen(m *jsonrpc.Message) (*wishes, *jsonrpc.Error) {
	wanted := &wishes{}
	var capabilities json.RawMessage
	for key, value := range strictjson.Members(m.Params) {
		switch key {
		case "notifications":
			if json.Unmarshal(value, wanted) != nil {
				return nil, &jsonrpc.Error{Code: mcp.INVALID_PARAMS, Message: "params.notifications must be an object whose members are true or false, or lists of texts"}
			}
		case "_meta":
			for key, value := range strictjson.Members(value) {
				if key == mcp.MetaKeyClientCapabilities {
					capabilities = value
				}
			}
		}
	}
	switch {
	case !validCapabilities(capabilities):
		return nil, missingCapabilities()
	case !Known(VersionOf(m)):
		return nil, unsupported(VersionOf(m))
	case len(wanted.Tasks) > 0 && !declaresTasks(capabilities):
		return nil, MissingTasks()
	}
	wanted.forms = showsForms(capabilities)
	return wanted, nil
}

// grant returns what the client gets of what it wants, and functions that start to
// watch it. It leaves out what the server does not announce, and the runs and
// tasks that the caller does not have.
func (s *Server) grant(ctx context.Context, wanted *wishes, feed *Feed, meta []byte) (*wishes, []func()) {
	able := s.capabilities()
	granted := &wishes{
		Tools: wanted.Tools && able.Tools.ListChanged, Prompts: wanted.Prompts && able.Prompts.ListChanged,
		Resources: wanted.Resources && able.Resources.ListChanged,
	}
	var start []func()
	for _, uri := range wanted.URIs {
		if s.set == nil || len(start) >= maxWatched {
			break
		}
		if _, _, refusal := s.subscribable(ctx, uri); refusal == nil {
			granted.URIs = append(granted.URIs, uri)
			start = append(start, func() { _ = s.watchResource(ctx, feed, uri, meta) })
		}
	}
	for _, id := range wanted.Tasks {
		if s.tasks == nil || len(start) >= maxWatched {
			break
		}
		if _, err := s.tasks.Task(ctx, id); err == nil {
			granted.Tasks = append(granted.Tasks, id)
			start = append(start, func() { s.watchTask(ctx, feed, id, wanted.forms, meta) })
		}
	}
	return granted, start
}

// watchTask announces the changes of a task to a feed.
func (s *Server) watchTask(ctx context.Context, feed *Feed, id string, forms bool, meta []byte) {
	_ = feed.watch(ctx, "task "+id, func(ctx context.Context) {
		s.follow(ctx, id, true, true, func() {
			if task, err := s.tasks.Task(ctx, id); err == nil {
				task.showTo(forms)
				b := append(append([]byte{'{'}, meta...), task.appendDetails(task.append(nil, true))...)
				_ = feed.send(taskChanged, append(b, '}'))
			}
		})
	})
}

// watchOwnTask announces the end of a task to the session that asked for it, in
// the form of 2025-11-25.
func (s *Server) watchOwnTask(ctx context.Context, id string) {
	feed := feedFrom(ctx)
	if feed == nil {
		return
	}
	key := "task " + id
	_ = feed.watch(ctx, key, func(ctx context.Context) {
		defer feed.drop(key)
		status := TaskWorking
		s.follow(ctx, id, false, true, func() {
			task, err := s.tasks.Task(ctx, id)
			if err != nil {
				return
			}
			if task.showTo(false); task.Status != status {
				status = task.Status
				_ = feed.send(taskChanged+"/status", append(task.append([]byte{'{'}, false), '}'))
			}
		})
	})
}

// announce sends the changes of lists until the context ends, or nothing more can
// be sent.
func (l *listener) announce(ctx context.Context, id json.RawMessage, send func([]byte) error, beat func(), every time.Duration) {
	var ticks <-chan time.Time
	if beat != nil {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		ticks = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			beat()
		case heard := <-l.heard:
			b := append([]byte(`{"_meta":{"`+mcp.MetaKeySubscriptionID+`":`), id...)
			if send(Notification(heard.Method, append(b, "}}"...))) != nil {
				return
			}
		}
	}
}

// Notification encodes a notification. params is a JSON object.
func Notification(method string, params []byte) []byte {
	b := plainjson.AppendString([]byte(`{"jsonrpc":"2.0","method":`), method)
	return append(append(append(b, `,"params":`...), params...), '}')
}

// listener is a subscription as the SDK sees it: a session that hears of the
// lists that its client wants to hear of.
type listener struct {
	id      string
	granted *wishes
	heard   chan mcp.JSONRPCNotification
}

var _ server.SessionWithSubscriptionFilter = (*listener)(nil)

// SessionID implements server.ClientSession.
func (l *listener) SessionID() string { return l.id }

// NotificationChannel implements server.ClientSession.
func (l *listener) NotificationChannel() chan<- mcp.JSONRPCNotification { return l.heard }

// Initialize implements server.ClientSession.
func (l *listener) Initialize() {}

// Initialized implements server.ClientSession.
func (l *listener) Initialized() bool { return true }

// SetSubscriptionFilter implements server.SessionWithSubscriptionFilter. The SDK
// never calls it, because it does not get the request.
func (l *listener) SetSubscriptionFilter(mcp.SubscriptionFilter) {}

// SubscriptionFilter implements server.SessionWithSubscriptionFilter.
func (l *listener) SubscriptionFilter() (mcp.SubscriptionFilter, bool) {
	return mcp.SubscriptionFilter{
		ToolsListChanged: l.granted.Tools, PromptsListChanged: l.granted.Prompts, ResourcesListChanged: l.granted.Resources,
	}, true
}
