// Chainwright publishes executors as MCP tools, and runs trees of tasks.
//
// A transport passes a call to a tool, the tool passes a task tree to the
// engine, and the engine passes each task to an executor. Package transport/app
// builds the parts: policy, registry, store, engine, tools. Package
// transport/cli reads the command line and the configuration.
package main

import (
	_ "time/tzdata" // Windows and empty images have no time zones, which schedules need

	"github.com/chainwright/chainwright/transport/cli"
)

func main() { cli.Main() }
