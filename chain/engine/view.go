package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/fan"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// newView returns the view of a run from its record.
func newView(row *store.Run, list []store.Transition) *chain.RunView {
	v := &chain.RunView{
		RunID: row.ID, ParentRun: row.Parent, Name: row.Name, Status: chain.State(row.Status), Call: row.Kind == store.KindCall, Seq: row.Seq,
		CreatedAt: row.CreatedAt, DurationMS: millis(row.CreatedAt, row.CompletedAt), Tasks: make([]chain.TaskView, len(row.Tasks)),
		Source: row.Tree, Inputs: row.Inputs, Labels: row.Labels,
	}
	failRun(v, row.Problem)
	for i, t := range row.Tasks {
		v.Tasks[i] = chain.TaskView{ID: t.ID, Name: t.Name, Executor: t.Executor, UserID: t.UserID, Handler: t.Handler, Status: chain.Pending}
		if t.Parent >= 0 {
			v.Tasks[i].ParentID = row.Tasks[t.Parent].ID
		}
	}
	told, fans := warnings{}, tallies{}
	if row.Outcome != nil {
		fold(&v.Tasks[0], row, row.Outcome)
		told.fold(row, row.Outcome)
	}
	for i := range list {
		t := &list[i]
		if t.Task < 0 {
			foldRun(v, t)
			continue
		}
		fold(&v.Tasks[t.Task], row, t)
		told.fold(row, t)
		fans.fold(t)
	}
	for task, tally := range fans {
		v.Tasks[task].Elements = tally.Counts()
	}
	if !v.Status.Ended() {
		v.Outputs, v.OutputErrors, v.OutputsSize = nil, nil, 0
	}
	v.Warnings = append(handlerWarnings(v), told.list()...)
	v.Count()
	return v
}

// foldRun applies a transition of the run itself. The outputs are recorded when
// the tasks have ended: with the end, or with the start of the handlers.
func foldRun(v *chain.RunView, t *store.Transition) {
	ended := chain.State(t.State).Ended()
	if before := v.Outcome; t.Skip != nil {
		v.Outcome = chain.State(t.Skip.Outcome)
	} else if v.Outcome = ""; ended && before != "" {
		return
	}
	v.OutputsSize = t.Size
	readOutputs(v, t.Result)
}

func readOutputs(v *chain.RunView, raw []byte) {
	var all chain.Outputs
	if len(raw) > 0 && json.Unmarshal(raw, &all) != nil {
		all.Errors = []chain.OutputError{{Error: "the record of the outputs can't be read", ErrorType: executors.ExecutionError}}
	}
	v.Outputs, v.OutputErrors = all.Values, all.Errors
}

// handlerWarnings returns the warnings about handlers that did not complete.
func handlerWarnings(v *chain.RunView) (list []string) {
	for i := range v.Tasks {
		if t := &v.Tasks[i]; t.Handler != "" {
			if text := handlerWarning(t.ID, t.Handler, t.Status, t.Error); text != "" {
				list = append(list, text)
			}
		}
	}
	return list
}

// warnings are the warnings of completed tasks, by task.
type warnings map[int][]string

// fold applies one transition.
func (w warnings) fold(row *store.Run, t *store.Transition) {
	switch {
	case t.Generation > 0:
		delete(w, t.Task) // it starts over
	case t.Problem == nil || t.Problem.Warning == "":
	case row.Kind == store.KindCall:
		w[t.Task] = []string{t.Problem.Warning}
	case t.Element > 0:
		w[t.Task] = append(w[t.Task], fmt.Sprintf("%s[%d]: %s", row.Tasks[t.Task].ID, t.Element-1, t.Problem.Warning))
	default:
		w[t.Task] = append(w[t.Task], row.Tasks[t.Task].ID+": "+t.Problem.Warning)
	}
}

// list returns the first warnings, in the order of the tasks.
func (w warnings) list() []string {
	const most = 20
	var list []string
	for _, task := range slices.Sorted(maps.Keys(w)) {
		list = append(list, w[task]...)
	}
	if len(list) > most {
		list = append(list[:most], fmt.Sprintf("and %d more warnings", len(list)-most))
	}
	return list
}

// tallies count the elements of the tasks with a for_each, by task.
type tallies map[int]*fan.Tally

// fold applies one transition.
func (all tallies) fold(t *store.Transition) {
	begun := t.Skip != nil && t.Skip.Of > 0
	tally := all[t.Task]
	if tally == nil {
		if t.Element == 0 && !begun {
			return
		}
		tally = &fan.Tally{}
		all[t.Task] = tally
	}
	switch {
	case t.Element > 0:
		tally.Set(t.Element-1, chain.State(t.State))
	case begun:
		tally.Start(t.Skip.Of)
	case t.State == string(chain.Pending):
		tally.Reopen(t.Generation > 0)
	}
}

// fold applies one transition to the view of a task.
func fold(v *chain.TaskView, row *store.Run, t *store.Transition) {
	state := chain.State(t.State)
	v.Attempts = max(v.Attempts, t.Attempt)
	if t.Element > 0 {
		if state.Ended() && t.Problem.Failed() {
			v.Errors = append(v.Errors, elementError(t.Element-1, t.Problem.Message, t.Problem.Type))
		}
		return
	}
	if state == chain.InProgress && t.Problem != nil {
		return // a failed attempt that is repeated
	}
	begun, failed, approval := v.StartedAt, v.Errors, viewApproval(v.Approval, t)
	*v = chain.TaskView{ID: v.ID, Name: v.Name, Executor: v.Executor, UserID: v.UserID, ParentID: v.ParentID, Handler: v.Handler,
		Status: state, Attempts: v.Attempts, Size: t.Size, Approval: approval}
	switch {
	case state == chain.InProgress || state == chain.Waiting:
		v.StartedAt = moment(t.At)
	case state.Ended():
		if v.StartedAt = moment(t.Started); v.StartedAt == nil {
			v.StartedAt = begun
		}
		v.CompletedAt = moment(t.At)
		v.Result = t.Result
		if s := t.Skip; s != nil {
			v.Reason, v.BlockedBy, v.RootCauses = s.Reason, idsOf(row, s.By), idsOf(row, s.Roots)
		}
		failTask(v, t.Problem)
		if v.Errors == nil && t.Problem.Failed() {
			v.Errors = failed // it was stopped before its end
		}
	}
}

func elementError(index int, message, kind string) chain.ElementError {
	return chain.ElementError{Index: index, Error: message, ErrorType: executors.ErrorType(kind)}
}

func failTask(v *chain.TaskView, p *store.Problem) {
	if !p.Failed() {
		return
	}
	v.Error, v.ErrorType, v.ErrorCode = p.Message, executors.ErrorType(p.Type), p.Code
	v.Field, v.Hint, v.Retryable, v.RetryAfter = p.Field, p.Hint, p.Retryable, p.RetryAfter.Seconds()
	for _, e := range p.Elements {
		v.Errors = append(v.Errors, elementError(e.Index, e.Error, e.ErrorType))
	}
}

func failRun(v *chain.RunView, p *store.Problem) {
	if p.Failed() {
		v.Error, v.ErrorType, v.Hint = p.Message, executors.ErrorType(p.Type), p.Hint
	}
}

// settle corrects the view of a run that no process drives any more: its tasks in
// progress were interrupted.
func settle(v *chain.RunView, problem *store.Problem) {
	if problem != nil {
		v.Status = chain.Failed
		failRun(v, problem)
	}
	if !v.Status.Ended() {
		return
	}
	for i := range v.Tasks {
		if t := &v.Tasks[i]; t.Status == chain.InProgress || t.Status == chain.Waiting {
			t.Status = chain.Failed
			failTask(t, &store.Problem{Type: string(executors.Interrupted), Message: "it was in progress when its run was interrupted"})
		}
	}
	v.Count()
}

func idsOf(row *store.Run, tasks []int) []string {
	var ids []string
	for _, t := range tasks {
		ids = append(ids, row.Tasks[t].ID)
	}
	return ids
}

func countsOf(c map[string]int) chain.Counts {
	counts := make(chain.Counts, len(c))
	for s, n := range c {
		counts[chain.State(s)] = n
	}
	return counts
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// millis returns the milliseconds between two times; a zero to means now.
func millis(from, to time.Time) float64 {
	if to.IsZero() {
		to = time.Now()
	}
	return float64(to.Sub(from).Microseconds()) / 1000
}

// eventOf returns a stored transition as an event.
func eventOf(row *store.Run, t *store.Transition) chain.Event {
	e := chain.Event{Seq: t.Seq, State: chain.State(t.State), Attempt: t.Attempt, At: t.At.UTC()}
	if t.Skip != nil {
		e.Reason, e.Outcome, e.Of = t.Skip.Reason, chain.State(t.Skip.Outcome), t.Skip.Of
	}
	e.Anew = t.Generation > 0
	if t.Task >= 0 {
		e.Task = row.Tasks[t.Task].ID
	}
	if t.Element > 0 {
		index := t.Element - 1
		e.Element = &index
	}
	if t.Problem != nil {
		e.Error, e.Type = t.Problem.Message, executors.ErrorType(t.Problem.Type)
	}
	return e
}
