package web

import (
	"encoding/json"
	"net/http"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/tools"
)

// savedTree is a saved tree in a list, or with its form.
type savedTree struct {
	Name        string          `json:"name"`
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	Tasks       int             `json:"tasks,omitempty"`
	Schedule    string          `json:"schedule,omitempty"`
	Approvals   bool            `json:"approvals,omitempty"`
	Problems    []string        `json:"problems,omitempty"`
	Inputs      json.RawMessage `json:"input_schema,omitempty"`
	// Needs are inputs that tasks read, for a tree without a schema.
	Needs  []string      `json:"needs,omitempty"`
	Layout *graph.Layout `json:"layout,omitempty"`
}

// maxProblems is how many problems of a saved tree are listed.
const maxProblems = 20

// describe returns what the page shows of a saved tree.
func (p *Page) describe(name string) (*savedTree, *chain.Tree) {
	s := &savedTree{Name: name}
	tree, report, refused := p.opts.Set.Tree(name)
	if refused != nil {
		s.Problems = []string{refused.Message}
		return s, nil
	}
	for i, problem := range report.Problems {
		if i == maxProblems {
			break
		}
		s.Problems = append(s.Problems, problem.Long())
	}
	if tree == nil {
		return s, nil
	}
	s.Title, s.Description, s.Tasks = tree.Name, tree.Description, len(tree.Tasks)
	if tree.Schedule != nil {
		s.Schedule = tree.Schedule.String()
	}
	for i := range tree.Tasks {
		s.Approvals = s.Approvals || tree.Tasks[i].Approval != nil
	}
	return s, tree
}

// listTrees returns the saved trees.
func (p *Page) listTrees(*http.Request) (any, error) {
	list := []*savedTree{}
	for _, name := range p.opts.Set.SavedTrees() {
		one, _ := p.describe(name)
		list = append(list, one)
	}
	return map[string]any{"trees": list, "folder": p.opts.Set.HasTrees()}, nil
}

// getTreeForm returns a saved tree with the schema of its inputs and its picture.
func (p *Page) getTreeForm(r *http.Request) (any, error) {
	name := r.PathValue("name")
	if _, _, refused := p.opts.Set.Tree(name); refused != nil {
		return nil, refused
	}
	one, tree := p.describe(name)
	if tree == nil {
		return one, nil
	}
	if tree.InputSchema != nil {
		one.Inputs = tree.InputSchema.JSON()
	} else {
		for _, need := range tree.Needs {
			one.Needs = append(one.Needs, need.Name)
		}
	}
	one.Layout = graph.Of(tree.Outline(), graph.Options{Most: mostNodes})
	return one, nil
}

// listSchedules returns the schedules of the saved trees, or that of one with more
// of its next times.
func (p *Page) listSchedules(r *http.Request) (any, error) {
	if p.opts.Set.Schedules() == nil {
		return map[string]any{"schedules": []any{}}, nil
	}
	list, refused := p.opts.Set.ListSchedules(r.Context(), r.URL.Query().Get("tree"))
	if refused != nil {
		return nil, refused
	}
	return list, nil
}

// listApprovals returns what waits for an answer in the caller's runs, or in one
// of them.
func (p *Page) listApprovals(r *http.Request) (any, error) {
	list, err := p.opts.Runner.Approvals(r.Context(), chain.ApprovalOptions{
		Principal: tools.CallerFrom(r.Context()).Principal, RunID: r.URL.Query().Get("run"),
	})
	if err != nil {
		return nil, err
	}
	if list == nil {
		list = []chain.WaitingTask{}
	}
	return map[string]any{"waiting": list, "now": p.opts.Now().UTC()}, nil
}

// listExecutors returns the executors, what opens the closed ones, and what the
// open ones can name.
func (p *Page) listExecutors(r *http.Request) (any, error) {
	ctx := r.Context()
	return map[string]any{
		"executors": p.opts.Set.ExecutorStates(ctx), "read_only": p.opts.Set.ReadOnly(ctx), "confirm": p.opts.Set.ConfirmPolicy(),
	}, nil
}

// getExecutor describes an executor.
func (p *Page) getExecutor(r *http.Request) (any, error) {
	raw, refused := p.opts.Set.ReadExecutor(r.Context(), r.PathValue("id"))
	if refused != nil {
		return nil, refused
	}
	return raw, nil
}
