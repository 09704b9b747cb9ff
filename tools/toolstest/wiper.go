package toolstest

import (
	"context"
	"slices"
	"sync"

	"github.com/chainwright/chainwright/executors"
)

// Wiper is test_wipe, an executor that is declared destructive unless its mode
// is look. It only records what it was asked to wipe.
type Wiper struct {
	executors.Executor

	mu    sync.Mutex
	wiped []string
}

// NewWiper returns a Wiper.
func NewWiper() *Wiper {
	def, err := executors.LoadDefinition(definitions, "definitions/wipe.yaml")
	if err != nil {
		panic(err)
	}
	w := &Wiper{}
	w.Executor = executors.New(def, w.wipe)
	return w
}

// Wiped returns what was wiped, in order.
func (w *Wiper) Wiped() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.wiped)
}

type wiped struct {
	Wiped []string `json:"wiped"`
}

func (w *Wiper) wipe(_ context.Context, _ *executors.Call, in struct {
	What string `json:"what"`
	Mode string `json:"mode"`
	Fail bool   `json:"fail"`
}) (*wiped, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if in.Mode == "look" {
		return &wiped{append([]string{}, w.wiped...)}, nil
	}
	w.wiped = append(w.wiped, in.What)
	if in.Fail {
		return nil, executors.Errorf(executors.ExecutionError, "wiping %s failed halfway", in.What)
	}
	return &wiped{append([]string{}, w.wiped...)}, nil
}
