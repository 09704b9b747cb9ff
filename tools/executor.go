package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// longCall is the ceiling of the time-out from which on a call counts as long.
const longCall = time.Hour

// Drafting is implemented by executors whose result is a plan that can be run.
type Drafting interface {
	// Drafts marks the executor.
	Drafts()
}

// executorTool publishes an executor under its id.
func (s *Set) executorTool(def *executors.Definition) Tool {
	tool := s.tool(def, func(ctx context.Context, req *Request) (work, *Question) {
		return s.prepareCall(ctx, def.ID, req.Arguments, req, false)
	})
	tool.Long = def.Timeout.Ceiling >= longCall
	found, _ := s.opts.Registry.Lookup(def.ID)
	_, tool.Draws = found.(Drafting)
	return tool
}

// described returns the description of an executor, followed by its note.
func (s *Set) described(def *executors.Definition) string {
	return strings.TrimSpace(def.Description + " " + s.opts.Registry.Note(def.ID))
}

// readingTool returns the form of a tool that allows only calls that change
// nothing. It reports false if there are no such calls.
func (s *Set) readingTool(def *executors.Definition) (Tool, bool) {
	raw, ok := def.ReadOnlyInput()
	if !ok {
		return Tool{}, false
	}
	tool := s.executorTool(def)
	if !bytes.Equal(raw, def.Input.JSON()) {
		tool.Input = s.input(def, raw)
	}
	tool.Annotations.ReadOnly, tool.Annotations.Destructive = true, false
	if def.Annotations.ReadOnly {
		return tool, true
	}
	tool.Annotations.Idempotent = true
	tool.prepare = func(ctx context.Context, req *Request) (work, *Question) {
		return s.prepareCall(ctx, def.ID, req.Arguments, req, true)
	}
	return tool, true
}

// directCall is a call of an executor.
type directCall struct {
	set      *Set
	prepared chain.PreparedCall
}

// prepareCall checks a call of an executor. With reading, it refuses a call
// that would change something.
func (s *Set) prepareCall(ctx context.Context, id string, arguments json.RawMessage, req *Request, reading bool) (work, *Question) {
	opts := chain.CallOptions{Principal: req.Principal, Trace: req.Trace, OnProgress: req.OnProgress}
	if givenUp := req.GivenUp; givenUp != nil {
		opts.GivenUp = func(out chain.CallResult) { givenUp(s.resultOf(&out)) }
	}
	prepared, err := s.opts.Runner.PrepareCall(id, arguments, opts)
	if err != nil {
		return refused(executors.AsError(err)), nil
	}
	def, inputs := prepared.Target()
	effect := def.EffectOf(inputs)
	if reading && !effect.ReadOnly {
		return refused(executors.Errorf(executors.PermissionDenied, "%s would change something with these inputs, and only calls that change nothing are allowed", def.ID).
			WithHint("the tool's input schema on this server lists what is allowed")), nil
	}
	if !effect.Destructive || !s.Confirms() {
		return &directCall{s, prepared}, nil
	}
	tree, err := s.planned(ctx, def.ID, inputs)
	switch {
	case err != nil:
		return refused(executors.AsError(err)), nil
	case tree != nil:
		return &directCall{s, prepared}, s.aboutTasks(ctx, tree, nil, all(tree), def.ID)
	}
	return &directCall{s, prepared}, s.aboutCall(def, prepared.Arguments())
}

func (d *directCall) run(ctx context.Context) *Result {
	out := d.prepared.Start(ctx)
	return d.set.resultOf(&out)
}

// resultOf returns the result of a direct call.
func (s *Set) resultOf(out *chain.CallResult) *Result {
	res := &Result{
		Status: statusOf(out.Err), Result: out.Result, Err: out.Err,
		RunID: out.RunID, DurationMS: milliseconds(out.Duration), Warnings: out.Warnings,
	}
	if out.RunID != "" {
		res.Rest = s.runs.readRest(out.RunID, "", 0)
	}
	return res
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

// milliseconds rounds a duration for display.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)/(10*time.Microsecond)) / 100
}

// resolve reads the arguments of a tool that is not an executor: see
// resolveGiven.
func resolve(def *executors.Definition, raw json.RawMessage, free ...string) (map[string]any, *executors.Error) {
	args, _, err := resolveGiven(def, raw, free...)
	return args, err
}

// resolveGiven decodes the arguments strictly, fills in defaults and validates
// them; arguments that are refused are read once more by Definition.Reread. It
// also returns the arguments that it has read. The tool itself checks the
// arguments in free.
func resolveGiven(def *executors.Definition, raw json.RawMessage, free ...string) (map[string]any, json.RawMessage, *executors.Error) {
	args, err := strictjson.DecodeObject(raw)
	if err != nil {
		return nil, nil, executors.Errorf(executors.ValidationError, "the arguments of %s are not valid: %w", def.ID, err).
			WithHint("send one JSON object")
	}
	complete := func(args map[string]any) (map[string]any, []executors.Violation) {
		held := map[string]any{}
		for _, name := range free {
			if value, ok := args[name]; ok {
				held[name], args[name] = value, executors.Unknown{}
			}
		}
		filled, violations := def.Input.Apply(args)
		for name, value := range held {
			args[name] = value
			if filled != nil {
				filled[name] = value
			}
		}
		return filled, violations
	}
	filled, violations := complete(args)
	if len(raw) > 0 && (len(violations) > 0 || len(def.Input.Validate(args)) > 0) {
		tree, isText := args["tasks"].(string)
		filled, raw, violations = def.Reread(raw, violations, complete)
		if isText && filled != nil && slices.Contains(free, "tasks") {
			// Text of a tree is read as a file is: it may be YAML, and its problems have lines.
			filled["tasks"] = tree
			violations = slices.DeleteFunc(violations, func(v executors.Violation) bool { return v.Path == "tasks" })
		}
	}
	if len(violations) > 0 {
		return nil, nil, violated(def.ID, violations)
	}
	return filled, raw, nil
}

// violated builds one error from all violations of a tool's schema.
func violated(name string, violations []executors.Violation) *executors.Error {
	return executors.Errorf(executors.ValidationError, "%s", shorten.List(violations, 5, executors.Violation.String)).WithField(violations[0].Path).
		WithHint("correct the arguments of " + name + " and call it again")
}
