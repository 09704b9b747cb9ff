package mcp

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// The methods and notifications of subscriptions to resources.
const (
	resourcesSubscribe   = string(mcp.MethodResourcesSubscribe)
	resourcesUnsubscribe = string(mcp.MethodResourcesUnsubscribe)
	resourceUpdated      = string(mcp.MethodNotificationResourceUpdated)
)

// Subscribes reports whether a message is a request to subscribe to a resource, or
// to end that. Servers made by Wrap leave both to the SDK.
func (s *Server) Subscribes(m *jsonrpc.Message) bool {
	return s.set != nil && m.IsRequest() && (m.Method == resourcesSubscribe || m.Method == resourcesUnsubscribe)
}

// Subscribe answers resources/subscribe and resources/unsubscribe of the revisions
// with sessions. Runs and the results of their tasks can be subscribed to.
func (s *Server) Subscribe(ctx context.Context, m *jsonrpc.Message) ([]byte, *jsonrpc.Error) {
	feed := feedFrom(ctx)
	if Modern(VersionOf(m)) {
		return nil, &jsonrpc.Error{Code: mcp.METHOD_NOT_FOUND, Message: "this revision of the protocol has subscriptions/listen instead of " + m.Method}
	}
	uris := params(m, "uri")
	switch {
	case len(uris) != 1 || uris[0] == "":
		return nil, &jsonrpc.Error{Code: mcp.INVALID_PARAMS, Message: "params.uri is required: the address of a resource, as text"}
	case feed == nil:
		return nil, &jsonrpc.Error{Code: mcp.METHOD_NOT_FOUND, Message: "subscriptions need a session, and this server keeps none; use get_run"}
	case m.Method == resourcesUnsubscribe:
		feed.drop(uris[0])
	default:
		if refusal := s.watchResource(ctx, feed, uris[0], nil); refusal != nil {
			return nil, refusal
		}
	}
	return append(begin(nil, m.ID), "}}"...), nil
}

// feedFrom returns the feed of the client of a request; nil if it can have none.
func feedFrom(ctx context.Context) *Feed {
	if feed := PeerFrom(ctx).Feed; feed != nil {
		return feed()
	}
	return nil
}

// watchResource announces the changes of a resource to a feed. meta, which may be
// empty, is a member of each announcement.
func (s *Server) watchResource(ctx context.Context, feed *Feed, uri string, meta []byte) *jsonrpc.Error {
	id, task, refusal := s.subscribable(ctx, uri)
	if refusal != nil {
		return refusal
	}
	announcement := plainjson.AppendString(append(slices.Clone(meta), `"uri":`...), uri)
	announcement = slices.Concat([]byte("{"), announcement, []byte("}"))
	return feed.watch(ctx, uri, func(ctx context.Context) {
		state := s.set.TaskState(ctx, id, task)
		if state != tools.StatusQueued && state != tools.StatusPending && state != tools.StatusInProgress {
			state = "" // it has ended: that is announced once
		}
		s.follow(ctx, id, false, false, func() {
			if task != "" {
				now := s.set.TaskState(ctx, id, task)
				if now == state {
					return
				}
				state = now
			}
			_ = feed.send(resourceUpdated, announcement)
		})
	})
}

// subscribable returns the run in a resource's address, and the task if the
// resource is its result. It refuses other resources, and runs that the caller
// does not have.
func (s *Server) subscribable(ctx context.Context, uri string) (run, task string, refusal *jsonrpc.Error) {
	rest, isRun := strings.CutPrefix(uri, "run://")
	parts := strings.Split(rest, "/")
	for i := range parts {
		if plain, err := url.PathUnescape(parts[i]); err == nil {
			parts[i] = plain
		}
	}
	switch {
	case isRun && len(parts) == 1:
	case isRun && len(parts) == 4 && parts[1] == "tasks" && parts[3] == "result":
		task = parts[2]
	default:
		return "", "", &jsonrpc.Error{Code: mcp.INVALID_PARAMS, Message: "only " + tools.RunResource + " and " + tools.ResultResource + " can be subscribed to; changes of lists are announced by themselves"}
	}
	if err := s.set.CheckTask(ctx, parts[0], task); err != nil {
		return "", "", &jsonrpc.Error{Code: notFoundCode(ctx), Message: err.Error()}
	}
	return parts[0], task, nil
}
