package web

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/tools"
)

// taskAnswer is what the panel of a task shows.
type taskAnswer struct {
	chain.TaskView
	// Size is the length of the result in bytes.
	Size int `json:"size"`
	// Source is the task as it was written.
	Source json.RawMessage `json:"source,omitempty"`
	// Needs are the tasks that it waits for.
	Needs []string `json:"needs,omitempty"`
	// History are the changes of state of the task itself, the latest ones of a
	// long one.
	History []chain.Event `json:"history"`
	Now     time.Time     `json:"now"`
}

// maxHistory is the largest number of changes of state that are shown.
const maxHistory = 200

// task returns a task without its result.
func (v *View) task(ctx context.Context, ask *Ask) (any, error) {
	id, ref := ask.Run, ask.Task
	principal := tools.CallerFrom(ctx).Principal
	view, err := v.runner.Get(ctx, id, principal, chain.ResultsUpTo(1))
	if err != nil {
		return nil, err
	}
	all := view.All()
	i := slices.IndexFunc(all, func(t chain.TaskView) bool { return t.ID == ref })
	if i < 0 {
		return nil, noTask(id, ref)
	}
	a := &taskAnswer{TaskView: all[i], Size: all[i].Size, Source: v.set.Redact(sourceOf(view, i)), Needs: v.shapeOf(view).needs(i), Now: v.now().UTC()}
	a.Result, a.Errors = nil, nil // each has an address of its own
	events, err := v.runner.Events(ctx, id, principal, 0)
	if err != nil {
		return nil, err
	}
	for i := range events {
		if e := &events[i]; e.Task == ref && e.Element == nil {
			a.History = append(a.History, *e)
		}
	}
	if len(a.History) > maxHistory {
		a.History = a.History[len(a.History)-maxHistory:]
	}
	return a, nil
}

func noTask(id, ref string) error {
	return executors.Errorf(executors.NotFound, "run %s has no task %q", shorten.Bytes(id, 100), shorten.Bytes(ref, 100)).WithField("task")
}

// sourceOf returns a task as it was written; nil if that can't be said.
func sourceOf(view *chain.RunView, task int) json.RawMessage {
	if view.Call {
		return slices.Concat([]byte(`{"inputs":`), orNull(view.Inputs), []byte("}"))
	}
	list := tools.TaskSources(view.Source)
	if task >= len(list) {
		return nil
	}
	return list[task]
}

func orNull(raw json.RawMessage) json.RawMessage {
	if !json.Valid(raw) {
		return json.RawMessage("null")
	}
	return raw
}

const (
	resultPage  = 32 << 10
	maxPage     = 1 << 20
	elementPage = 200
)

// pageOfText is a part of a result's JSON text.
type pageOfText struct {
	Text   string `json:"text"`
	Offset int    `json:"offset"`
	Next   *int   `json:"next_offset,omitempty"`
	Total  int    `json:"total_bytes"`
}

// result returns a part of a task's result, cut between characters.
func (v *View) result(ctx context.Context, ask *Ask) (any, error) {
	offset, err := whole(ask.Values, "offset")
	if err != nil {
		return nil, err
	}
	limit, err := whole(ask.Values, "limit")
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		limit = resultPage
	}
	raw, _, err := v.runner.TaskResult(ctx, ask.Run, ask.Task, tools.CallerFrom(ctx).Principal)
	if err != nil {
		return nil, err
	}
	text := string(raw)
	begin := shorten.Boundary(text, int(min(offset, int64(len(text)))))
	end := shorten.Boundary(text, int(min(int64(begin)+min(limit, maxPage), int64(len(text)))))
	if end == begin && end < len(text) {
		end += len(shorten.First(text[end:], 1))
	}
	page := &pageOfText{Text: text[begin:end], Offset: begin, Total: len(text)}
	if end < len(text) {
		page.Next = &end
	}
	return page, nil
}

// log returns what a task, or one of its elements, has put out so far after a
// place.
func (v *View) log(ctx context.Context, ask *Ask) (any, error) {
	after, err := whole(ask.Values, "after")
	if err != nil {
		return nil, err
	}
	element := int64(chain.AnyElement)
	if ask.Values.Has("element") {
		if element, err = whole(ask.Values, "element"); err != nil {
			return nil, err
		}
	}
	page, err := v.runner.Log(ctx, ask.Run, ask.Task, tools.CallerFrom(ctx).Principal, element, after)
	if err != nil {
		return nil, err
	}
	return page, nil
}

// element is one element of a for_each.
type element struct {
	Index     int         `json:"index"`
	Status    chain.State `json:"status"`
	Attempts  int         `json:"attempts"`
	Started   *time.Time  `json:"started_at,omitempty"`
	Completed *time.Time  `json:"completed_at,omitempty"`
	Error     string      `json:"error,omitempty"`
	ErrorType string      `json:"error_type,omitempty"`
}

// elements returns a page of the elements of a for_each, those that failed
// first.
func (v *View) elements(ctx context.Context, ask *Ask) (any, error) {
	offset, err := whole(ask.Values, "offset")
	if err != nil {
		return nil, err
	}
	events, err := v.runner.Events(ctx, ask.Run, tools.CallerFrom(ctx).Principal, 0)
	if err != nil {
		return nil, err
	}
	byIndex := map[int]*element{}
	list := []*element{}
	for i := range events {
		e := &events[i]
		if e.Task != ask.Task {
			continue
		}
		if e.Element == nil {
			if e.State == chain.Pending { // those that completed run again only if it starts over
				list = slices.DeleteFunc(list, func(one *element) bool { return e.Anew || one.Status != chain.Completed })
				maps.DeleteFunc(byIndex, func(_ int, one *element) bool { return e.Anew || one.Status != chain.Completed })
			}
			continue
		}
		one := byIndex[*e.Element]
		if one == nil {
			one = &element{Index: *e.Element}
			byIndex[one.Index] = one
			list = append(list, one)
		}
		one.take(e)
	}
	slices.SortFunc(list, func(a, b *element) int {
		if x, y := a.Status == chain.Failed, b.Status == chain.Failed; x != y {
			if x {
				return -1
			}
			return 1
		}
		return a.Index - b.Index
	})
	begin := int(min(offset, int64(len(list))))
	end := min(begin+elementPage, len(list))
	return struct {
		Elements []*element `json:"elements"`
		Offset   int        `json:"offset"`
		Total    int        `json:"total"`
	}{list[begin:end], begin, len(list)}, nil
}

func (o *element) take(e *chain.Event) {
	o.Status, o.Attempts = e.State, max(o.Attempts, e.Attempt)
	o.Error, o.ErrorType = shorten.Bytes(e.Error, maxShown), string(e.Type)
	switch at := e.At; {
	case e.State.Ended():
		o.Completed = &at
	case o.Started == nil && e.State == chain.InProgress:
		o.Started = &at
	}
}
