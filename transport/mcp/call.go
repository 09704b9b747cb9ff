package mcp

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// Call is a tools/call request.
type Call struct {
	ID        json.RawMessage
	Name      string
	Arguments json.RawMessage // nil: none
	// Version is the revision that the message names. Messages of the revisions
	// with a handshake usually name none.
	Version string
	// GivenUp is called, if it is set, with the reply to a call that is given up
	// because it does not stop. Server.Call then returns when the call ends
	// after all, and what it returns is to be dropped.
	GivenUp func(reply []byte)

	token        json.RawMessage // for progress; nil: no progress is wanted
	capabilities json.RawMessage // of the client, in modern revisions only
	state        string          // the requestState that the client sends back
	responses    json.RawMessage // the inputResponses that it sends with it
	trace        string          // the trace context (traceparent); empty: none
	traceState   string          // its tracestate
	operation    *operation      // nil: telemetry is off
	task         json.RawMessage // the wish for a task, of 2025-11-25; nil: none
	repeated     json.RawMessage // arguments that the reply has too; nil: none
}

// callFields are the members of a call. A member that differs from one of them
// only in case is refused: other readers of JSON would accept it.
var callFields = []string{"name", "arguments", "_meta", "task", "inputResponses", "requestState"}

// Decode reads a tools/call request. With an error it also returns what could
// be read of the call. Unknown members are ignored, as MCP requires.
func Decode(m *jsonrpc.Message) (*Call, *jsonrpc.Error) {
	c := &Call{ID: m.ID}
	var problems []string
	for key, value := range strictjson.Members(m.Params) {
		if string(value) == "null" {
			continue
		}
		switch key {
		case "name":
			c.Name = strictjson.Text(value)
			problems = must(problems, c.Name != "" || string(value) == `""`, "params.name must be a string")
		case "arguments":
			c.Arguments = value
		case "_meta":
			problems = must(problems, value[0] == '{', "params._meta must be an object")
			problems = c.readMeta(value, problems)
		case "task":
			c.task = value
			problems = must(problems, value[0] == '{', "params.task must be an object")
		case "inputResponses":
			c.responses = value
			problems = must(problems, value[0] == '{', "params.inputResponses must be an object")
		case "requestState":
			c.state = strictjson.Text(value)
			problems = must(problems, c.state != "" || string(value) == `""`, "params.requestState must be a string")
		default:
			if i := slices.IndexFunc(callFields, func(known string) bool { return strings.EqualFold(key, known) }); i >= 0 {
				problems = append(problems, fmt.Sprintf("params.%s must be written %q", key, callFields[i]))
			}
		}
	}
	switch {
	case Modern(c.Version) && !validCapabilities(c.capabilities):
		return c, missingCapabilities()
	case Modern(c.Version) && !Known(c.Version):
		return c, unsupported(c.Version)
	case len(problems) > 0:
		return c, &jsonrpc.Error{Code: jsonrpc.InvalidRequest, Message: "not a valid tools/call: " + strings.Join(problems, "; ")}
	}
	return c, nil
}

func must(problems []string, ok bool, rule string) []string {
	if ok {
		return problems
	}
	return append(problems, rule)
}

func (c *Call) readMeta(raw json.RawMessage, problems []string) []string {
	for key, value := range strictjson.Members(raw) {
		switch key {
		case "progressToken":
			if string(value) == "null" {
				continue
			}
			c.token = value
			problems = must(problems, value[0] == '"' || value[0] == '-' || value[0] >= '0' && value[0] <= '9', "params._meta.progressToken must be a string or a number")
		case mcp.MetaKeyProtocolVersion:
			c.Version = strictjson.Text(value)
		case mcp.MetaKeyClientCapabilities:
			c.capabilities = value
		case "traceparent":
			// An invalid trace context is ignored, as W3C Trace Context
			// requires.
			if trace := strictjson.Text(value); traceparent.MatchString(trace) {
				c.trace = trace
			}
		case "tracestate":
			c.traceState = strictjson.Text(value)
		}
	}
	return problems
}

// traceparent matches a trace context of W3C Trace Context.
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// validCapabilities reports whether a client's capabilities can be read.
func validCapabilities(raw json.RawMessage) bool {
	if len(raw) == 0 || raw[0] != '{' {
		return false
	}
	return len(raw) == len("{}") || json.Unmarshal(raw, new(mcp.ClientCapabilities)) == nil
}

// missingCapabilities refuses a modern request without its client's capabilities.
func missingCapabilities() *jsonrpc.Error {
	return &jsonrpc.Error{Code: mcp.INVALID_PARAMS, Message: "missing or invalid _meta field " + mcp.MetaKeyClientCapabilities}
}

// unsupported refuses a revision, and lists those that a client can choose.
func unsupported(version string) *jsonrpc.Error {
	details := mcp.UnsupportedProtocolVersionError{Version: version, Supported: mcp.ValidProtocolVersions}.JSONRPCError().Error
	data, err := plainjson.Marshal(details.Data)
	if err != nil {
		data = nil
	}
	return &jsonrpc.Error{Code: details.Code, Message: details.Message, Data: data}
}
