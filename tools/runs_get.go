package tools

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// defaultPage is the length of a page in bytes if the caller sets no limit.
const defaultPage = 24 << 10

// get reads a run, the result of one of its tasks, or a page of either.
func (r *runs) get(ctx context.Context, req *Request) *Result {
	args, err := resolve(r.defs[GetRun], req.Arguments)
	if err != nil {
		return Failure(err)
	}
	id, task := text(args, "run_id"), text(args, "task")
	_, paged := args["offset"]
	if _, limited := args["limit"]; limited {
		paged = true
	}
	logged, _ := args["log"].(bool)
	if wait := seconds(args, "wait_seconds"); wait > 0 || (task == "" && !paged && !logged) {
		res := r.follow(ctx, id, wait, req, &everything)
		res.Told = res.Told || res.Result != nil || res.Truncated
		if task == "" && !paged && !logged || res.IsError() && (!logged || res.RunID == "") {
			return res
		}
	}
	if logged {
		return r.getLog(ctx, id, task, args, req)
	}
	if task != "" {
		return r.getTask(ctx, id, task, args, paged, req)
	}
	view, readErr := r.set.opts.Runner.Get(ctx, id, req.Principal)
	if readErr != nil {
		return Failure(executors.AsError(readErr))
	}
	if view.Call && len(view.Tasks) == 1 {
		return r.getTask(ctx, id, view.Tasks[0].ID, args, paged, req)
	}
	raw, encodeErr := plainjson.Marshal(view)
	if encodeErr != nil {
		return Failure(executors.AsError(fmt.Errorf("encoding the run: %w", encodeErr)))
	}
	return r.page(page{RunID: id, Status: string(view.Status)}, raw, args)
}

func (r *runs) getTask(ctx context.Context, id, ref string, args map[string]any, paged bool, req *Request) *Result {
	raw, task, err := r.set.opts.Runner.TaskResult(ctx, id, ref, req.Principal)
	if err != nil {
		return Failure(executors.AsError(err))
	}
	short := *task
	short.Result = nil
	if paged {
		return r.page(page{RunID: id, Status: string(task.Status), Task: &short, ref: ref}, raw, args)
	}
	short.Result = raw
	body, encodeErr := plainjson.Marshal(struct {
		RunID string          `json:"run_id"`
		Task  *chain.TaskView `json:"task"`
	}{id, &short})
	if encodeErr != nil {
		return Failure(executors.AsError(fmt.Errorf("encoding the task: %w", encodeErr)))
	}
	return &Result{
		Status: string(task.Status), RunID: id, Result: body, Preview: preview(raw, len(body)), Rest: r.readRest(id, ref, 0),
	}
}

// preview returns the beginning of a result that is too long for the reply.
func preview(raw json.RawMessage, encoded int) string {
	if encoded < MaxResult-envelopeRoom {
		return ""
	}
	return string(raw[:min(len(raw), previewSize+16)])
}

// page is a part of a result's JSON text.
type page struct {
	RunID  string          `json:"run_id"`
	Status string          `json:"status"`
	Task   *chain.TaskView `json:"task,omitempty"`
	Text   string          `json:"text"`
	Offset int             `json:"offset"`
	Next   *int            `json:"next_offset,omitempty"`
	Total  int             `json:"total_bytes"`

	ref string
}

// page returns the part of raw that the arguments select, as much as a reply
// can hold, cut between characters. Calls that follow next_offset read every
// byte once.
func (r *runs) page(p page, raw json.RawMessage, args map[string]any) *Result {
	whole := string(raw)
	limit := integer(args, "limit")
	if limit == 0 {
		limit = defaultPage
	}
	p.Total = len(whole)
	p.Offset = shorten.Boundary(whole, min(integer(args, "offset"), len(whole)))
	head, err := plainjson.Marshal(p)
	if err != nil {
		return Failure(executors.AsError(fmt.Errorf("encoding the page: %w", err)))
	}
	end := shorten.Boundary(whole, min(p.Offset+limit, len(whole)))
	if end == p.Offset && end < len(whole) {
		end += len(shorten.First(whole[end:], 1))
	}
	end = p.Offset + plainjson.Fit(whole[p.Offset:end], MaxResult-len(head)-2*envelopeRoom-2)
	p.Text = whole[p.Offset:end]
	if end < len(whole) {
		p.Next = &end
	}
	body, err := plainjson.Marshal(p)
	if err != nil {
		return Failure(executors.AsError(fmt.Errorf("encoding the page: %w", err)))
	}
	res := &Result{Status: p.Status, RunID: p.RunID, Result: body}
	if p.Next != nil {
		if res.Next = r.readRest(p.RunID, p.ref, end); res.Next != nil {
			res.Next.Why = "the next page"
			if _, ok := args["limit"]; ok {
				res.Next.Arguments["limit"] = limit
			}
		}
	}
	return res
}
