// Chainwright gives assistants executors over MCP, and runs trees of tasks.
//
// The program in one line: a transport hands a call to a tool, the tool hands
// a task tree to the chain runner, the runner hands each task to an executor.
// Its parts are wired in transport/cli/program.go: configuration, policy,
// registry, store, runner, tools; then a command or a transport takes over.
package main

import "github.com/chainwright/chainwright/transport/cli"

func main() { cli.Main() }
