// This is the whole of a program of one's own: everything that chainwright
// does, with one executor more.
package main

import (
	"github.com/chainwright/chainwright/docs/examples/greeting"
	"github.com/chainwright/chainwright/transport/cli"
)

func main() { cli.Main(cli.WithExecutors(greeting.New())) }
