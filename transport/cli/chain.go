package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools/promptchain"
)

type chainCmd struct {
	File     string
	Input    string
	Provider string
	Model    string
	JSON     bool
	Yes      bool
}

func (c *chainCmd) takes() []*param {
	return []*param{
		arg("file", &c.File, "The steps in JSON or YAML: a list, or an object with steps (and input); - is stdin.").offering(files),
		flag("input", &c.Input, "TEXT", "The input of the first step. The default is the input in the file.").short("i"),
		flag("provider", &c.Provider, "NAME", "The model provider: auto, openai, anthropic or ollama.").oneOf("auto", "openai", "anthropic", "ollama"),
		flag("model", &c.Model, "NAME", "The model for steps that do not name one."),
		flag("json", &c.JSON, "", "Print the whole result instead of the answer alone."),
		agreed(&c.Yes),
	}
}

// Run sends the prompts of a file to a model, one after the other. It writes
// only the answer, or with --json the whole result, to stdout.
func (c *chainCmd) Run(s *session) error {
	arguments, err := c.arguments(s)
	if err != nil {
		return err
	}
	p, err := s.open(unselected)
	if err != nil {
		return err
	}
	return finishing(s, p, c.ask(s, p, arguments))
}

// arguments returns the arguments in the file. Flags override them.
func (c *chainCmd) arguments(s *session) (json.RawMessage, error) {
	raw, err := s.treeFile(c.File)
	if err != nil {
		return nil, err
	}
	arguments := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &arguments); err != nil {
		var steps []json.RawMessage
		if json.Unmarshal(raw, &steps) != nil {
			return nil, usage("%s must hold a list of steps, or an object with steps", c.File)
		}
		arguments = map[string]json.RawMessage{"steps": raw}
	}
	for name, value := range map[string]string{"input": c.Input, "provider": c.Provider, "model": c.Model} {
		if value == "" {
			continue
		}
		if arguments[name], err = plainjson.Marshal(value); err != nil {
			return nil, fmt.Errorf("writing the arguments: %w", err)
		}
	}
	if arguments["input"] == nil {
		return nil, usage("an input is missing: use --input, or input in the file").withHint(`chainwright chain steps.yaml --input "The input of the first step"`)
	}
	return plainjson.Marshal(arguments)
}

func (c *chainCmd) ask(s *session, p *program, arguments json.RawMessage) error {
	if p.models.Provider(s.ctx, c.Provider) == llm.None {
		setting, _ := p.models.Closed()
		return &exit{code: exitDenied, err: errors.New("no language model is configured"), hint: "set one of " + setting}
	}
	s.yes = c.Yes
	res, err := s.callTool(p, promptchain.ID, arguments)
	if err != nil {
		return err
	}
	if len(res.Result) > 0 {
		if err := c.tell(s, res.Result); err != nil {
			return err
		}
	}
	if !res.IsError() {
		return nil
	}
	failed := refusal(res.Err)
	if len(res.Result) > 0 { // some steps ran
		failed.code = exitFailed
	}
	return failed
}

// tell prints the result to stdout, and the state and usage of each step to
// stderr.
func (c *chainCmd) tell(s *session, result json.RawMessage) error {
	var out promptchain.Output
	if err := json.Unmarshal(result, &out); err != nil {
		return fmt.Errorf("reading the result: %w", err)
	}
	for i := range out.Steps {
		step := &out.Steps[i]
		fmt.Fprintf(s.err, "%s: %s", step.Name, step.Status)
		if step.Gate != nil && !step.Gate.Passed {
			fmt.Fprint(s.err, ", did not pass its gate")
		}
		if step.Usage != nil {
			fmt.Fprintf(s.err, ", %s tokens in, %s out", thousands(step.Usage.InputTokens), thousands(step.Usage.OutputTokens))
		}
		fmt.Fprintln(s.err)
	}
	if c.JSON {
		return s.printJSON(result)
	}
	if len(out.Responses) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(s.out, out.Answer); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	return nil
}
