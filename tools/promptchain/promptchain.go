// Package promptchain implements prompt_chain. It is not a stable API.
// It sends prompts to a model in order, each with the reply to the one before.
//
// A chain is compiled to a task tree (compile.go): each step is one task, of
// llm_executor or of another executor, and the runner runs it. Progress,
// cancelling, the record and retries are those of any tree.
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

// Options configure the generator. Registry and Runner are required.
type Options struct {
	Registry *executors.Registry
	Runner   chain.Engine
	// Exclude are executors that no step may use.
	Exclude []string
}

// Generator is prompt_chain. It is closed until UseModels sets a client with
// a model.
type Generator struct {
	executors.Executor
	opts   Options
	client atomic.Pointer[llm.Client]
}

// New returns a generator without a client.
func New(opts Options) *Generator {
	g := &Generator{opts: opts}
	def := executors.MustLoad(definition)
	def.BuiltIn = true
	g.Executor = executors.New(def, g.execute)
	return g
}

// UseModels sets the client, which tells whether a model is configured. It does
// not send the prompts: the runner does.
func (g *Generator) UseModels(client *llm.Client) { g.client.Store(client) }

// Note implements executors.Noted.
func (g *Generator) Note() string { return g.client.Load().Note() }

// Closed reports whether no model is configured, and the setting that
// configures one.
func (g *Generator) Closed() (opens string, closed bool) {
	client := g.client.Load()
	if client == nil {
		return "llm.provider", true
	}
	return client.Closed()
}

// Input is the arguments of a call. A step is a string or an object (Step).
type Input struct {
	Input    string  `json:"input"`
	Steps    []any   `json:"steps"`
	Provider string  `json:"provider"`
	Model    string  `json:"model"`
	Timeout  float64 `json:"timeout"` // applied by the caller of the executor
}

func (g *Generator) execute(ctx context.Context, call *executors.Call, in Input) (*Output, error) {
	c, wrong := g.compile(ctx, in)
	if wrong != nil {
		return nil, wrong
	}
	started, err := chain.Start(ctx, g.opts.Runner, c.tree, chain.RunOptions{
		Inputs: map[string]any{"input": in.Input}, Principal: call.Principal,
	})
	if err != nil {
		return nil, err
	}
	// The run is read even if waiting for it failed.
	_, _ = nested.Follow(ctx, g.opts.Runner, started.ID, call, chain.ResultsUpTo(0))
	if ctx.Err() != nil {
		_, err := g.opts.Runner.Cancel(context.WithoutCancel(ctx), started.ID, "", call.Principal)
		if err != nil {
			return &Output{RunID: started.ID, Status: string(chain.Cancelled), Responses: []string{}, Steps: []StepOutput{}},
				fmt.Errorf("cancelling the run %s: %w", started.ID, err)
		}
	}
	view, err := g.opts.Runner.Get(context.WithoutCancel(ctx), started.ID, call.Principal)
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
