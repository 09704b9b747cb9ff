// Package promptchain is prompt_chain: prompts that are asked one after the
// other, each with the reply to the one before.
//
// A chain is a task tree (compile.go): each step is one task, of llm_executor
// or of another executor, and the one runner runs it. Progress, cancelling,
// the record and going on after a failure are those of any tree.
package promptchain

import (
	"context"
	"embed"
	"fmt"
	"sync/atomic"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/nested"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
)

//go:embed definition.yaml
var definition embed.FS

// ID is the generator's id.
const ID = "prompt_chain"

// Options are what chains are run with. Registry and Runner are required.
type Options struct {
	Registry *executors.Registry
	Runner   *chain.Runner
	// Exclude are executors that no step may name.
	Exclude []string
}

// Generator is prompt_chain. It is closed until it is given a client that has
// a model to ask.
type Generator struct {
	executors.Executor
	opts   Options
	client atomic.Pointer[llm.Client]
}

// New makes the generator without a client.
func New(opts Options) *Generator {
	g := &Generator{opts: opts}
	g.Executor = executors.New(executors.MustLoad(definition), g.execute)
	return g
}

// UseModels gives it the client that steps are asked with, to know whether
// there is a model.
func (g *Generator) UseModels(client *llm.Client) { g.client.Store(client) }

// Closed reports whether there is no model to ask, and what opens one.
func (g *Generator) Closed() (opens string, closed bool) {
	client := g.client.Load()
	if client == nil {
		return "llm.provider", true
	}
	return client.Closed()
}

// Input is what a call gives. A step is a string or an object (Step).
type Input struct {
	Input    string  `json:"input"`
	Steps    []any   `json:"steps"`
	Provider string  `json:"provider"`
	Model    string  `json:"model"`
	Timeout  float64 `json:"timeout"` // applied by the door
}

func (g *Generator) execute(ctx context.Context, call *executors.Call, in Input) (*Output, error) {
	c, wrong := g.compile(ctx, in)
	if wrong != nil {
		return nil, wrong
	}
	started, err := g.opts.Runner.Start(ctx, c.tree, chain.RunOptions{
		Inputs: map[string]any{"input": in.Input}, Principal: call.Principal,
	})
	if err != nil {
		return nil, err
	}
	// The run is read afterwards, whatever the wait says.
	_, _ = nested.Follow(ctx, g.opts.Runner, started.ID, call, chain.ResultsUpTo(0))
	if ctx.Err() != nil {
		_, err := g.opts.Runner.Cancel(context.WithoutCancel(ctx), started.ID, "", call.Principal)
		if err != nil {
			return &Output{RunID: started.ID, Status: string(chain.Cancelled), Responses: []string{}, Steps: []StepOutput{}},
				fmt.Errorf("cancelling the run %s: %w", started.ID, err)
		}
	}
	view, err := g.opts.Runner.Run(context.WithoutCancel(ctx), started.ID, call.Principal)
	if err != nil {
		return nil, fmt.Errorf("reading the run %s: %w", started.ID, err)
	}
	out, err := c.answer(view)
	switch {
	case err != nil:
		return nil, err
	case ctx.Err() != nil:
		return out, context.Cause(ctx)
	}
	return out, c.failure(view)
}
