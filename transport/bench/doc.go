// Package bench measures tool calls end to end. It is not a stable API.
// It compares the program with a bare mcp-go server, with the same client;
// `make bench` runs it, and docs/performance.md has the results. A test keeps
// the program small.
package bench
