package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/tools"
)

// maxShown is the length in bytes of an error in a list.
const maxShown = 300

// listedRun is a run in a list.
type listedRun struct {
	chain.RunSummary
	Owner  *chain.Owner      `json:"owner,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// listRuns returns the caller's runs, the newest first.
func (p *Page) listRuns(r *http.Request) (any, error) {
	q := r.URL.Query()
	opts := chain.ListOptions{
		Status: q.Get("status"), Name: q.Get("name"), Labels: labelsOf(q["label"]), Cursor: q.Get("cursor"), Limit: 50,
		Principal: tools.CallerFrom(r.Context()).Principal,
	}
	if n, err := whole(q, "limit"); err != nil {
		return nil, err
	} else if n > 0 {
		opts.Limit = int(min(n, 200))
	}
	for name, into := range map[string]*time.Time{"since": &opts.Since, "until": &opts.Until} {
		if text := q.Get(name); text != "" {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return nil, executors.Errorf(executors.ValidationError, "%s must be a time such as 2026-03-01T08:00:00Z; got %q", name, shorten.Bytes(text, 100)).WithField(name)
			}
			*into = at
		}
	}
	list, next, err := p.opts.Runner.List(r.Context(), opts)
	if err != nil {
		return nil, err
	}
	runs := make([]listedRun, len(list))
	for i, run := range list {
		runs[i] = listedRun{run, run.Owner, run.Labels}
	}
	return struct {
		Runs []listedRun `json:"runs"`
		Next string      `json:"next_cursor,omitempty"`
		Now  time.Time   `json:"now"`
	}{runs, next, p.opts.Now().UTC()}, nil
}

// labelsOf reads labels of a query, each as NAME=VALUE. It returns nil if there is
// none.
func labelsOf(given []string) map[string]string {
	var labels map[string]string
	for _, text := range given {
		if text == "" {
			continue
		}
		if labels == nil {
			labels = map[string]string{}
		}
		name, value, _ := strings.Cut(text, "=")
		labels[name] = value
	}
	return labels
}

// whole returns a number of the query; 0 if it is missing.
func whole(q url.Values, name string) (int64, error) {
	text := q.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, executors.Errorf(executors.ValidationError, "%s must be a number from 0 on; got %q", name, shorten.Bytes(text, 100)).WithField(name)
	}
	return n, nil
}

// runAnswer is a run as the page draws it.
type runAnswer struct {
	RunID        string                     `json:"run_id"`
	ParentRun    string                     `json:"parent_run,omitempty"`
	Name         string                     `json:"name,omitempty"`
	Kind         string                     `json:"kind"`
	Status       chain.State                `json:"status"`
	Outcome      chain.State                `json:"outcome,omitempty"`
	Counts       chain.Counts               `json:"counts"`
	Outputs      map[string]json.RawMessage `json:"outputs,omitempty"`
	OutputErrors []chain.OutputError        `json:"output_errors,omitempty"`
	Error        string                     `json:"error,omitempty"`
	ErrorType    string                     `json:"error_type,omitempty"`
	Hint         string                     `json:"hint,omitempty"`
	Warnings     []string                   `json:"warnings,omitempty"`
	Labels       map[string]string          `json:"labels,omitempty"`
	CreatedAt    time.Time                  `json:"created_at"`
	DurationMS   float64                    `json:"duration_ms"`
	Owner        *chain.Owner               `json:"owner,omitempty"`
	Inputs       json.RawMessage            `json:"inputs,omitempty"`
	Tasks        []shownTask                `json:"tasks"`
	// Next is the index of the first task that is not in the answer, which the
	// reader limited.
	Next   *int          `json:"next_offset,omitempty"`
	Layout *graph.Layout `json:"layout,omitempty"`
	// Seq is the number of the latest transition in the answer, after which
	// events go on.
	Seq int64     `json:"seq"`
	Now time.Time `json:"now"`
}

// shownTask is a task in the answer of a run, without what only its own answer
// has.
type shownTask struct {
	graph.TaskState
	Name     string   `json:"name,omitempty"`
	Executor string   `json:"executor"`
	Parent   string   `json:"parent_id,omitempty"`
	Handler  string   `json:"handler,omitempty"`
	Needs    []string `json:"needs,omitempty"`
}

// maxOutputs is the length in bytes of the outputs that the answer of a run has.
const maxOutputs = 64 << 10

// encoded is an answer as JSON.
type encoded []byte

// MarshalJSON implements json.Marshaler.
func (e encoded) MarshalJSON() ([]byte, error) { return e, nil }

// run returns a run with its layout. Pages that open a run at the same time share
// one answer, because a large run takes longer to encode than to follow.
func (v *View) run(ctx context.Context, ask *Ask) (any, error) {
	if len(ask.Values) > 0 {
		return v.runWith(ctx, ask)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answer, err, _ := v.opening.Do(followed{ask.Run, tools.CallerFrom(ctx).Principal}.text(), func() (any, error) {
		a, err := v.runWith(context.WithoutCancel(ctx), ask)
		if err != nil {
			return nil, err
		}
		raw, err := plainjson.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("encoding the run: %w", err)
		}
		return encoded(raw), nil
	})
	return answer, err
}

// runWith returns a run, with the part of its tasks and the layout that the values
// choose.
func (v *View) runWith(ctx context.Context, ask *Ask) (any, error) {
	view, err := v.get(ctx, followed{ask.Run, tools.CallerFrom(ctx).Principal})
	if err != nil {
		return nil, err
	}
	from, err := whole(ask.Values, "offset")
	if err != nil {
		return nil, err
	}
	limit, err := whole(ask.Values, "limit")
	if err != nil {
		return nil, err
	}
	shape := v.shapeOf(view)
	var layout *graph.Layout
	if from == 0 {
		if layout, err = layoutOf(shape, ask.Values); err != nil {
			return nil, err
		}
	}
	a := &runAnswer{
		RunID: view.RunID, ParentRun: view.ParentRun, Name: view.Name, Kind: kindOf(view), Status: view.Status, Outcome: view.Outcome, Counts: view.Counts,
		Outputs: view.Outputs, OutputErrors: view.OutputErrors, Error: view.Error, ErrorType: string(view.ErrorType), Hint: view.Hint,
		Warnings: view.Warnings, Labels: view.Labels, CreatedAt: view.CreatedAt, DurationMS: view.DurationMS, Owner: view.Owner,
		Layout: layout, Seq: view.Seq, Now: v.now().UTC(), Tasks: make([]shownTask, 0, len(view.Tasks)+len(view.Handlers)),
	}
	if len(view.Inputs) <= maxOutputs && json.Valid(view.Inputs) {
		a.Inputs = v.set.Redact(view.Inputs)
	}
	all := view.All()
	states := make([]graph.TaskState, len(all))
	for i := range all {
		t := &all[i]
		states[i] = graph.TaskState{
			ID: t.ID, Status: t.Status, Attempts: t.Attempts, Started: t.StartedAt, Completed: t.CompletedAt,
			Error: shorten.Bytes(t.Error, maxShown), ErrorType: string(t.ErrorType), Reason: t.Reason, Elements: t.Elements,
		}
	}
	graph.SetCritical(states, shape.outline, all)
	begin, end := int(min(from, int64(len(all)))), len(all)
	if limit > 0 && limit < int64(end-begin) {
		end = begin + int(limit)
		a.Next = &end
	}
	for i := begin; i < end; i++ {
		t := &all[i]
		a.Tasks = append(a.Tasks, shownTask{states[i], t.Name, t.Executor, t.ParentID, t.Handler, shape.needs(i)})
	}
	return a, nil
}

func kindOf(view *chain.RunView) string {
	if view.Call {
		return "call"
	}
	return "tree"
}

// getTree returns the tree of a run as it was started.
func (p *Page) getTree(r *http.Request) (any, error) {
	view, err := p.opts.Runner.Get(r.Context(), r.PathValue("id"), tools.CallerFrom(r.Context()).Principal, chain.ResultsUpTo(1))
	if err != nil {
		return nil, err
	}
	if view.Source == nil {
		return nil, executors.Errorf(executors.NotFound, "the run is a call of one executor, which has no tree")
	}
	return p.opts.Set.Redact(view.Source), nil
}
