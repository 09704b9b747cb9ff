package cli

import (
	"context"
	"fmt"

	"github.com/chainwright/chainwright/chain/temporal"
)

// engineState is what the server of an engine says.
type engineState struct {
	URL string `json:"url"`
	// The other fields are missing if it does not answer.
	Server      string `json:"server,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Queue       string `json:"queue,omitempty"`
	Workers     int    `json:"workers"`
	Runs        int64  `json:"runs"`
	OtherBuilds int64  `json:"other_builds,omitempty"`
}

// checkEngine asks the server of an engine.
func (p *program) checkEngine(ctx context.Context, url string) func(*checkup) {
	if url == "" {
		return func(*checkup) {}
	}
	state, problems := p.askEngine(ctx, url)
	return func(f *checkup) {
		f.Engine = state
		f.Problems = append(f.Problems, problems...)
	}
}

func (p *program) askEngine(ctx context.Context, url string) (found *engineState, problems []problem) {
	found = &engineState{URL: url}
	address, err := temporal.ParseAddress(url)
	if err != nil {
		return found, []problem{because("engine", err)}
	}
	if err := temporal.CheckStore(p.config.Store); err != nil {
		problems = append(problems, because("engine", err))
	}
	state, err := temporal.Examine(ctx, address)
	if err != nil {
		return found, append(problems, because("engine", err))
	}
	found.Server, found.Namespace, found.Queue = state.Server, address.Namespace, state.Queue
	found.Workers, found.Runs, found.OtherBuilds = state.Workers, state.Runs, state.OtherBuilds
	if len(state.Deserted) > 0 {
		problems = append(problems, problem{Part: "engine", Message: fmt.Sprintf("runs wait for workers of the versions that started them, in the task queues %s: start one of each version until they have ended, or cancel them there", listed(state.Deserted))})
	}
	return found, problems
}
