package cli

import (
	"fmt"
	"path/filepath"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/tools/promptchain"
	"github.com/chainwright/chainwright/tools/sequential"
	"github.com/chainwright/chainwright/tools/tasktree"
)

// addGenerators registers the executors that themselves use the runner. They
// are made here, since they need what the other executors must not know.
func (p *program) addGenerators() error {
	p.planner = tasktree.New(tasktree.Options{
		Registry: p.registry, Runner: p.runner, Trees: p.treesFolder(), Exclude: p.config.ExcludeTools,
	})
	prompts := promptchain.New(promptchain.Options{Registry: p.registry, Runner: p.runner, Exclude: p.config.ExcludeTools})
	for _, generator := range []executors.Executor{p.planner, sequential.New(), prompts} {
		llm.Connect(p.models, generator)
		if err := p.registry.Register(generator); err != nil {
			return fmt.Errorf("the generators: %w", err)
		}
	}
	return nil
}

// treesFolder is where saved trees are: as configured, else in the data
// folder.
func (p *program) treesFolder() string {
	if p.config.Trees == "" && p.config.DataDir != "" {
		return filepath.Join(p.config.DataDir, "trees")
	}
	return p.config.Trees
}
