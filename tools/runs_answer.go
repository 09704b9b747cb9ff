package tools

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// answer returns the result of the call that started a run.
func (r *runs) answer(view *chain.RunView) *Result {
	res := &Result{Status: string(view.Status), RunID: view.RunID, Warnings: view.Warnings, Rest: r.readRest(view.RunID, "", 0)}
	if !view.Status.Ended() {
		res.Next = r.next(GetRun, map[string]any{"run_id": view.RunID, "wait_seconds": 60}, "the run continues; this call waits for its end")
	}
	res.Err = failureOf(view)
	whole := view.Outputs != nil || view.OutputsSize == 0
	for i := range view.Tasks {
		whole = whole && (view.Tasks[i].Result != nil || view.Tasks[i].Size == 0)
	}
	raw, err := plainjson.Marshal(view)
	if err != nil {
		res.Err = executors.AsError(fmt.Errorf("encoding the run: %w", err))
		return res
	}
	if whole && len(raw) < MaxResult-envelopeRoom {
		res.Result = raw
		return res
	}
	res.Truncated, res.Preview = true, brief(view)
	if res.Rest != nil && view.Status.Ended() {
		res.Next = res.Rest
	}
	return res
}

// told returns the result of a call that asked about a run. The run's failure is
// not an error of the call.
func (r *runs) told(view *chain.RunView) *Result {
	res := r.answer(view)
	res.Told = true
	return res
}

// brief returns a run as JSON without its results, and without long outputs.
func brief(view *chain.RunView) string {
	short := *view
	if view.OutputsSize > previewSize/2 {
		short.Outputs = nil
	}
	short.Tasks = make([]chain.TaskView, len(view.Tasks))
	for i, task := range view.Tasks {
		short.Tasks[i] = chain.TaskView{
			ID: task.ID, Name: task.Name, Executor: task.Executor, Status: task.Status, Attempts: task.Attempts,
			Error: shorten.Bytes(task.Error, 200), ErrorType: task.ErrorType, Reason: task.Reason, BlockedBy: task.BlockedBy,
		}
	}
	raw, err := plainjson.Marshal(short)
	if err != nil {
		return ""
	}
	return string(raw)
}

// failureOf returns why a run failed: its own error, or those of its tasks.
func failureOf(view *chain.RunView) *executors.Error {
	switch view.Status {
	case chain.Failed, chain.Cancelled:
	default:
		return nil
	}
	kind := view.ErrorType
	var failed []string
	for i := range view.Tasks {
		task := &view.Tasks[i]
		if task.Status != chain.Failed {
			continue
		}
		kind = cmp.Or(kind, task.ErrorType)
		if len(failed) < 3 {
			failed = append(failed, task.ID+": "+shorten.Bytes(task.Error, 500))
		}
	}
	message := view.Error
	switch {
	case message != "":
	case view.Status == chain.Cancelled:
		message, kind = "the run was cancelled", executors.Cancelled
	default:
		message = fmt.Sprintf("%d of %d tasks failed", view.Counts[chain.Failed], len(view.Tasks))
		if len(failed) > 0 {
			message += ": " + strings.Join(failed, "; ")
		}
	}
	err := executors.Errorf(cmp.Or(kind, executors.ExecutionError), "%s", message)
	err.Hint = view.Hint
	if err.Hint == "" && view.Status == chain.Failed {
		err.Hint = "retry_run runs the failed tasks again, and keeps the completed ones"
	}
	return err
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

// encodeReport returns a validation report as JSON, within reportRoom.
func encodeReport(report chain.Report) json.RawMessage {
	room := reportRoom
	problems := fit(report.Problems, &room)
	warnings := fit(report.Warnings, &room)
	raw, err := plainjson.Marshal(struct {
		Valid    bool              `json:"valid"`
		Problems []json.RawMessage `json:"problems"`
		Warnings []json.RawMessage `json:"warnings"`
		Count    int               `json:"problem_count,omitempty"`
	}{report.Valid(), problems, warnings, len(report.Problems)})
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
