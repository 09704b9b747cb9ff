// Own_program serves the built-in executors and its own executor on stdin and
// stdout. An MCP client starts it.
package main

import (
	"context"

	"github.com/chainwright/chainwright/docs/examples/greeting"
	"github.com/chainwright/chainwright/transport/app"
)

func main() {
	server, err := app.New(context.Background(), app.WithExecutors(greeting.New()))
	if err == nil {
		err = server.ServeStdio(context.Background())
	}
	if err != nil {
		panic(err)
	}
}
