package web

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/tools"
)

// View reads what is drawn of runs and plans: for the page, and for the App that
// MCP clients show. It is safe for concurrent use.
type View struct {
	set    *tools.Set
	runner chain.Engine
	now    func() time.Time
	shapes shapes
	lives  lives

	reading, opening singleflight.Group
}

// NewView returns a view of the runs of a set of tools.
func NewView(set *tools.Set) *View {
	return &View{set: set, runner: set.Runner(), now: time.Now}
}

// Ask is what is read: of a run, of one of its tasks, or of a plan.
type Ask struct {
	Run, Task string
	// Plan are arguments of run_task_tree.
	Plan json.RawMessage
	// Values are limits and places: after, offset, limit, element, open, closed, most.
	Values url.Values
}

// seen returns a reader of the page's API.
func (p *Page) seen(read func(*View, context.Context, *Ask) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		return read(p.view, r.Context(), &Ask{Run: r.PathValue("id"), Task: r.PathValue("task"), Values: r.URL.Query()})
	}
}

// The parts of a run and of a plan that Read returns.
const (
	PartRun      = "run"
	PartChanges  = "changes"
	PartLayout   = "layout"
	PartTask     = "task"
	PartResult   = "result"
	PartElements = "elements"
	PartLog      = "log"
	PartPlan     = "plan"
	PartFind     = "find"
)

// parts are the readers of the parts.
var parts = map[string]func(*View, context.Context, *Ask) (any, error){
	PartRun: (*View).run, PartChanges: (*View).changes, PartLayout: (*View).layout, PartTask: (*View).task, PartResult: (*View).result,
	PartElements: (*View).elements, PartLog: (*View).log, PartPlan: (*View).plan, PartFind: (*View).find,
}

// Read returns a part of a run or of a plan for the context's caller.
func (v *View) Read(ctx context.Context, part string, ask *Ask) (any, error) {
	if read := parts[part]; read != nil {
		return read(v, ctx, ask)
	}
	return nil, executors.Errorf(executors.ValidationError, "there is no part %q of a run", shorten.Bytes(part, 100)).WithField("part")
}

// mostChanges is the number of tasks in one answer with changes, which is a message
// to a client.
const mostChanges = 2000

// changes returns what has changed in a run after an event.
func (v *View) changes(ctx context.Context, ask *Ask) (any, error) {
	after, err := whole(ask.Values, "after")
	if err != nil {
		return nil, err
	}
	u, err := v.since(ctx, followed{ask.Run, tools.CallerFrom(ctx).Principal}, after, mostChanges)
	if err != nil {
		return nil, err
	}
	return u, nil
}

// drawnPlan is a plan that was not started.
type drawnPlan struct {
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
	// Tree names the tree, and Digest exactly what would be started: the tree with
	// its inputs and what a person has to agree to. Digest is empty if the plan
	// can't be started as it is.
	Tree   string `json:"tree,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Question is what the person is asked before the plan is started.
	Question string `json:"question,omitempty"`
	// Missing says why the plan can't be started as it is.
	Missing  string          `json:"missing,omitempty"`
	Problems []string        `json:"problems,omitempty"`
	Warnings []string        `json:"warnings,omitempty"`
	Inputs   json.RawMessage `json:"input_schema,omitempty"`
	Needs    []string        `json:"needs,omitempty"`
	Tasks    []plannedTask   `json:"tasks,omitempty"`
	Layout   *graph.Layout   `json:"layout,omitempty"`
}

// plannedTask is a task of a plan, as it was written.
type plannedTask struct {
	ID       string          `json:"id"`
	Name     string          `json:"name,omitempty"`
	Executor string          `json:"executor"`
	Needs    []string        `json:"needs,omitempty"`
	Source   json.RawMessage `json:"source,omitempty"`
}

// plan returns a plan with its picture, its problems and its digest. Nothing is
// started.
func (v *View) plan(ctx context.Context, ask *Ask) (any, error) {
	draft, refused := v.set.Draft(ctx, ask.Plan)
	if refused != nil {
		return nil, refused
	}
	d := &drawnPlan{Digest: draft.Digest}
	for i, problem := range draft.Report.Problems {
		if i == maxProblems {
			break
		}
		d.Problems = append(d.Problems, problem.Long())
	}
	for _, warning := range draft.Report.Warnings {
		d.Warnings = append(d.Warnings, warning.Long())
	}
	if draft.Refused != nil {
		d.Missing = draft.Refused.Message
	}
	if draft.Question != nil {
		d.Question = draft.Question.Message
	}
	tree := draft.Tree
	if tree == nil {
		return d, nil
	}
	d.Name, d.Description, d.Tree = tree.Name, tree.Description, tree.Hash()
	if tree.InputSchema != nil {
		d.Inputs = tree.InputSchema.JSON()
	} else {
		for _, need := range tree.Needs {
			d.Needs = append(d.Needs, need.Name)
		}
	}
	s := &shape{outline: tree.Outline()}
	sources := tools.TaskSources(tree.Source())
	for i := range s.outline {
		one := plannedTask{ID: s.outline[i].ID, Name: s.outline[i].Name, Executor: s.outline[i].Executor, Needs: s.needs(i)}
		if i < len(sources) {
			one.Source = v.set.Redact(sources[i])
		}
		d.Tasks = append(d.Tasks, one)
	}
	layout, err := layoutOf(s, ask.Values)
	d.Layout = layout
	return d, err
}

// latest is the number of runs that find looks at.
const latest = 10

// find returns the id of the caller's newest run of a plan that is in progress, so
// that it can be drawn before the call that started it is answered.
func (v *View) find(ctx context.Context, ask *Ask) (any, error) {
	draft, refused := v.set.Draft(ctx, ask.Plan)
	if refused != nil {
		return nil, refused
	}
	found := struct {
		RunID string `json:"run_id,omitempty"`
	}{}
	if draft.Tree == nil {
		return found, nil
	}
	principal := tools.CallerFrom(ctx).Principal
	runs, _, err := v.runner.List(ctx, chain.ListOptions{Status: string(chain.InProgress), Limit: latest, Principal: principal})
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		view, err := v.runner.Get(ctx, run.RunID, principal, chain.ResultsUpTo(1))
		if err == nil && bytes.Equal(view.Source, draft.Tree.Source()) {
			found.RunID = run.RunID
			break
		}
	}
	return found, nil
}
