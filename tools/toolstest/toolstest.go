// Package toolstest builds the tools, with runner, store and registry, for tests. It is not a stable API.
// Tests control what its executors do. The tests of the tools and of the
// transports use it.
package toolstest

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
)

//go:embed definitions/*.yaml
var definitions embed.FS

// Stack has the tools and the parts that they use.
type Stack struct {
	Policy   *policy.Policy
	Registry *executors.Registry
	Runner   chain.Engine
	Set      *tools.Set
	Store    store.Store
	// Running is the number of calls of test_steps in flight.
	Running *atomic.Int64

	close func() error
}

// Option configures a Stack.
type Option func(*settings)

type settings struct {
	policy    policy.Config
	tools     tools.Options
	executors []executors.Executor
	bare      bool
	grace     time.Duration
}

// WithPolicy sets the policy.
func WithPolicy(cfg policy.Config) Option { return func(s *settings) { s.policy = cfg } }

// WithTools changes the options of the tools.
func WithTools(change func(*tools.Options)) Option {
	return func(s *settings) { change(&s.tools) }
}

// WithExecutors adds executors.
func WithExecutors(list ...executors.Executor) Option {
	return func(s *settings) { s.executors = append(s.executors, list...) }
}

// Bare leaves out the executors that tests control.
func Bare() Option { return func(s *settings) { s.bare = true } }

// WithGrace sets the time that cancelled work has to stop.
func WithGrace(grace time.Duration) Option { return func(s *settings) { s.grace = grace } }

// New returns a Stack with a store in memory. The caller must close it.
func New(opts ...Option) (*Stack, error) {
	s := settings{grace: 5 * time.Second}
	for _, opt := range opts {
		opt(&s)
	}
	pol, err := policy.New(s.policy)
	if err != nil {
		return nil, err
	}
	stack := &Stack{Policy: pol, Running: new(atomic.Int64)}
	own, err := stack.executors()
	if err != nil {
		return nil, err
	}
	if s.bare {
		own = nil
	}
	if stack.Registry, err = executors.NewRegistry(pol, zerolog.Nop(), append(own, s.executors...)...); err != nil {
		return nil, err
	}
	kept := memory.Open(memory.Options{})
	stack.Store = kept
	stack.Runner = engine.New(engine.Options{Registry: stack.Registry, Store: kept, Log: zerolog.Nop(), Grace: s.grace})
	s.tools.Runner, s.tools.Registry = stack.Runner, stack.Registry
	if stack.Set, err = tools.Build(s.tools); err != nil {
		return nil, err
	}
	stack.close = func() error {
		ctx, done := context.WithTimeout(context.Background(), s.grace)
		defer done()
		return errors.Join(stack.Runner.Close(ctx), kept.Close(), stack.Registry.Close(), pol.Close())
	}
	return stack, nil
}

// Close cancels what runs and releases all resources.
func (s *Stack) Close() error { return s.close() }

func (s *Stack) executors() ([]executors.Executor, error) {
	var all []error
	load := func(name string) *executors.Definition {
		def, err := executors.LoadDefinition(definitions, "definitions/"+name+".yaml")
		all = append(all, err)
		return def
	}
	list := []executors.Executor{
		executors.New(load("echo"), echo), executors.New(load("big"), big),
		executors.New(load("steps"), s.steps), executors.New(load("fail"), fail),
	}
	return list, errors.Join(all...)
}

type text struct {
	Text string `json:"text"`
}

func echo(_ context.Context, _ *executors.Call, in text) (text, error) { return in, nil }

func big(_ context.Context, _ *executors.Call, in struct {
	Bytes int `json:"bytes"`
}) (text, error) {
	// Three characters of three bytes each, quoted ones among them.
	const pattern = `né"→`
	return text{strings.Repeat(pattern, in.Bytes/len(pattern)+1)[:in.Bytes/len(pattern)*len(pattern)]}, nil
}

type stepsInput struct {
	Steps   int    `json:"steps"`
	DelayMS int    `json:"delay_ms"`
	Label   string `json:"label"`
	Hold    bool   `json:"hold"`
}

type stepsOutput struct {
	Steps int `json:"steps"`
}

func (s *Stack) steps(ctx context.Context, call *executors.Call, in stepsInput) (stepsOutput, error) {
	s.Running.Add(1)
	defer s.Running.Add(-1)
	for i := range in.Steps {
		if err := ctx.Err(); err != nil {
			return stepsOutput{i}, err
		}
		call.Progress(executors.Progress{Done: float64(i + 1), Total: float64(in.Steps), Message: in.Label})
		fmt.Fprintf(call.Output(), "step %d %s\n", i+1, in.Label)
		if in.DelayMS == 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return stepsOutput{i + 1}, ctx.Err()
		case <-time.After(time.Duration(in.DelayMS) * time.Millisecond):
		}
	}
	if in.Hold {
		<-ctx.Done()
		return stepsOutput{in.Steps}, ctx.Err()
	}
	return stepsOutput{in.Steps}, nil
}

type failOutput struct {
	Kept string `json:"kept"`
}

func fail(_ context.Context, _ *executors.Call, in struct {
	How string `json:"how"`
}) (*failOutput, error) {
	switch in.How {
	case "panic":
		panic("this text must never reach a caller")
	case "with_output":
		return &failOutput{"this"}, executors.Errorf(executors.ExecutionError, "failed after some work")
	}
	return nil, executors.Errorf(executors.NetworkError, "nothing answers").WithHint("ask again").WithCode("E1")
}
