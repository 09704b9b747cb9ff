// Package builtin lists the built-in executors. It is not a stable API.
package builtin

import (
	"sync"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/aggregate"
	"github.com/chainwright/chainwright/executors/apflow"
	"github.com/chainwright/chainwright/executors/command"
	"github.com/chainwright/chainwright/executors/data"
	"github.com/chainwright/chainwright/executors/docker"
	"github.com/chainwright/chainwright/executors/email"
	"github.com/chainwright/chainwright/executors/fail"
	"github.com/chainwright/chainwright/executors/file"
	"github.com/chainwright/chainwright/executors/grpc"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/mcp"
	"github.com/chainwright/chainwright/executors/rest"
	"github.com/chainwright/chainwright/executors/scrape"
	"github.com/chainwright/chainwright/executors/sql"
	"github.com/chainwright/chainwright/executors/ssh"
	"github.com/chainwright/chainwright/executors/system"
	"github.com/chainwright/chainwright/executors/websocket"
)

// list has the constructor of each executor. Add new executors here.
var list = []func() executors.Executor{
	aggregate.New,
	apflow.New,
	func() executors.Executor { return command.New() },
	data.New,
	func() executors.Executor { return docker.New() },
	email.New,
	fail.New,
	file.NewReader,
	file.NewWriter,
	func() executors.Executor { return grpc.New() },
	func() executors.Executor { return llm.New() },
	func() executors.Executor { return mcp.New() },
	rest.New,
	scrape.New,
	func() executors.Executor { return sql.New() },
	func() executors.Executor { return ssh.New() },
	system.New,
	websocket.New,
}

// All creates the built-in executors. It loads their definitions in parallel,
// because that takes most of the server's start.
func All() []executors.Executor {
	all := make([]executors.Executor, len(list))
	var loading sync.WaitGroup
	for i, create := range list {
		loading.Go(func() {
			all[i] = create()
			if def := all[i].Definition(); !def.BuiltIn {
				def.BuiltIn = true
			}
		})
	}
	loading.Wait()
	return all
}
