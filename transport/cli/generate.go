package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/tasktree"
	"github.com/chainwright/chainwright/tools/tasktree/brief"
)

type generateTreeCmd struct {
	Requirement string
	Provider    string
	Model       string
	Temperature *float64
	MaxTokens   int
	MaxTasks    int
	Context     string
	Executors   []string
	Output      string
	Save        bool
	Name        string
	UserID      string
	RunIt       bool
	Yes         bool
	ShowBrief   bool
	JSON        bool
}

func (c *generateTreeCmd) takes() []*param {
	return []*param{
		arg("requirement", &c.Requirement, "What to do, in natural language.").optional(),
		flag("provider", &c.Provider, "NAME", "The planner: auto, openai, anthropic, ollama, builtin (rules), caller or none (print the brief). The default is auto, or builtin if no model is configured.").oneOf("auto", "openai", "anthropic", "ollama", "none", "caller", "builtin"),
		flag("model", &c.Model, "NAME", "The model. The default is the provider's default."),
		flag("temperature", &c.Temperature, "N", "Temperature, 0 to 2. The default is 0.7."),
		flag("max-tokens", &c.MaxTokens, "N", "Maximum tokens in the model's reply. The default is 4000."),
		flag("max-tasks", &c.MaxTasks, "N", "Maximum number of tasks. The default is 50."),
		flag("context", &c.Context, "TEXT", "More information for the planner: addresses, tables, formats."),
		flag("allowed-executors", &c.Executors, "A,B", "Use only these executors."),
		flag("output", &c.Output, "FILE", "Also write the result to a file.").short("o"),
		flag("save", &c.Save, "", "Save the tree, so that you can run it by its name."),
		flag("name", &c.Name, "NAME", "The name of the saved tree."),
		flag("user-id", &c.UserID, "ID", "The user id of every task."),
		flag("run", &c.RunIt, "", "Run the tree, and show the results as chainwright run does."),
		flag("json", &c.JSON, "", "Print the result as JSON also after --run at a terminal, and errors as JSON too."),
		agreed(&c.Yes),
		flag("show-brief", &c.ShowBrief, "", "Print the brief for a model and its size in tokens. Plans nothing."),
	}
}

// Run plans a tree. It writes only the result to stdout.
func (c *generateTreeCmd) Run(s *session) error {
	if c.Requirement == "" && !c.ShowBrief {
		return usage("a requirement is missing").withHint(`chainwright generate task-tree "Fetch https://api.example.com/orders, sum up the totals and save them to totals.json"`)
	}
	p, err := s.open(unselected)
	if err != nil {
		return err
	}
	p.complete(s.ctx)
	if c.ShowBrief {
		return finishing(s, p, c.showBrief(s, p))
	}
	return finishing(s, p, c.generate(s, p))
}

func (c *generateTreeCmd) showBrief(s *session, p *program) error {
	found, _ := p.registry.Lookup(tasktree.ID)
	planner, ok := found.(*tasktree.Generator)
	if !ok {
		return fmt.Errorf("%s is not registered", tasktree.ID)
	}
	text := planner.Brief(tasktree.Input{
		Requirement: c.Requirement, Context: c.Context, Allowed: c.Executors, MaxTasks: cmp.Or(c.MaxTasks, 50),
	}).Text()
	_, err := fmt.Fprintf(s.out, "%s\nThe brief has about %s tokens.\n", text, thousands(brief.Tokens(text)))
	return err
}

func (c *generateTreeCmd) generate(s *session, p *program) error {
	arguments, err := plainjson.Marshal(c.arguments(s, p))
	if err != nil {
		return fmt.Errorf("writing the arguments: %w", err)
	}
	s.yes = c.Yes
	res, err := s.callTool(p, tasktree.ID, arguments)
	if err != nil {
		return err
	}
	if len(res.Result) > 0 {
		if err := c.tell(s, p, res.Result); err != nil {
			return err
		}
	}
	if res.IsError() {
		return c.refusal(s, res)
	}
	return nil
}

// refusal returns the generator's error. A plan that can't be run or saved is
// wrong input, even if it was printed.
func (c *generateTreeCmd) refusal(s *session, res *tools.Result) error {
	if s.ctx.Err() == nil && res.Err.Type == executors.ExecutionError && res.Err.Code == "" && len(res.Result) == 0 {
		return &exit{code: exitFailed, err: res.Err, hint: res.Err.Hint}
	}
	return refusal(res.Err)
}

func (c *generateTreeCmd) arguments(s *session, p *program) map[string]any {
	arguments := map[string]any{"requirement": c.Requirement}
	provider := c.Provider
	if (provider == "" || provider == llm.Auto) && p.models.Provider(s.ctx, provider) == llm.None {
		provider = tasktree.Builtin
		fmt.Fprintln(s.err, "no language model is configured: planned by rules (see chainwright generate task-tree --help)")
	}
	set := func(name string, value any, given bool) {
		if given {
			arguments[name] = value
		}
	}
	set("llm_provider", provider, provider != "")
	set("llm_model", c.Model, c.Model != "")
	set("temperature", c.Temperature, c.Temperature != nil)
	set("max_tokens", c.MaxTokens, c.MaxTokens != 0)
	set("max_tasks", c.MaxTasks, c.MaxTasks != 0)
	set("context", c.Context, c.Context != "")
	set("allowed_executors", c.Executors, len(c.Executors) > 0)
	set("user_id", c.UserID, c.UserID != "")
	set("mode", "run", c.RunIt)
	set("save", true, c.Save)
	set("save", c.Name, c.Name != "")
	return arguments
}

// tell prints the result, and draws the tree for people.
func (c *generateTreeCmd) tell(s *session, p *program, result json.RawMessage) error {
	var out struct {
		Warnings []string
		Saved    string
		Count    int
		RunID    string `json:"run_id"`
		Run      *chain.RunView
	}
	if err := json.Unmarshal(result, &out); err != nil {
		return fmt.Errorf("reading the result: %w", err)
	}
	if out.Count > 0 {
		tree, report := parse.Parse(result, p.registry, parse.Options{})
		if !report.Valid() {
			return fmt.Errorf("reading the plan: %w", report.Err())
		}
		if err := drawTree(s.err, tree); err != nil {
			return err
		}
	}
	for _, warning := range out.Warnings {
		fmt.Fprintf(s.err, "warning: %s\n", warning)
	}
	if out.Saved != "" {
		fmt.Fprintf(s.err, "saved as %s\n", out.Saved)
	}
	if c.Output != "" {
		if err := writeResult(c.Output, result); err != nil {
			return err
		}
	}
	if out.Run == nil || c.JSON {
		return s.printJSON(result)
	}
	// At a terminal the results are what people look for, elsewhere a program
	// reads the plan.
	view, err := p.runner.Get(s.ctx, out.RunID, "")
	if err != nil {
		view = out.Run
	}
	if isTerminal(s.out) {
		return s.summary(s.out, p, view)
	}
	if err := s.summary(s.err, p, view); err != nil {
		return err
	}
	return s.printJSON(result)
}

func writeResult(name string, result json.RawMessage) error {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, result, "", "  "); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	pretty.WriteByte('\n')
	text := pretty.Bytes()
	if hasTreeSchema(name) {
		text = withTreeSchema(name, text)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return usage("writing the result: %w", err)
	}
	return nil
}
