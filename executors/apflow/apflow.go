// Package apflow implements apflow_api_executor. It is not a stable API.
// The executor is a client of apflow servers. A remote task that a call waits for
// is cancelled when the call ends.
package apflow

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"time"

	"github.com/chainwright/chainwright/executors"
)

//go:embed definition.yaml
var definition embed.FS

// New returns apflow_api_executor. Connections are pooled by the policy's
// transports.
func New() executors.Executor {
	return executors.New(executors.MustLoad(definition), run)
}

type input struct {
	BaseURL      string            `json:"base_url"`
	Method       string            `json:"method"`
	Params       any               `json:"params"`
	AuthToken    string            `json:"auth_token"`
	Headers      map[string]string `json:"headers"`
	UseStreaming bool              `json:"use_streaming"`
	Wait         bool              `json:"wait_for_completion"`
	PollInterval float64           `json:"poll_interval"`
	Timeout      float64           `json:"timeout"` // applied by the registry
}

type output struct {
	Success   bool            `json:"success"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     string          `json:"error,omitempty"`
	ErrorCode int             `json:"error_code,omitempty"`
	Status    string          `json:"status,omitempty"`
	Task      json.RawMessage `json:"task,omitempty"`
	TaskID    string          `json:"task_id,omitempty"`
	PollCount int             `json:"poll_count,omitempty"`
}

// longestPause is the longest interval between two polls.
const longestPause = 30 * time.Second

// cancelFor is the time limit to cancel the remote task.
const cancelFor = 3 * time.Second

func run(ctx context.Context, call *executors.Call, in input) (*output, error) {
	to, err := aim(call.Policy, in)
	if err != nil {
		return nil, err
	}
	out := new(output)
	if in.Method == "tasks.execute" && (in.Wait || in.UseStreaming) {
		err = execute(ctx, call, to, in, out)
	} else {
		out.Result, err = to.ask(ctx, in.Method, in.Params)
		out.read(out.Result)
		if err == nil && in.Method == "tasks.execute" {
			err = out.refused()
		}
	}
	if out.Success = err == nil; err == nil {
		return out, nil
	}
	var said *remoteError
	if errors.As(err, &said) {
		out.Error, out.ErrorCode = said.message, said.code
		return out, said.failure()
	}
	if out.TaskID == "" {
		out = nil // the task is unknown
	}
	return out, to.failure(ctx, err)
}

// execute starts a task and waits for its end. If the call ends first, it cancels
// the task.
func execute(ctx context.Context, call *executors.Call, to *remote, in input, out *output) error {
	if given, ok := in.Params.(map[string]any); ok {
		out.TaskID, _ = given["task_id"].(string)
		if in.UseStreaming {
			given = maps.Clone(given)
			given["use_streaming"] = true
			in.Params = given
		}
	}
	err := start(ctx, call, to, in, out)
	if err == nil {
		err = follow(ctx, call, to, in, out)
	}
	if err != nil && ctx.Err() != nil && out.TaskID != "" {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelFor)
		defer cancel()
		if _, cancelErr := to.ask(stopping, "tasks.cancel", map[string]any{"task_ids": []string{out.TaskID}}); cancelErr == nil {
			out.Status = "cancelled"
		}
	}
	return err
}

func start(ctx context.Context, call *executors.Call, to *remote, in input, out *output) error {
	if !in.UseStreaming {
		raw, err := to.ask(ctx, in.Method, in.Params)
		out.Result = raw
		out.read(raw)
		if err == nil {
			err = out.refused()
		}
		return err
	}
	err := to.stream(ctx, in.Method, in.Params, func(e event) error {
		if e.Result != nil && e.Type == "" {
			out.Result = e.Result
			out.read(e.Result)
			return out.refused()
		}
		e.report(call)
		return nil
	})
	if errors.Is(err, errCut) && out.Status != "" && ctx.Err() == nil {
		return nil // the task runs: continue by polling
	}
	return err
}

// follow polls the task until it has ended, at increasing intervals. It tolerates
// three network errors in a row.
func follow(ctx context.Context, call *executors.Call, to *remote, in input, out *output) error {
	if out.TaskID == "" {
		return executors.Errorf(executors.ExecutionError, "the server returned no task ID")
	}
	pause, failed := time.Duration(in.PollInterval*float64(time.Second)), 0
	for wait := !in.UseStreaming; ; wait = true {
		if wait {
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return ctx.Err()
			}
			pause = min(pause*3/2, longestPause)
		}
		out.PollCount++
		raw, err := to.ask(ctx, "tasks.get", map[string]any{"task_id": out.TaskID})
		var said *remoteError
		if err != nil {
			if failed++; failed > 3 || ctx.Err() != nil || errors.As(err, &said) {
				return err
			}
			continue
		}
		failed = 0
		var task task
		if err := json.Unmarshal(raw, &task); err != nil {
			return executors.Errorf(executors.ExecutionError, "the server returned an invalid task")
		}
		out.Task, out.Status = raw, task.Status
		call.Progress(executors.Progress{Done: task.Progress, Total: 1, Message: task.Status})
		if ended, err := task.ended(); ended {
			if err == nil && len(task.Result) > 0 {
				out.Result = task.Result
			}
			return err
		}
	}
}

// task is the part of a remote task that is used.
type task struct {
	Status   string          `json:"status"`
	Error    string          `json:"error"`
	Progress float64         `json:"progress"`
	Result   json.RawMessage `json:"result"`
}

func (t *task) ended() (bool, error) {
	switch t.Status {
	case "completed":
		return true, nil
	case "failed", "cancelled":
		text := "the remote task was cancelled"
		if t.Status == "failed" {
			text = "the remote task failed"
		}
		if t.Error != "" {
			text += ": " + t.Error
		}
		return true, &remoteError{message: text}
	}
	return false, nil
}

// read takes the ID and the status of the task from a result.
func (o *output) read(raw json.RawMessage) {
	var said struct {
		ID     string `json:"id"`
		TaskID string `json:"task_id"`
		Root   string `json:"root_task_id"`
		Status string `json:"status"`
	}
	if json.Unmarshal(raw, &said) != nil {
		return
	}
	for _, id := range []string{said.TaskID, said.ID, said.Root} {
		if id != "" {
			o.TaskID = id
			break
		}
	}
	if said.Root != "" {
		o.TaskID = said.Root // wait for the whole tree
	}
	o.Status = said.Status
}

// refused returns the error of a task that was not started. A task that already
// runs is not an error.
func (o *output) refused() error {
	var said struct {
		Success *bool  `json:"success"`
		Message string `json:"message"`
		Error   string `json:"error"`
	}
	if json.Unmarshal(o.Result, &said) != nil || said.Success == nil || *said.Success || o.Status == "already_running" {
		return nil
	}
	text := "the server did not start the task"
	for _, reason := range []string{said.Error, said.Message} {
		if reason != "" {
			text += ": " + reason
			break
		}
	}
	return &remoteError{message: text}
}

// remoteError is an error that the server reported.
type remoteError struct {
	code    int
	message string
}

func (e *remoteError) Error() string { return e.message }

func (e *remoteError) failure() *executors.Error {
	kind := executors.ExecutionError
	if e.code == -32001 { // permission denied in the apflow protocol
		kind = executors.PermissionDenied
	}
	failed := executors.Errorf(kind, "%s", e.message)
	if e.code != 0 {
		return failed.WithCode(strconv.Itoa(e.code))
	}
	return failed
}
