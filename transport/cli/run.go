package cli

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/config"
)

type runCmd struct {
	File           string
	Inputs         repeated
	Labels         repeated
	JSON           bool
	DryRun         bool
	MaxParallel    int
	OnFailure      string
	IdempotencyKey string
	Yes            bool
}

func (c *runCmd) takes() []*param {
	return []*param{
		arg("file", &c.File, "A task tree in JSON or YAML, or the name of a saved one; - for stdin.").offering(treesAndFiles),
		inputsFlag(&c.Inputs, "The run's inputs:"),
		flag("json", &c.JSON, "", "Print the finished run as JSON."),
		flag("dry-run", &c.DryRun, "", "Show what would run, with the inputs filled in. Runs and records nothing."),
		flag("label", &c.Labels, "KEY=VALUE", "Record a label with the run, to find it by later. May be repeated."),
		flag("max-parallel", &c.MaxParallel, "N", "Maximum tasks in flight."),
		flag("on-failure", &c.OnFailure, "continue|stop", "After a failed task, continue or stop the independent tasks.").oneOf("continue", "stop"),
		flag("idempotency-key", &c.IdempotencyKey, "KEY", "With the same key, tree and inputs, the first run is returned instead of a new one."),
		agreed(&c.Yes),
	}
}

// Run runs a tree and waits for its end. An interrupt cancels the run.
func (c *runCmd) Run(s *session) error {
	if c.File == "-" && slices.Contains(c.Inputs, "-") {
		return usage("the tree and its inputs can't both come from stdin")
	}
	labels, err := readLabels(c.Labels)
	if err != nil {
		return err
	}
	arguments, err := c.arguments(s)
	if err != nil {
		return err
	}
	given, err := s.readInputs(c.Inputs)
	if err != nil {
		return err
	}
	change := []func(*config.Loaded){unselected}
	if c.DryRun {
		change = append(change, unaudited)
	}
	p, err := s.open(change...)
	if err != nil {
		return err
	}
	return finishing(s, p, c.run(s, p, arguments, given, labels))
}

func (c *runCmd) run(s *session, p *program, arguments map[string]any, given *given, labels map[string]string) error {
	inputs, err := given.typed(p.inputSchema(arguments, given))
	if err != nil {
		return err
	}
	if len(c.Inputs) > 0 {
		arguments["inputs"] = inputs
	}
	labelled := func(req *tools.Request) { req.Labels = labels }
	if c.DryRun {
		return s.dryRun(p, arguments, c.JSON, labelled)
	}
	s.yes = c.Yes
	view, err := s.runTree(p, tools.RunTaskTree, arguments, labelled)
	if err != nil {
		return err
	}
	return s.finish(p, view, c.JSON)
}

// inputSchema returns the schema of the inputs of the tree in the arguments, if
// single inputs need it. It returns nil if there is none, or the tree is not valid:
// starting it returns the problems.
func (p *program) inputSchema(arguments map[string]any, given *given) json.RawMessage {
	if len(given.pairs) == 0 {
		return nil
	}
	var tree *chain.Tree
	if text, ok := arguments["tasks"].(string); ok {
		tree, _ = parse.Parse([]byte(text), p.registry, parse.Options{})
	} else if name, ok := arguments["tree"].(string); ok {
		tree, _, _ = p.tools.Tree(name)
	}
	if tree == nil || tree.InputSchema == nil {
		return nil
	}
	return tree.InputSchema.JSON()
}

func (c *runCmd) arguments(s *session) (map[string]any, error) {
	if c.MaxParallel < 0 {
		return nil, usage("--max-parallel must be 1 or more; got %d", c.MaxParallel).about("--max-parallel")
	}
	key, tree, err := s.treeArgument(c.File)
	if err != nil {
		return nil, err
	}
	arguments := map[string]any{key: tree, "wait_seconds": 0}
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
func (s *session) runTree(p *program, tool string, arguments any, change ...func(*tools.Request)) (*chain.RunView, error) {
	res, err := s.use(p, tool, arguments, change...)
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
// has only the first few. If the tree is valid, or JSON is wanted, it returns the
// error unchanged.
func (s *session) allProblems(p *program, arguments any, refused error) error {
	given, ok := arguments.(map[string]any)
	tree, isTree := given["tasks"].(string)
	if !ok || !isTree || s.json {
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
