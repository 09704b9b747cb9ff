package cli

import (
	"fmt"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/tools"
)

type runCmd struct {
	File           string
	Inputs         string
	JSON           bool
	MaxParallel    int
	OnFailure      string
	IdempotencyKey string
	Yes            bool
}

func (c *runCmd) takes() []*param {
	return []*param{
		arg("file", &c.File, "A task tree in JSON or YAML, or the name of a saved one; - for stdin.").offering(treesAndFiles),
		flag("inputs", &c.Inputs, "JSON|@FILE|-", "The run's inputs: a JSON object, a file that holds one, or stdin.").short("i"),
		flag("json", &c.JSON, "", "Print the finished run as JSON."),
		flag("max-parallel", &c.MaxParallel, "N", "Maximum tasks in flight."),
		flag("on-failure", &c.OnFailure, "continue|stop", "After a failed task, continue or stop the independent tasks.").oneOf("continue", "stop"),
		flag("idempotency-key", &c.IdempotencyKey, "KEY", "With the same key, tree and inputs, the first run is returned instead of a new one."),
		agreed(&c.Yes),
	}
}

// Run runs a tree and waits for its end. An interrupt cancels the run.
func (c *runCmd) Run(s *session) error {
	if c.File == "-" && c.Inputs == "-" {
		return usage("the tree and its inputs can't both come from stdin")
	}
	arguments, err := c.arguments(s)
	if err != nil {
		return err
	}
	p, err := s.open(unselected)
	if err != nil {
		return err
	}
	s.yes = c.Yes
	view, err := s.runTree(p, tools.RunTaskTree, arguments)
	if err == nil {
		err = s.finish(p, view, c.JSON)
	}
	return finishing(s, p, err)
}

func (c *runCmd) arguments(s *session) (map[string]any, error) {
	if c.MaxParallel < 0 {
		return nil, usage("--max-parallel must be 1 or more; got %d", c.MaxParallel)
	}
	key, tree, err := s.treeArgument(c.File)
	if err != nil {
		return nil, err
	}
	arguments := map[string]any{key: tree, "wait_seconds": 0}
	if c.Inputs != "" {
		inputs, err := s.inputs(c.Inputs)
		if err != nil {
			return nil, err
		}
		arguments["inputs"] = inputs
	}
	if c.MaxParallel > 0 {
		arguments["max_parallel"] = c.MaxParallel
	}
	if c.OnFailure != "" {
		arguments["on_failure"] = c.OnFailure
	}
	if c.IdempotencyKey != "" {
		arguments["idempotency_key"] = c.IdempotencyKey
	}
	return arguments, nil
}

// runTree starts a run with a tool and follows it to its end.
func (s *session) runTree(p *program, tool string, arguments any) (*chain.RunView, error) {
	res, err := s.use(p, tool, arguments)
	if err != nil {
		return nil, err
	}
	id, err := started(res)
	if err != nil {
		return nil, s.allProblems(p, arguments, err)
	}
	for _, warning := range res.Warnings {
		fmt.Fprintf(s.err, "warning: %s\n", warning)
	}
	return s.follow(p, id)
}

// allProblems prints all problems of a tree that was refused, because the error
// has only the first few. If the tree is valid, it returns the error unchanged.
func (s *session) allProblems(p *program, arguments any, refused error) error {
	given, ok := arguments.(map[string]any)
	tree, isTree := given["tasks"].(string)
	if !ok || !isTree {
		return refused
	}
	res, err := s.use(p, tools.ValidateTaskTree, map[string]any{"tasks": tree})
	var v verdict
	if err != nil || res.IsError() || decode(res, &v) != nil || len(v.Problems) == 0 {
		return refused
	}
	for _, problem := range v.Problems {
		fmt.Fprintln(s.err, atTerminal(problem.Long()))
	}
	return usage("the task tree is not valid: %s", plural(max(v.Count, len(v.Problems)), "problem"))
}
