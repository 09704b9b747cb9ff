// Package builtin is the one list of the executors that the server brings.
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

// list makes each executor: a new one is one more line here.
var list = []func() executors.Executor{
	aggregate.New,
	apflow.New,
	func() executors.Executor { return command.New() },
	data.New,
	func() executors.Executor { return docker.New() },
	email.New,
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

// All makes the built-in executors. Their definitions are read side by side,
// since that is most of what a start takes.
func All() []executors.Executor {
	all := make([]executors.Executor, len(list))
	var making sync.WaitGroup
	for i, make := range list {
		making.Go(func() { all[i] = make() })
	}
	making.Wait()
	return all
}
