// Package bench measures tool calls end to end: the real program and a bare
// mcp-go server, side by side, by the same client; `make bench` does that, and
// docs/performance.md quotes it. A test keeps the program small.
package bench
