// Package endtoend tests the built program as users see it. It is not a stable API.
// It uses the command line, stdio and HTTP, with real peers around the program,
// and what others wrote for MCP: the conformance suite, Inspector, the official
// clients.
package endtoend
