package toolstest

import (
	_ "embed"
	"errors"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/promptchain"
	"github.com/chainwright/chainwright/tools/sequential"
	"github.com/chainwright/chainwright/tools/tasktree"
)

// everything is the policy file of Opened.
//
//go:embed everything.yaml
var everything []byte

// Opened returns the policy in everything.yaml, which opens every built-in
// executor. Files may be written below dir.
func Opened(dir string) (policy.Config, error) {
	program, err := os.Executable()
	if err != nil {
		return policy.Config{}, err
	}
	var file struct{ Policy policy.Config }
	err = yaml.Unmarshal(everything, &file)
	file.Policy.Command.Programs[0].Path = program
	file.Policy.Files.Roots["work"] = policy.Root{Path: dir, Write: true}
	return file.Policy, err
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
