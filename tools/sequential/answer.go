package sequential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// Completer sends requests to models; llm.Client implements it.
type Completer interface {
	Complete(ctx context.Context, req llm.Request) (llm.Reply, error)
}

// Level is the tasks made from one given task.
type Level struct {
	Parallel   string `json:"parallel_task,omitempty"`
	Subsequent string `json:"subsequent_task"`
	Composed   string `json:"composition_task"`
}

// Verdict is the judgement of a composition.
type Verdict struct {
	Passed     bool   `json:"passed"`
	Feasible   bool   `json:"feasible"`
	Complete   bool   `json:"complete"`
	Consistent bool   `json:"consistent"`
	Reason     string `json:"reason"`
}

// Answer is the result for one task: its levels, or the error. The journal
// stores it.
type Answer struct {
	Levels  []Level    `json:"levels,omitempty"`
	Verdict *Verdict   `json:"verdict,omitempty"`
	Error   string     `json:"error,omitempty"`
	Type    string     `json:"error_type,omitempty"`
	Raw     string     `json:"raw_reply,omitempty"`
	Usage   *llm.Usage `json:"usage,omitempty"`
}

// last returns the deepest level.
func (a *Answer) last() Level { return a.Levels[len(a.Levels)-1] }

// patience is the retry policy for one request. A batch waits as long as ten
// minutes for a provider that asks for it.
var patience = executors.Retry{MaxAttempts: 5, Backoff: executors.Exponential, Initial: time.Second, Max: 10 * time.Minute}

// maker makes the answers of one call or batch.
type maker struct {
	model  Completer
	params Params
	meter  *llm.Meter
	retry  executors.Retry
	before []llm.Message              // of each request, before the task
	redact func(answer []byte) []byte // nil: the caller does it
	// refusals is set in a batch of a table.
	refusals *refusals
}

func newMaker(model Completer, params Params, meter *llm.Meter, policy executors.Retry) *maker {
	return &maker{model: model, params: params, meter: meter, retry: policy, before: params.messages(forms()[params.Mode])}
}

// answer makes the answer to one task. After an error it holds the levels made
// so far.
func (m *maker) answer(ctx context.Context, task string) (Answer, *executors.Error) {
	f := forms()[m.params.Mode]
	var a Answer
	given := task
	for range m.params.Depth {
		level, err := m.level(ctx, f, given, &a)
		if err != nil {
			a.fail(err)
			return a, err
		}
		a.Levels = append(a.Levels, level)
		given = level.Composed
	}
	if m.params.Check {
		before := task
		if n := len(a.Levels); n > 1 {
			before = a.Levels[n-2].Composed
		}
		if err := m.judge(ctx, before, &a); err != nil {
			a.fail(err)
			return a, err
		}
	}
	a.Raw = ""
	return a, nil
}

func (a *Answer) fail(err *executors.Error) {
	a.Error, a.Type = err.Message, string(err.Type)
}

// level asks for one level.
func (m *maker) level(ctx context.Context, f *form, given string, a *Answer) (Level, *executors.Error) {
	said, err := m.ask(ctx, llm.Request{
		Messages: append(m.before, llm.Message{Role: llm.RoleUser, Content: "task: " + given}), Schema: f.schema, Read: f.read,
		Check:     func(r *llm.Reply) []string { return f.check(r, given, a.Levels, m.params.shown(f)) },
		MaxTokens: m.params.MaxTokens, Temperature: m.params.Temperature, Seed: m.params.Seed,
	}, a)
	if err != nil {
		return Level{}, err
	}
	values, parseErr := f.reply.ParseJSON(said.JSON)
	if parseErr != nil {
		return Level{}, executors.Errorf(executors.ExecutionError, "%w", parseErr)
	}
	var level Level
	for i, name := range f.names {
		switch name {
		case "parallel_task":
			level.Parallel = values[i]
		case "subsequent_task":
			level.Subsequent = values[i]
		default:
			level.Composed = values[i]
		}
	}
	return level, nil
}

// judge asks for the verdict on the last composition.
func (m *maker) judge(ctx context.Context, given string, a *Answer) *executors.Error {
	f := forms()["verdict"]
	last := a.last()
	parts := "given task: " + given
	if last.Parallel != "" {
		parts += "\n\nparallel task: " + last.Parallel
	}
	cold := 0.0
	said, err := m.ask(ctx, llm.Request{
		Messages: []llm.Message{
			{Role: llm.RoleSystem, Content: f.prompt},
			{Role: llm.RoleUser, Content: parts + "\n\nsubsequent task: " + last.Subsequent + "\n\ncomposition: " + last.Composed},
		},
		Schema: f.schema, Temperature: &cold, MaxTokens: m.params.MaxTokens,
	}, a)
	if err != nil {
		return err
	}
	var verdict Verdict
	if err := json.Unmarshal(said.JSON, &verdict); err != nil {
		return executors.Errorf(executors.ExecutionError, "reading the verdict: %w", err)
	}
	verdict.Passed = verdict.Feasible && verdict.Complete && verdict.Consistent
	a.Verdict = &verdict
	return nil
}

// ask sends a request, retries it if it failed in transit, adds up the usage,
// and keeps the text of the last reply in the answer.
func (m *maker) ask(ctx context.Context, req llm.Request, a *Answer) (llm.Reply, *executors.Error) {
	req.Provider, req.Model, req.Meter = m.params.Provider, m.params.Model, m.meter
	var said llm.Reply
	_, failed := retry.Do(ctx, m.retry, func(int) (*executors.Error, bool) {
		var err error
		said, err = m.model.Complete(ctx, req)
		if a.Usage == nil {
			a.Usage = &llm.Usage{}
		}
		*a.Usage = a.Usage.Plus(said.Usage)
		if a.Raw = said.Text; a.Raw == "" {
			a.Raw = said.Reasoning
		}
		failed := executors.AsError(err)
		return failed, failed != nil && failed.Retryable
	}, nil)
	return said, failed
}

// fatal reports whether the other tasks would fail in the same way, so that a
// batch stops.
func fatal(ctx context.Context, err *executors.Error) bool {
	if ctx.Err() != nil || errors.Is(err, llm.ErrCeiling) {
		return true
	}
	switch err.Type {
	case executors.AuthenticationError, executors.PermissionDenied, executors.Cancelled, executors.Interrupted, executors.NotFound:
		return true
	case executors.ValidationError:
		return err.Code == "" // with a code, the endpoint refused this task only
	}
	return false
}

// result returns the answer as a batch records it. An error stops the batch.
func (m *maker) result(ctx context.Context, task string) ([]byte, error) {
	a, failed := m.answer(ctx, task)
	if failed != nil && fatal(ctx, failed) {
		return nil, failed
	}
	if m.refusals != nil {
		if stop := m.refusals.after(failed); stop != nil {
			return nil, stop
		}
	}
	data, err := plainjson.Marshal(&a)
	if err != nil {
		return nil, fmt.Errorf("recording an answer: %w", err)
	}
	if m.redact != nil {
		data = m.redact(data)
	}
	return data, nil
}
