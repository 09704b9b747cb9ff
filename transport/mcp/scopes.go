package mcp

import (
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// Needs returns all scopes that a message needs from a caller with these scopes.
// c is the decoded message, if it is a tools/call request. A method that is not
// known here needs the scope for reading.
func (s *Server) Needs(scopes tools.Scopes, m *jsonrpc.Message, c *Call) []string {
	if c != nil && s.AnswersCalls() {
		name, arguments := s.ui.tool(c)
		needed := s.set.Needs(scopes, name, arguments)
		if c.task != nil && !Modern(c.Version) && !slices.Contains(needed, tools.ScopeRunsRead) {
			needed = append(needed, tools.ScopeRunsRead) // the result is read from the run
		}
		return needed
	}
	switch method := mcp.MCPMethod(m.Method); {
	case !m.IsRequest(), method == mcp.MethodInitialize, method == mcp.MethodPing, method == mcp.MethodServerDiscover, method == mcp.MethodSetLogLevel:
		return nil
	case method == mcp.MethodToolsCall:
		return []string{tools.ScopeToolsCall}
	case IsTask(m):
		switch m.Method {
		case tasksCancel:
			return []string{tools.ScopeRunsWrite}
		case tasksUpdate:
			return []string{tools.ScopeToolsCall}
		}
		return []string{tools.ScopeRunsRead}
	case method == mcp.MethodResourcesSubscribe, method == mcp.MethodResourcesUnsubscribe:
		return []string{tools.ScopeRunsRead}
	case method == mcp.MethodSubscriptionsListen:
		return listenNeeds(m)
	case method == mcp.MethodResourcesRead:
		for _, uri := range params(m, "uri") {
			if !strings.HasPrefix(uri, "executor://") && !strings.HasPrefix(uri, "tree://") && uri != uiAddress {
				return []string{tools.ScopeRunsRead}
			}
		}
	case method == mcp.MethodPromptsGet && s.AnswersCalls():
		needed := []string{tools.ScopeToolsRead}
		for _, name := range params(m, "name") {
			if more := s.set.PromptNeeds(name); len(more) > len(needed) {
				needed = more
			}
		}
		return needed
	}
	return []string{tools.ScopeToolsRead}
}

// listenNeeds returns the scopes of a subscription: announcements about runs need
// that for reading runs, and those about lists that for reading tools.
func listenNeeds(m *jsonrpc.Message) []string {
	lists, runs := true, false
	for key, wanted := range strictjson.Members(m.Params) {
		if !strings.EqualFold(key, "notifications") {
			continue
		}
		lists = false
		for key := range strictjson.Members(wanted) {
			if strings.EqualFold(key, "resourceSubscriptions") || strings.EqualFold(key, "taskIds") {
				runs = true
			} else {
				lists = true
			}
		}
	}
	var needed []string
	if lists || !runs {
		needed = append(needed, tools.ScopeToolsRead)
	}
	if runs {
		needed = append(needed, tools.ScopeRunsRead)
	}
	return needed
}

// params returns the texts of a parameter. The SDK ignores the case of its name,
// so there can be several.
func params(m *jsonrpc.Message, name string) (values []string) {
	for key, value := range strictjson.Members(m.Params) {
		if strings.EqualFold(key, name) {
			values = append(values, strictjson.Text(value))
		}
	}
	return values
}
