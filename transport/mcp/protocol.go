package mcp

import (
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// The methods that the transports handle themselves.
const (
	Initialize = string(mcp.MethodInitialize)
	Ping       = string(mcp.MethodPing)
	ToolsCall  = string(mcp.MethodToolsCall)
	Listen     = string(mcp.MethodSubscriptionsListen)
	Cancelled  = string(mcp.MethodNotificationCancelled)
)

// The headers of requests over HTTP.
const (
	HeaderSession = server.HeaderKeySessionID
	HeaderVersion = mcp.HeaderProtocolVersion
)

// Known reports whether the server speaks a revision of the protocol.
func Known(version string) bool { return mcp.IsValidProtocolVersion(version) }

// Modern reports whether a revision is stateless: 2026-07-28 and later have no
// handshake and no sessions, and each message names its revision.
func Modern(version string) bool { return mcp.IsModernProtocol(version) }

// Batches reports whether a revision allows batches. 2025-03-26 does. Its
// predecessor refers to JSON-RPC, which does.
func Batches(version string) bool {
	return version == mcp.ProtocolVersion20250326 || version == mcp.ProtocolVersion20241105
}

// Elicits reports whether a client can be asked within a call: it speaks a
// revision that has elicitation, and its handshake declares it.
func Elicits(version string, capabilities json.RawMessage) bool {
	return asksWithinCalls(version) && showsForms(capabilities)
}

// asksWithinCalls reports whether a revision lets a server ask the person a
// question while it answers a call.
func asksWithinCalls(version string) bool {
	return version == mcp.ProtocolVersion20250618 || version == mcp.ProtocolVersion20251125
}

// Handshake returns whether the client of the message that opens a session can be
// asked within a call, and whether it shows user interfaces.
func Handshake(m *jsonrpc.Message) (elicits, shows bool) {
	var version string
	var capabilities json.RawMessage
	for key, value := range strictjson.Members(m.Params) {
		switch key {
		case "protocolVersion":
			version = strictjson.Text(value)
		case "capabilities":
			capabilities = value
		}
	}
	return Elicits(version, capabilities), declaresUI(extension(capabilities, UIExtension))
}

// VersionOf returns the revision that a message itself names, which all
// messages of 2026-07-28 do; "" if it names none.
func VersionOf(m *jsonrpc.Message) string {
	for key, meta := range strictjson.Members(m.Params) {
		if key != "_meta" {
			continue
		}
		for key, value := range strictjson.Members(meta) {
			if key == mcp.MetaKeyProtocolVersion {
				return strictjson.Text(value)
			}
		}
	}
	return ""
}
