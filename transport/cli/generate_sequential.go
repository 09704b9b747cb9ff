package cli

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/tools/sequential"
	"github.com/chainwright/chainwright/tools/sequential/rows"
	"github.com/chainwright/chainwright/transport/cli/config"
)

type generateSequentialCmd struct {
	Input       string
	Output      string
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
}

func (c *generateSequentialCmd) takes() []*param {
	return []*param{
		flag("input", &c.Input, "FILE", "A table: .jsonl, .json, .csv or .parquet.").short("i").required(),
		flag("output", &c.Output, "FILE", "Where the table goes, with the new columns; its suffix says the format. FILE.journal beside it keeps what was paid for.").short("o").required(),
		flag("input-task-key", &c.TaskKey, "KEY", "The column that holds the task.").required(),
		flag("output-subsequent-task-key", &c.Subsequent, "KEY", "The column for the subsequent task.").initially("subsequent_task"),
		flag("output-composition-task-key", &c.Composed, "KEY", "The column for the composition.").initially("composition_task"),
		flag("overwrite", &c.Overwrite, "", "Let new columns replace those of the input."),
		flag("workers", &c.Workers, "N", "Requests in flight at most.").initially("30"),
		flag("provider", &c.Provider, "NAME", "Who is asked: auto, openai, anthropic or ollama.").oneOf("auto", "openai", "anthropic", "ollama"),
		flag("model", &c.Model, "NAME", "The model; the provider's default without it."),
		flag("temperature", &c.Temperature, "N", "0 to 2; the model's own without it."),
		flag("max-tokens", &c.MaxTokens, "N", "Bound on each reply."),
		flag("seed", &c.Seed, "N", "Ask for the same replies each time, where the provider can do that."),
		flag("depth", &c.Depth, "N", "How often the composition becomes the next task.").initially("1"),
		flag("mode", &c.Mode, "MODE", "sequential or parallel_then_sequential.").oneOf("sequential", "parallel_then_sequential").initially("sequential"),
		flag("check", &c.Check, "", "Have each composition judged."),
		flag("language", &c.Language, "NAME", "The language to write in."),
		flag("prompt", &c.Prompt, "FILE", "A file with instructions in place of the built-in ones."),
		flag("no-cache", &c.NoCache, "", "Ask for equal tasks once for each row."),
		flag("retry-failed", &c.RetryFailed, "", "Ask again for rows that failed in an earlier start."),
		flag("max-cost-usd", &c.MaxCost, "N", "Stop when this much is spent, earlier starts included."),
		flag("max-tokens-total", &c.MaxTotal, "N", "Stop when so many tokens are used, earlier starts included."),
	}
}

// Run answers the task of each row of a file.
func (c *generateSequentialCmd) Run(s *session) error {
	opts, err := c.options()
	if err != nil {
		return err
	}
	p, err := s.open(unaudited, func(cfg *config.Loaded) { cfg.LLM.MaxConcurrent = max(cfg.LLM.MaxConcurrent, c.Workers) })
	if err != nil {
		return err
	}
	return finishing(s, p, c.generate(s, p, opts))
}

func (c *generateSequentialCmd) options() (sequential.FileOptions, error) {
	switch {
	case c.Workers < 1 || c.Workers > 4096:
		return sequential.FileOptions{}, usage("--workers must be from 1 to 4096; got %d", c.Workers)
	case c.Depth < 1 || c.Depth > 10:
		return sequential.FileOptions{}, usage("--depth must be from 1 to 10; got %d", c.Depth)
	case c.MaxTokens < 0 || c.MaxTotal < 0 || c.MaxCost < 0:
		return sequential.FileOptions{}, usage("--max-tokens, --max-tokens-total and --max-cost-usd must not be negative")
	case c.Temperature != nil && (*c.Temperature < 0 || *c.Temperature > 2):
		return sequential.FileOptions{}, usage("--temperature must be from 0 to 2; got %g", *c.Temperature)
	}
	opts := sequential.FileOptions{
		Input: c.Input, Output: c.Output, Workers: c.Workers, NoCache: c.NoCache, RetryFailed: c.RetryFailed,
		Keys: sequential.Keys{Task: c.TaskKey, Subsequent: c.Subsequent, Composed: c.Composed, Overwrite: c.Overwrite},
		Params: sequential.Params{
			Depth: c.Depth, Mode: c.Mode, Check: c.Check, Language: c.Language, Provider: c.Provider, Model: c.Model,
			Temperature: c.Temperature, MaxTokens: c.MaxTokens, Seed: c.Seed,
		},
		Meter: llm.NewMeter(llm.Ceiling{CostUSD: c.MaxCost, Tokens: c.MaxTotal}, nil),
	}
	if c.Prompt != "" {
		prompt, err := readFile(c.Prompt)
		if err != nil {
			return opts, err
		}
		opts.Params.Prompt = string(prompt)
	}
	return opts, nil
}

func (c *generateSequentialCmd) generate(s *session, p *program, opts sequential.FileOptions) error {
	if p.models.Provider(s.ctx, c.Provider) == llm.None {
		setting, _ := p.models.Closed()
		return &exit{code: exitDenied, err: errors.New("there is no language model to ask"), hint: "set one of " + setting}
	}
	show := newProgress(s.err)
	opts.OnBad = func(bad *rows.Bad) { fmt.Fprintf(s.err, "warning: %s: %s\n", c.Input, bad.Error()) }
	opts.OnProgress = func(done, total int, counts sequential.Counts) { show.set(done, total, counts.String()) }
	start := time.Now()
	report, err := sequential.RunFile(s.ctx, p.models, opts)
	show.finish()
	used := opts.Meter.Used()
	if report.Counts == (sequential.Counts{}) && err != nil {
		return batchError(err)
	}
	fmt.Fprintf(s.err, "%s", report.Counts.String())
	if report.Bad > 0 {
		fmt.Fprintf(s.err, ", %s that can't be read", plural(report.Bad, "row"))
	}
	fmt.Fprintf(s.err, " in %s; %s: %s tokens in, %s out, $%.4f\n", took(time.Since(start)), plural(used.Requests, "request"),
		thousands(used.InputTokens), thousands(used.OutputTokens), used.CostUSD)
	if report.Earlier.Requests > 0 {
		fmt.Fprintf(s.err, "of these %s in earlier starts\n", plural(report.Earlier.Requests, "request"))
	}
	written := map[string]any{"counts": report.Counts, "bad": report.Bad, "usage": used}
	if _, missing := os.Stat(c.Output); missing == nil {
		written["output"] = c.Output
	}
	if printErr := s.printJSON(written); printErr != nil && err == nil {
		err = printErr
	}
	switch {
	case err != nil:
		return batchError(err)
	case report.Counts.Failed > 0:
		return quiet(exitFailed)
	}
	return nil
}

// batchError is how a batch ended that did not come to its end.
func batchError(err error) error {
	failed := executors.AsError(err)
	if failed.Type == executors.ValidationError {
		return refusal(failed)
	}
	hint := failed.Hint
	if hint == "" {
		hint = "the same command goes on where this one stopped"
	}
	code := exitFailed
	if failed.Type == executors.PermissionDenied {
		code = exitDenied
	}
	return &exit{code: code, err: err, hint: hint}
}
