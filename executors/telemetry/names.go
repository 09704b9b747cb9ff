package telemetry

import "go.opentelemetry.io/otel/attribute"

// Attributes of the semantic conventions for MCP, GenAI and JSON-RPC, as package
// semconv/v1.41.0 has them. It is the last version with MCP and GenAI, and is not
// imported, because that would link all of its attributes: 100 KB.
const (
	MCPMethod          = attribute.Key("mcp.method.name")
	MCPProtocolVersion = attribute.Key("mcp.protocol.version")
	RequestID          = attribute.Key("jsonrpc.request.id")
	StatusCode         = attribute.Key("rpc.response.status_code")
	ErrorType          = attribute.Key("error.type")
	NetworkTransport   = attribute.Key("network.transport")

	Operation     = attribute.Key("gen_ai.operation.name")
	ToolName      = attribute.Key("gen_ai.tool.name")
	WorkflowName  = attribute.Key("gen_ai.workflow.name")
	Provider      = attribute.Key("gen_ai.provider.name")
	RequestModel  = attribute.Key("gen_ai.request.model")
	ResponseModel = attribute.Key("gen_ai.response.model")
	InputTokens   = attribute.Key("gen_ai.usage.input_tokens")
	OutputTokens  = attribute.Key("gen_ai.usage.output_tokens")
	TokenType     = attribute.Key("gen_ai.token.type")
)

// Values of Operation, ErrorType and NetworkTransport.
const (
	ExecuteTool    = "execute_tool"
	InvokeWorkflow = "invoke_workflow"
	Plan           = "plan" // not in 1.41.0, but in the conventions for GenAI that followed it
	Chat           = "chat"

	ToolError = "tool_error" // the result of a call says that it failed

	Pipe = "pipe" // stdio
	TCP  = "tcp"  // HTTP
)

// Attributes of our own.
const (
	RunID     = attribute.Key("chainwright.run.id")
	RunStatus = attribute.Key("chainwright.run.status")
	TaskID    = attribute.Key("chainwright.task.id")
	Element   = attribute.Key("chainwright.element") // of a for_each, counted from 1
	Attempt   = attribute.Key("chainwright.attempt")
	Attempts  = attribute.Key("chainwright.attempts")
	Outcome   = attribute.Key("chainwright.outcome")
	Executor  = attribute.Key("chainwright.executor")
)

// Retried is the event of an attempt that failed and is repeated.
const Retried = "attempt failed"
