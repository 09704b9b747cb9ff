package tools

import (
	"context"
	"fmt"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// defaultLog is how much of the end of a log is shown if the caller sets no limit.
const defaultLog = 8 << 10

// logPart is a part of a log: of one attempt, and of one element if there are any.
type logPart struct {
	Attempt int    `json:"attempt"`
	Element *int   `json:"element,omitempty"`
	Offset  int64  `json:"offset"`
	Dropped int64  `json:"dropped,omitempty"`
	Text    string `json:"text"`
}

// getLog reads the log of a task: its end, or from an offset on.
func (r *runs) getLog(ctx context.Context, id, ref string, args map[string]any, req *Request) *Result {
	if ref == "" {
		view, err := r.set.opts.Runner.Get(ctx, id, req.Principal, chain.ResultsUpTo(0))
		if err != nil {
			return Failure(executors.AsError(err))
		}
		if len(view.Tasks) != 1 {
			return Failure(executors.Errorf(executors.ValidationError, "log reads what one task puts out, and the run has %d tasks", len(view.Tasks)).
				WithField("task").WithHint("set task to the id of one"))
		}
		ref = view.Tasks[0].ID
	}
	limit := integer(args, "limit")
	if limit == 0 {
		limit = defaultLog
	}
	after := int64(-limit)
	if _, given := args["offset"]; given {
		after = int64(integer(args, "offset"))
	}
	_, task, err := r.set.opts.Runner.TaskResult(ctx, id, ref, req.Principal)
	if err != nil {
		return Failure(executors.AsError(err))
	}
	short := *task
	short.Result = nil
	body := struct {
		RunID  string          `json:"run_id"`
		Status string          `json:"status"`
		Task   *chain.TaskView `json:"task"`
		Log    []logPart       `json:"log"`
		Next   int64           `json:"next_offset"`
		Ended  bool            `json:"ended"`
	}{RunID: id, Status: string(task.Status), Task: &short, Log: []logPart{}}
	head, encodeErr := plainjson.Marshal(body)
	if encodeErr != nil {
		return Failure(executors.AsError(fmt.Errorf("encoding the log: %w", encodeErr)))
	}
	for room := MaxResult - len(head) - 2*envelopeRoom; ; {
		page, err := r.set.opts.Runner.Log(ctx, id, ref, req.Principal, chain.AnyElement, after)
		if err != nil {
			return Failure(executors.AsError(err))
		}
		text := page.Text[:shorten.Boundary(page.Text, min(limit, len(page.Text)))]
		text = text[:plainjson.Fit(text, max(0, room))]
		body.Next = page.Offset + int64(len(text))
		body.Ended = page.Ended && len(text) == len(page.Text)
		if text != "" {
			const around = 100 // what JSON has around the text
			room -= len(plainjson.AppendString(nil, text)) + around
			limit -= len(text)
			body.Log = append(body.Log, logPart{page.Attempt, page.Element, page.Offset, page.Dropped, text})
		}
		if after = page.Next; page.Ended || len(text) < len(page.Text) || page.Text == "" || room <= 0 || limit <= 0 {
			break
		}
	}
	raw, encodeErr := plainjson.Marshal(body)
	if encodeErr != nil {
		return Failure(executors.AsError(fmt.Errorf("encoding the log: %w", encodeErr)))
	}
	res := &Result{Status: body.Status, RunID: id, Result: raw}
	if !body.Ended {
		res.Next = r.next(GetRun, map[string]any{"run_id": id, "task": ref, "log": true, "offset": body.Next}, "the log goes on there")
	}
	return res
}
