package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// runningCursor begins the cursor of a page that ends with a call which is not on
// record yet.
const runningCursor = "running:"

// List implements chain.Engine. Calls in progress whose record is written after
// their end come first: that is where the store lists them then.
func (r *Engine) List(ctx context.Context, opts chain.ListOptions) ([]chain.RunSummary, string, error) {
	limit := min(opts.Limit, 200)
	if limit <= 0 {
		limit = 20
	}
	running, before := r.running(opts), opts.Cursor
	if strings.HasPrefix(before, runningCursor) {
		before = ""
	}
	rows, err := r.opts.Store.List(ctx, store.Query{Principal: opts.Principal, Status: opts.Status, Limit: limit + 1, Before: before,
		Prefix: opts.Prefix, Name: opts.Name, Labels: opts.Labels, Since: opts.Since, Until: opts.Until})
	if err != nil {
		return nil, "", executors.AsError(fmt.Errorf("listing runs: %w", err))
	}
	list := slices.DeleteFunc(running, func(c chain.RunSummary) bool { // recorded in the meantime
		return slices.ContainsFunc(rows, func(row store.Run) bool { return row.ID == c.RunID })
	})
	for i := range rows {
		if len(list) > limit {
			break
		}
		list = append(list, r.summary(ctx, &rows[i], opts.Principal))
	}
	if len(list) <= limit {
		return list, "", nil
	}
	list = list[:limit]
	next := list[limit-1].RunID
	if !slices.ContainsFunc(rows, func(row store.Run) bool { return row.ID == next }) {
		next = runningCursor + next
	}
	return list, next, nil
}

// summary returns a run of the store as a list shows it.
func (r *Engine) summary(ctx context.Context, row *store.Run, principal string) chain.RunSummary {
	here := r.liveRun(row.ID) != nil
	if !here && row.Owner == r.opts.Owner && !chain.State(row.Status).Ended() {
		// It was live when the list was read, or it is a call.
		if fresh, _, still, err := r.row(ctx, row.ID, principal); err == nil {
			row, here = fresh, still
		}
	}
	s := chain.RunSummary{RunID: row.ID, Name: row.Name, Kind: row.Kind, Status: chain.State(row.Status), Counts: countsOf(row.Counts),
		CreatedAt: row.CreatedAt, DurationMS: millis(row.CreatedAt, row.CompletedAt), Owner: r.ownerOf(row, here), Labels: row.Labels}
	if row.Problem != nil {
		s.Warning = row.Problem.Warning
	}
	if r.fate(row) != nil {
		s.Status = chain.Failed
	} else if s.Counts[chain.Waiting] > 0 && !s.Status.Ended() {
		s.Asks = r.askSummaries(ctx, row.ID, principal)
	}
	return s
}

// running returns the calls in progress that are not on record yet, the newest
// first, as far as they belong to the page of a list.
func (r *Engine) running(opts chain.ListOptions) (list []chain.RunSummary) {
	after, more := strings.CutPrefix(opts.Cursor, runningCursor)
	if opts.Cursor != "" && !more || opts.Status != "" && opts.Status != string(chain.InProgress) {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, c := range r.calls {
		if !c.ahead && c.principal == opts.Principal && (after == "" || id < after) && len(opts.Labels) == 0 && strings.HasPrefix(id, opts.Prefix) &&
			strings.Contains(strings.ToLower(c.executor), strings.ToLower(opts.Name)) &&
			!c.started.Before(opts.Since) && (opts.Until.IsZero() || c.started.Before(opts.Until)) {
			list = append(list, chain.RunSummary{RunID: id, Name: c.executor, Kind: store.KindCall, Status: chain.InProgress,
				Counts: chain.Counts{chain.InProgress: 1}, CreatedAt: c.started, DurationMS: millis(c.started, time.Time{})})
		}
	}
	slices.SortFunc(list, func(a, b chain.RunSummary) int { return cmp.Compare(b.RunID, a.RunID) }) // ids sort by age
	return list
}

// unrecorded returns the row of a call in progress that is not on record yet, or
// nil.
func (r *Engine) unrecorded(id string) *store.Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.calls[id]
	if c == nil || c.ahead {
		return nil
	}
	return &store.Run{
		ID: id, Kind: store.KindCall, Principal: c.principal, Name: c.executor, Owner: r.opts.Owner, Status: string(chain.InProgress),
		Counts: map[string]int{string(chain.InProgress): 1}, MaxParallel: 1, CreatedAt: c.started, Tasks: callTasks(c.executor),
	}
}

// callTasks returns the only task of a call.
func callTasks(executor string) []store.Task {
	return []store.Task{{ID: callTask, Name: executor, Executor: executor, Parent: -1}}
}

// transitions returns the transitions of a run after the given number. Results
// over most bytes are left out; 0 keeps all.
func (r *Engine) transitions(ctx context.Context, row *store.Run, after int64, most int) ([]store.Transition, error) {
	if row.Kind == store.KindCall && row.Seq == 0 && row.Status == string(chain.InProgress) { // its start is recorded with its end
		if after > 0 {
			return nil, nil
		}
		return []store.Transition{{Seq: 1, State: string(chain.InProgress), Attempt: 1, At: row.CreatedAt}}, nil
	}
	if row.Status == string(chain.Queued) && row.Seq == 0 { // it is new
		return nil, nil
	}
	list, err := r.opts.Store.Transitions(ctx, row.ID, after, most)
	if err != nil {
		return nil, readError(row.ID, err)
	}
	return list, nil
}
