package promptchain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
)

// Output is the result of a call: the replies so far, also if the chain failed.
type Output struct {
	Status    string       `json:"status"`
	Responses []string     `json:"responses"`
	Answer    string       `json:"answer"`
	Steps     []StepOutput `json:"steps"`
	Usage     llm.Usage    `json:"usage"`
	RunID     string       `json:"run_id"`
}

// StepOutput is the result of one step.
type StepOutput struct {
	Name     string          `json:"name"`
	Content  string          `json:"content,omitempty"`
	JSON     json.RawMessage `json:"json,omitempty"`
	Usage    *llm.Usage      `json:"usage,omitempty"`
	Gate     *llm.GateResult `json:"gate,omitempty"`
	Attempts int             `json:"attempts"`
	Status   string          `json:"status"`
	Error    string          `json:"error,omitempty"`
}

// answer builds the output of a run that has ended.
func (c *compiled) answer(view *chain.RunView) (*Output, error) {
	out := &Output{Status: string(view.Status), RunID: view.RunID, Responses: []string{}, Steps: []StepOutput{}}
	for i := range view.Tasks {
		t := &view.Tasks[i]
		step := StepOutput{Name: t.ID, Attempts: t.Attempts, Status: string(t.Status), Error: t.Error}
		if err := step.read(t.Result, c.steps[i].Executor != ""); err != nil {
			return nil, fmt.Errorf("reading the result of step %s: %w", t.ID, err)
		}
		if step.Usage != nil {
			out.Usage = out.Usage.Plus(*step.Usage)
		}
		if t.Status == chain.Completed {
			out.Responses = append(out.Responses, step.Content)
			out.Answer = step.Content
		}
		out.Steps = append(out.Steps, step)
	}
	return out, nil
}

// read stores a task's result in its step: the reply of a model, or the JSON
// output of another executor.
func (s *StepOutput) read(result json.RawMessage, other bool) error {
	if len(result) == 0 || string(result) == "null" {
		return nil
	}
	if other {
		s.Content, s.JSON = string(result), result
		return nil
	}
	var reply struct {
		Content string          `json:"content"`
		JSON    json.RawMessage `json:"json"`
		Usage   *llm.Usage      `json:"usage"`
		Gate    *llm.GateResult `json:"gate"`
	}
	if err := json.Unmarshal(result, &reply); err != nil {
		return err
	}
	s.Content, s.JSON, s.Usage, s.Gate = reply.Content, reply.JSON, reply.Usage, reply.Gate
	return nil
}

// failure returns the error of a chain that did not complete: that of the
// failed step.
func (c *compiled) failure(view *chain.RunView) error {
	if view.Status == chain.Completed {
		return nil
	}
	for i := range view.Tasks {
		if t := &view.Tasks[i]; t.Status == chain.Failed {
			failed := executors.Errorf(t.ErrorType, "step %s failed: %s", t.ID, t.Error).WithCode(t.ErrorCode).WithField(at(i, ""))
			switch {
			case t.Retryable || !t.ErrorType.Final():
			case t.ErrorType == executors.PermissionDenied || t.ErrorType == executors.AuthenticationError:
			default:
				return failed.WithHint(cmp.Or(t.Hint, "the step fails again until it is corrected"))
			}
			again := fmt.Sprintf("the earlier replies are kept; call retry_run with run_id %s to continue from this step", view.RunID)
			return failed.WithHint(strings.TrimPrefix(t.Hint+"; "+again, "; "))
		}
	}
	kind := executors.ExecutionError
	if view.Status == chain.Cancelled {
		kind = executors.Cancelled
	}
	return executors.Errorf(kind, "the run %s is %s", view.RunID, view.Status).
		WithHint(fmt.Sprintf("the replies so far are kept; call retry_run with run_id %s to continue", view.RunID))
}
