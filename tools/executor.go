package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// executorTool publishes an executor under its id.
func (s *Set) executorTool(def *executors.Definition) Tool {
	id := def.ID
	return Tool{
		Name: id, Title: def.Title, Description: def.Description, Toolset: def.Toolset,
		Input: def.Input.JSON(), Output: outputSchema(def), Annotations: def.Annotations,
		Handle: func(ctx context.Context, req *Request) *Result {
			return s.call(ctx, id, req.Arguments, req)
		},
	}
}

// readingTool is the same tool held to the calls that change nothing, and
// false where there are none.
func (s *Set) readingTool(def *executors.Definition) (Tool, bool) {
	raw, ok := def.ReadOnlyInput()
	if !ok {
		return Tool{}, false
	}
	tool := s.executorTool(def)
	tool.Input = raw
	tool.Annotations.ReadOnly, tool.Annotations.Destructive = true, false
	if def.Annotations.ReadOnly {
		return tool, true
	}
	tool.Annotations.Idempotent = true
	call := tool.Handle
	tool.Handle = func(ctx context.Context, req *Request) *Result {
		if err := s.refuseEffect(def, req.Arguments); err != nil {
			return Failure(err)
		}
		return call(ctx, req)
	}
	return tool, true
}

// refuseEffect refuses the inputs of a call that would change something.
// Inputs that are wrong anyway are left to the call, which says why.
func (s *Set) refuseEffect(def *executors.Definition, raw json.RawMessage) *executors.Error {
	inputs, err := s.opts.Registry.ResolveInputs(def.ID, raw)
	if err != nil {
		return nil
	}
	if def.EffectOf(inputs).ReadOnly {
		return nil
	}
	return executors.Errorf(executors.PermissionDenied, "%s would change something with these inputs, and only calls that change nothing are allowed", def.ID).
		WithHint("the tool's input schema, as it is listed here, has what is allowed")
}

// call makes a direct call: a run of one task.
func (s *Set) call(ctx context.Context, id string, arguments json.RawMessage, req *Request) *Result {
	return s.confirmed(ctx, req, func(c *confirmation) *Result {
		opts := chain.CallOptions{Principal: req.Principal, OnProgress: req.OnProgress}
		if c != nil {
			opts.Approve = func(def *executors.Definition, inputs map[string]any) error {
				return c.call(ctx, def, inputs, arguments)
			}
		}
		out := s.opts.Runner.Call(ctx, id, arguments, opts)
		res := &Result{
			Status: statusOf(out.Err), Result: out.Result, Err: out.Err,
			RunID: out.RunID, DurationMS: milliseconds(out.Duration), Warnings: out.Warnings,
		}
		if out.RunID != "" {
			res.Rest = s.runs.readRest(out.RunID, "", 0)
		}
		return res
	})
}

func statusOf(err *executors.Error) string {
	switch {
	case err == nil:
		return StatusCompleted
	case err.Type == executors.Cancelled:
		return StatusCancelled
	}
	return StatusFailed
}

// milliseconds rounds to what can be read.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)/(10*time.Microsecond)) / 100
}

// resolve reads the arguments of a tool that is not an executor: decoded
// strictly, defaults filled in, validated. Values named in free are left to
// the tool.
func resolve(def *executors.Definition, raw json.RawMessage, free ...string) (map[string]any, *executors.Error) {
	args, err := strictjson.DecodeObject(raw)
	if err != nil {
		return nil, executors.Errorf(executors.ValidationError, "the arguments of %s are not valid: %w", def.ID, err).
			WithHint("send one JSON object")
	}
	held := map[string]any{}
	for _, name := range free {
		if value, ok := args[name]; ok {
			held[name], args[name] = value, executors.Unknown{}
		}
	}
	filled, violations := def.Input.Apply(args)
	if len(violations) > 0 {
		return nil, violated(def.ID, violations)
	}
	for name, value := range held {
		filled[name] = value
	}
	return filled, nil
}

// violated makes one error of all that is wrong with a tool's arguments.
func violated(name string, violations []executors.Violation) *executors.Error {
	text := ""
	for i, v := range violations[:min(len(violations), 5)] {
		if i > 0 {
			text += "; "
		}
		if v.Path != "" {
			text += v.Path + " "
		}
		text += v.Message
	}
	if more := len(violations) - 5; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return executors.Errorf(executors.ValidationError, "%s", text).WithField(violations[0].Path).
		WithHint("correct the arguments of " + name + " and call it again")
}

// guarded is the one place where a tool's panic is caught. Its text goes to
// the log, never to the caller.
func guarded(name string, log zerolog.Logger, handle Handler) Handler {
	return func(ctx context.Context, req *Request) (res *Result) {
		start := time.Now()
		defer func() {
			if value := recover(); value != nil {
				log.Error().Str("tool", name).Interface("panic", value).Stack().Msg("a tool panicked")
				res = Failure(executors.Errorf(executors.ExecutionError, "%s failed because of a defect in this server", name).
					WithHint("the server's log has the details"))
			}
			if res.DurationMS == 0 {
				res.DurationMS = milliseconds(time.Since(start))
			}
		}()
		return handle(ctx, req)
	}
}
