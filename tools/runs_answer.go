package tools

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// answer returns the result of a call that reads a run.
func (r *runs) answer(view *chain.RunView, want *wanted, warnings ...string) *Result {
	res := &Result{Status: string(view.Status), RunID: view.RunID, Warnings: append(warnings, view.Warnings...), Rest: r.readRest(view.RunID, "", 0)}
	if !view.Status.Ended() {
		res.Next = r.next(GetRun, map[string]any{"run_id": view.RunID, "wait_seconds": 60}, "the run continues; this call waits for its end")
	}
	if waits := waitsForPerson(view); waits != "" {
		res.Warnings = append(res.Warnings, waits)
	}
	res.Err = r.failureOf(view)
	if raw, err := plainjson.Marshal(view); err == nil && want.all(view) && len(raw) < MaxResult-envelopeRoom {
		res.Result = raw
		return res
	}
	envelope := *res
	envelope.Truncated, envelope.Next = true, res.Rest
	raw, truncated, err := r.shown(view, want, MaxResult-len(envelope.append(nil, true))-envelopeRoom-warningSize)
	if err != nil {
		res.Err = executors.AsError(fmt.Errorf("encoding the run: %w", err))
		return res
	}
	res.Result, res.Truncated = raw, truncated
	if truncated && res.Rest != nil && view.Status.Ended() {
		res.Next = res.Rest
	}
	return res
}

// all reports whether the whole view is wanted, and there, and may be short
// enough for an answer.
func (w *wanted) all(view *chain.RunView) bool {
	if view.OutputsSize > MaxResult {
		return false
	}
	sum := view.OutputsSize
	for _, task := range view.All() {
		if task.Size == 0 && task.Result == nil {
			continue
		}
		if sum += len(task.Result); task.Result == nil || sum > MaxResult || !w.shows(view, &task) || w.limit >= 0 && len(task.Result) > w.limit {
			return false
		}
	}
	return view.Outputs != nil || view.OutputsSize == 0
}

// told returns the result of a call that asked about a run. The run's failure is
// not an error of the call.
func (r *runs) told(view *chain.RunView) *Result {
	res := r.answer(view, &everything)
	res.Told = true
	return res
}

// failureOf returns why a run failed: its own error, or those of its tasks.
func (r *runs) failureOf(view *chain.RunView) *executors.Error {
	switch view.Status {
	case chain.Failed, chain.Cancelled:
	default:
		return nil
	}
	var failed []*chain.TaskView
	for i := range view.Tasks {
		if task := &view.Tasks[i]; task.Status == chain.Failed {
			failed = append(failed, task)
		}
	}
	kind, message := view.ErrorType, view.Error
	switch {
	case message != "":
	case view.Status == chain.Cancelled:
		message, kind = "the run was cancelled", executors.Cancelled
	default:
		const most = 3
		message = fmt.Sprintf("%d of %d tasks failed", view.Counts[chain.Failed], len(view.Tasks))
		if len(failed) > 0 {
			message += ": " + shorten.List(failed, most, func(task *chain.TaskView) string { return task.ID + ": " + shorten.Bytes(task.Error, 500) })
		}
	}
	if kind == "" && len(failed) > 0 {
		kind = failed[0].ErrorType
	}
	err := executors.Errorf(cmp.Or(kind, executors.ExecutionError), "%s", message)
	err.Hint = view.Hint
	if err.Hint == "" && view.Status == chain.Failed {
		err.Hint = r.whatHelps(failed)
	}
	return err
}

// whatHelps returns the hint of a failed run: what helps the first failed task.
// retry_run is named only if another attempt can succeed.
func (r *runs) whatHelps(failed []*chain.TaskView) string {
	if len(failed) == 0 {
		return ""
	}
	first := failed[0]
	var parts []string
	if first.Hint != "" {
		parts = append(parts, first.ID+": "+first.Hint)
	}
	tool, does := RetryRun, "runs the failed tasks again, and keeps the completed ones"
	if final := slices.IndexFunc(failed, func(task *chain.TaskView) bool { return !task.Retryable && task.ErrorType.Final() }); final >= 0 {
		task := failed[final]
		if final > 0 && task.Hint != "" {
			parts = append(parts, task.ID+": "+task.Hint)
		}
		where := "what task " + task.ID + " asks for"
		if task.Field != "" {
			where = task.Field + " of task " + task.ID
		}
		switch task.ErrorType {
		case executors.PermissionDenied, executors.AuthenticationError:
			if task.Hint != "" {
				return strings.Join(parts, "; ")
			}
			return strings.Join(append(parts, "the same call is refused again until the operator allows it, or "+where+" is changed"), "; ")
		}
		tool, does = RunTaskTree, "runs the corrected tree"
		parts = append(parts, "the same call fails again: correct "+where)
	}
	if r.next(tool, nil, "") != nil {
		parts = append(parts, tool+" "+does)
	}
	return strings.Join(parts, "; ")
}

// next returns the call to make next; nil if the tool is not published.
func (r *runs) next(tool string, arguments map[string]any, why string) *Next {
	if snapshot := r.set.current.Load(); snapshot != nil {
		if _, ok := snapshot.byName[tool]; !ok {
			return nil
		}
	}
	return &Next{Tool: tool, Arguments: arguments, Why: why}
}

// readRest returns the call that reads a page of a result.
func (r *runs) readRest(runID, task string, offset int) *Next {
	arguments := map[string]any{"run_id": runID, "offset": offset}
	if task != "" {
		arguments["task"] = task
	}
	return r.next(GetRun, arguments, "the result is too long for one reply; this call reads it in pages")
}

// reportRoom is the largest number of bytes of a report. Problems over the
// limit are only counted.
const reportRoom = MaxResult * 3 / 4

// encodeReport returns a validation report as JSON, within reportRoom, with the
// next times of the tree's schedule.
func encodeReport(tree *chain.Tree, report chain.Report) json.RawMessage {
	room := reportRoom
	problems := fit(report.Problems, &room)
	warnings := fit(report.Warnings, &room)
	raw, err := plainjson.Marshal(struct {
		Valid    bool              `json:"valid"`
		Problems []json.RawMessage `json:"problems"`
		Warnings []json.RawMessage `json:"warnings"`
		Count    int               `json:"problem_count,omitempty"`
		Schedule *upcoming         `json:"schedule,omitempty"`
	}{report.Valid(), problems, warnings, len(report.Problems), upcomingOf(tree)})
	if err != nil {
		return nil
	}
	return raw
}

func fit(problems []chain.Problem, room *int) []json.RawMessage {
	list := []json.RawMessage{}
	for _, problem := range problems {
		raw, err := plainjson.Marshal(problem)
		if err != nil {
			continue
		}
		if *room -= len(raw); *room < 0 {
			break
		}
		list = append(list, raw)
	}
	return list
}

func warningTexts(report chain.Report) []string {
	var list []string
	for _, warning := range report.Warnings {
		list = append(list, warning.Long())
	}
	return list
}

// The validated arguments of a tool.

func text(args map[string]any, name string) string {
	value, _ := args[name].(string)
	return value
}

func number(args map[string]any, name string) (float64, bool) {
	value, ok := args[name].(json.Number)
	if !ok {
		return 0, false
	}
	f, err := value.Float64()
	return f, err == nil
}

func integer(args map[string]any, name string) int {
	value, _ := number(args, name)
	return int(value)
}

func seconds(args map[string]any, name string) time.Duration {
	value, _ := number(args, name)
	return time.Duration(value * float64(time.Second))
}

func compare(a, b string) int { return strings.Compare(a, b) }
