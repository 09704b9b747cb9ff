// Package bench measures tool calls end to end: the real program and a bare
// mcp-go server, side by side, by the same client. It holds benchmarks only;
// `make bench` runs them and docs/performance.md quotes them.
package bench
