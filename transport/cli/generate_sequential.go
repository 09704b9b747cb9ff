package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/sequential"
	"github.com/chainwright/chainwright/transport/internal/config"
)

type generateSequentialCmd struct {
	Input       string
	Output      string
	Delimiter   string
	Encoding    string
	TaskKey     string
	Subsequent  string
	Composed    string
	Overwrite   bool
	Workers     int
	Provider    string
	Model       string
	Temperature *float64
	MaxTokens   int
	Seed        *int
	Depth       int
	Mode        string
	Check       bool
	Language    string
	Prompt      string
	NoCache     bool
	RetryFailed bool
	MaxCost     float64
	MaxTotal    int
	JSON        bool
}

func (c *generateSequentialCmd) takes() []*param {
	return []*param{
		flag("input", &c.Input, "FILE", "The input table: .jsonl, .json, .csv, .tsv or .parquet.").short("i").required(),
		flag("output", &c.Output, "FILE", "The output table, with the new columns. The suffix sets the format. FILE.journal keeps the replies of the model.").short("o").required(),
		flag("delimiter", &c.Delimiter, "CHAR", "What separates the cells of a CSV input: one character, or tab. The default is found."),
		flag("encoding", &c.Encoding, "NAME", "The encoding of a CSV input, such as windows-1252. The default is utf-8."),
		flag("input-task-key", &c.TaskKey, "KEY", "The column with the task.").required(),
		flag("output-subsequent-task-key", &c.Subsequent, "KEY", "The column for the subsequent task.").initially("subsequent_task"),
		flag("output-composition-task-key", &c.Composed, "KEY", "The column for the composition.").initially("composition_task"),
		flag("overwrite", &c.Overwrite, "", "Allow new columns to replace columns of the input, and FILE to replace one with more rows or of other parameters."),
		flag("workers", &c.Workers, "N", "Maximum requests in flight.").initially("30"),
		flag("provider", &c.Provider, "NAME", "The model provider: auto, openai, anthropic or ollama.").oneOf("auto", "openai", "anthropic", "ollama"),
		flag("model", &c.Model, "NAME", "The model. The default is the provider's default."),
		flag("temperature", &c.Temperature, "N", "Temperature, 0 to 2. The default is the model's default."),
		flag("max-tokens", &c.MaxTokens, "N", "Maximum tokens in each reply."),
		flag("seed", &c.Seed, "N", "Seed for reproducible replies, if the provider supports it."),
		flag("depth", &c.Depth, "N", "How many times the composition becomes the next task.").initially("1"),
		flag("mode", &c.Mode, "MODE", "The mode: sequential or parallel_then_sequential.").oneOf("sequential", "parallel_then_sequential").initially("sequential"),
		flag("check", &c.Check, "", "Ask the model to check each composition."),
		flag("language", &c.Language, "NAME", "The language of the new tasks."),
		flag("prompt", &c.Prompt, "FILE", "A file with instructions that replace the built-in ones."),
		flag("no-cache", &c.NoCache, "", "Send a request for each row, also for equal tasks."),
		flag("retry-failed", &c.RetryFailed, "", "Process rows again that failed in an earlier start."),
		flag("max-cost-usd", &c.MaxCost, "N", "Stop when the cost in US dollars reaches N, including earlier starts."),
		alwaysJSON(&c.JSON),
		flag("max-tokens-total", &c.MaxTotal, "N", "Stop when N tokens are used, including earlier starts."),
	}
}

// Run calls the generator with the input and output files.
func (c *generateSequentialCmd) Run(s *session) error {
	arguments, err := c.arguments()
	if err != nil {
		return err
	}
	p, err := s.open(unselected, unextended, c.limits)
	if err != nil {
		return err
	}
	return finishing(s, p, c.generate(s, p, arguments))
}

// limits sets the limits of the models: as many requests as workers, and the
// ceilings of the flags instead of the defaults.
func (c *generateSequentialCmd) limits(cfg *config.Loaded) {
	cfg.LLM.MaxConcurrent = max(cfg.LLM.MaxConcurrent, c.Workers)
	unset := cfg.Source("llm.max_cost_usd") == "default" && cfg.Source("llm.max_tokens_total") == "default"
	if unset && (c.MaxCost != 0 || c.MaxTotal != 0) {
		cfg.LLM.MaxCostUSD, cfg.LLM.MaxTokensTotal = 0, 0 // the flags are the ceiling of the batch
	}
}

func (c *generateSequentialCmd) arguments() (json.RawMessage, error) {
	arguments := map[string]any{
		"input": c.Input, "output": c.Output, "input_task_key": c.TaskKey, "output_subsequent_task_key": c.Subsequent,
		"output_composition_task_key": c.Composed, "overwrite": c.Overwrite, "depth": c.Depth, "mode": c.Mode, "check": c.Check,
		"workers": c.Workers, "cache": !c.NoCache, "retry_failed": c.RetryFailed,
	}
	set := func(name string, value any, given bool) {
		if given {
			arguments[name] = value
		}
	}
	set("delimiter", c.Delimiter, c.Delimiter != "")
	set("encoding", c.Encoding, c.Encoding != "")
	set("provider", c.Provider, c.Provider != "")
	set("model", c.Model, c.Model != "")
	set("language", c.Language, c.Language != "")
	set("temperature", c.Temperature, c.Temperature != nil)
	set("seed", c.Seed, c.Seed != nil)
	set("max_tokens", c.MaxTokens, c.MaxTokens != 0)
	set("max_cost_usd", c.MaxCost, c.MaxCost != 0)
	set("max_tokens_total", c.MaxTotal, c.MaxTotal != 0)
	if c.Prompt != "" {
		prompt, err := readFile(c.Prompt)
		if err != nil {
			return nil, err
		}
		arguments["prompt"] = string(prompt)
	}
	return plainjson.Marshal(arguments)
}

func (c *generateSequentialCmd) generate(s *session, p *program, arguments json.RawMessage) error {
	if p.models.Provider(s.ctx, c.Provider) == llm.None {
		setting, _ := p.models.Closed()
		return &exit{code: exitDenied, err: errors.New("no language model is configured"), hint: "set one of " + setting}
	}
	if p.config.Policy.ReadOnly { // the tool is not published then
		return &exit{code: exitDenied, err: errors.New("a batch writes a file, and policy allows only calls that change nothing"), hint: "the operator turns this off with policy.read_only: false"}
	}
	tables := sequential.NewTable(func(reason string) { fmt.Fprintf(s.err, "warning: %s: %s\n", c.Input, reason) })
	llm.Connect(p.models, tables)
	if err := p.registry.Register(tables); err != nil {
		return fmt.Errorf("registering the generator: %w", err)
	}
	res, err := s.callTool(p, sequential.ID, arguments)
	if err != nil {
		return err
	}
	if len(res.Result) > 0 {
		if err := c.tell(s, res); err != nil {
			return err
		}
	}
	switch {
	case !res.IsError():
		return nil
	case interrupted(s.ctx):
		fmt.Fprintln(s.err, "interrupted: run the same command again to continue where this one stopped")
		return quiet(exitInterrupted)
	}
	return batchError(res.Err)
}

// tell prints the report to stdout, and the usage of the batch to stderr.
func (c *generateSequentialCmd) tell(s *session, res *tools.Result) error {
	var report sequential.Report
	if err := decode(res, &report); err != nil {
		return err
	}
	used := report.Usage
	fmt.Fprintf(s.err, "%s", report.Counts.String())
	if report.Bad > 0 {
		fmt.Fprintf(s.err, ", %s that can't be read", plural(report.Bad, "row"))
	}
	fmt.Fprintf(s.err, " in %s; %s: %s tokens in, %s out, $%.4f\n", took(time.Duration(res.DurationMS*float64(time.Millisecond))),
		plural(used.Requests, "request"), thousands(used.InputTokens), thousands(used.OutputTokens), used.CostUSD)
	if report.Earlier.Requests > 0 {
		fmt.Fprintf(s.err, "of these %s in earlier starts\n", plural(report.Earlier.Requests, "request"))
	}
	written := map[string]any{"counts": report.Counts, "bad": report.Bad, "usage": used}
	if report.Output != "" {
		written["output"] = report.Output
	}
	if err := s.printJSON(written); err != nil {
		return err
	}
	if !res.IsError() && report.Counts.Failed > 0 {
		return quiet(exitFailed)
	}
	return nil
}

// batchError returns the error of a batch that did not finish.
func batchError(failed *executors.Error) error {
	if failed.Type == executors.ValidationError {
		return refusal(failed)
	}
	hint := failed.Hint
	if hint == "" {
		hint = "run the same command again to continue where this one stopped"
	}
	code := exitFailed
	if failed.Type == executors.PermissionDenied {
		code = exitDenied
	}
	return &exit{code: code, err: failed, hint: hint}
}
