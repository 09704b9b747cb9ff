package apflow

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// longestPause is the longest interval between two polls.
const longestPause = 30 * time.Second

// cancelFor is the time limit to cancel the remote task.
const cancelFor = 3 * time.Second

// execute starts a task and waits for its end. If the call ends first, it cancels
// the task.
func execute(ctx context.Context, call *executors.Call, server peer, in input, out *output) error {
	if given, ok := in.Params.(map[string]any); ok {
		out.TaskID, _ = given["task_id"].(string)
	}
	err := start(ctx, call, server, in, out)
	if err == nil {
		err = follow(ctx, call, server, in, out)
	}
	if err != nil && ctx.Err() != nil && out.TaskID != "" {
		cancel(ctx, server, out)
	}
	return err
}

func cancel(ctx context.Context, server peer, out *output) {
	stopping, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelFor)
	defer stop()
	raw, err := server.ask(stopping, "tasks.cancel", map[string]any{"task_ids": []string{out.TaskID}})
	var said []struct {
		Status string `json:"status"`
	}
	if err == nil && json.Unmarshal(raw, &said) == nil && len(said) == 1 {
		out.Status = said[0].Status
	}
}

func start(ctx context.Context, call *executors.Call, server peer, in input, out *output) error {
	if !in.UseStreaming {
		raw, err := server.ask(ctx, in.Method, in.Params)
		out.Result = raw
		out.read(in.Method)
		return err
	}
	err := server.stream(ctx, in.Params, func(e event) error {
		if e.Type != "" {
			e.report(call)
			return nil
		}
		out.Result = e.Result
		out.read(in.Method)
		return refusal(in.Method, e.Result)
	})
	if errors.Is(err, errCut) && out.Status != "" && ctx.Err() == nil {
		return nil // the task runs: continue by polling
	}
	return err
}

// follow polls the task until it has ended, at increasing intervals. It tolerates
// three network errors in a row.
func follow(ctx context.Context, call *executors.Call, server peer, in input, out *output) error {
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
		task, err := server.look(ctx, out.TaskID)
		var said *remoteError
		if err != nil {
			if failed++; failed > 3 || ctx.Err() != nil || errors.As(err, &said) && !said.passes {
				return err
			}
			continue
		}
		failed = 0
		out.Task, out.Status = task.raw, task.Status
		call.Progress(executors.Progress{Done: task.Progress, Total: 1, Message: task.Status})
		if task.ended != "" {
			out.Status = task.ended
			err = task.failure()
			if err == nil && len(task.Result) > 0 {
				out.Result = task.Result
			}
			return err
		}
	}
}
