package toolstest

import (
	"errors"
	"os"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/promptchain"
	"github.com/chainwright/chainwright/tools/sequential"
	"github.com/chainwright/chainwright/tools/tasktree"
)

// Opened returns a policy that opens every built-in executor. The destinations
// do not exist. Files may be written below dir.
func Opened(dir string) (policy.Config, error) {
	program, err := os.Executable()
	return policy.Config{
		Command:     policy.Command{Programs: []policy.Program{{Name: "git", Path: program}}},
		Files:       policy.Files{Roots: map[string]policy.Root{"work": {Path: dir, Write: true}}},
		Databases:   policy.Databases{CallerDSN: true},
		Connections: map[string]policy.Connection{"mail": {Kind: "smtp", Host: "mail.example.com"}},
		SSH:         policy.SSH{Hosts: []string{"web01"}},
		Docker:      policy.Docker{Images: []string{"python:3.11"}},
	}, err
}

// Everything returns a stack with all built-in executors and the generators, and
// without the executors that tests control. Language models are configured if
// the policy opens a program, but no server listens at their address. The caller
// must close the stack.
func Everything(cfg policy.Config, change func(*tools.Options)) (*Stack, error) {
	var models *llm.Client
	connect := func(list ...executors.Executor) {
		if models != nil {
			llm.Connect(models, list...)
		}
	}
	if len(cfg.Command.Programs) > 0 {
		var err error
		if models, err = llm.NewClient(llm.Settings{}, llm.WithEnvironment(func(name string) (string, bool) {
			return "http://127.0.0.1:1/v1", name == "OPENAI_BASE_URL"
		})); err != nil {
			return nil, err
		}
	}
	all := builtin.All()
	connect(all...)
	opts := []Option{WithPolicy(cfg), Bare(), WithExecutors(all...)}
	if change != nil {
		opts = append(opts, WithTools(change))
	}
	stack, err := New(opts...)
	if err != nil {
		return nil, err
	}
	for _, generator := range []executors.Executor{
		tasktree.New(tasktree.Options{Registry: stack.Registry, Runner: stack.Runner}), sequential.New(),
		promptchain.New(promptchain.Options{Registry: stack.Registry, Runner: stack.Runner}),
	} {
		connect(generator)
		if err := stack.Registry.Register(generator); err != nil {
			return nil, errors.Join(err, stack.Close())
		}
	}
	return stack, nil
}
