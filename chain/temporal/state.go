package temporal

import (
	"github.com/chainwright/chainwright/executors"
)

// State is what a server says about a namespace and this program's work there.
type State struct {
	// Server is the version of the server.
	Server string
	// Queue is the task queue of this program's build, and Workers the number of
	// processes that take tasks from it.
	Queue   string
	Workers int
	// Runs is the number of runs that go on, and OtherBuilds how many of them
	// were started by programs of other builds: only those continue them.
	Runs, OtherBuilds int64
	// Deserted are the task queues of such runs from which no process takes
	// tasks.
	Deserted []string
}

// missing returns the error of a program without this engine.
func missing() *executors.Error {
	return executors.Errorf(executors.ValidationError, "this program has no engine on Temporal; chainwright-temporal is the same program with it (make build-temporal)").
		WithField("engine")
}
