package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
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
}

func (c *generateTreeCmd) takes() []*param {
	return []*param{
		arg("requirement", &c.Requirement, "What is to be done, in plain words.").optional(),
		flag("provider", &c.Provider, "NAME", "Who plans: auto, openai, anthropic, ollama, builtin (by rules), caller or none (print the brief). Without a model: builtin.").oneOf("auto", "openai", "anthropic", "ollama", "none", "caller", "builtin"),
		flag("model", &c.Model, "NAME", "The model; the provider's default without it."),
		flag("temperature", &c.Temperature, "N", "0 to 2; 0.7 without it."),
		flag("max-tokens", &c.MaxTokens, "N", "Bound on the model's reply; 4000 without it."),
		flag("max-tasks", &c.MaxTasks, "N", "Tasks at most; 50 without it."),
		flag("context", &c.Context, "TEXT", "What else the planner should know: addresses, tables, formats."),
		flag("allowed-executors", &c.Executors, "A,B", "Use only these executors."),
		flag("output", &c.Output, "FILE", "Write the result to a file too.").short("o"),
		flag("save", &c.Save, "", "Save the tree, so that it can be run by its name."),
		flag("name", &c.Name, "NAME", "The name to save it under."),
		flag("user-id", &c.UserID, "ID", "Set on every task."),
		flag("run", &c.RunIt, "", "Run the tree."),
		agreed(&c.Yes),
		flag("show-brief", &c.ShowBrief, "", "Print what a model would be told, and its size in tokens, and plan nothing."),
	}
}

// Run plans a tree. The result is the only thing on stdout.
func (c *generateTreeCmd) Run(s *session) error {
	if c.Requirement == "" && !c.ShowBrief {
		return usage("a requirement is missing").withHint(`chainwright generate task-tree "Fetch https://api.example.com/orders, sum up the totals and save them to totals.json"`)
	}
	p, err := s.open(unselected)
	if err != nil {
		return err
	}
	if c.ShowBrief {
		return finishing(s, p, c.showBrief(s, p))
	}
	return finishing(s, p, c.generate(s, p))
}

func (c *generateTreeCmd) showBrief(s *session, p *program) error {
	text := p.planner.Brief(tasktree.Input{
		Requirement: c.Requirement, Context: c.Context, Allowed: c.Executors, MaxTasks: cmp.Or(c.MaxTasks, 50),
	}).Text()
	_, err := fmt.Fprintf(s.out, "%s\nThe brief has about %s tokens.\n", text, thousands(brief.Tokens(text)))
	return err
}

func (c *generateTreeCmd) generate(s *session, p *program) error {
	arguments, err := encode(c.arguments(s, p))
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

// refusal ends the command as the generator's error asks: a plan that could
// not be run or saved as asked is wrong input, whatever was printed of it.
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
		fmt.Fprintln(s.err, "no language model is configured here: planned by rules (see chainwright generate task-tree --help)")
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
		tree, report := chain.Parse(result, p.registry, chain.ParseOptions{})
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
	if out.Run != nil {
		fmt.Fprintf(s.err, "the run %s is %s\n", out.RunID, out.Run.Status)
	}
	if c.Output != "" {
		if err := writeResult(c.Output, result); err != nil {
			return err
		}
	}
	return s.printJSON(result)
}

func writeResult(name string, result json.RawMessage) error {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, result, "", "  "); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	pretty.WriteByte('\n')
	if err := os.WriteFile(name, pretty.Bytes(), 0o644); err != nil {
		return usage("writing the result: %w", err)
	}
	return nil
}
