package step

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// maxFailed is the largest number of failed tasks that handlers read.
const maxFailed = 100

// Ended is how the tasks of a run have ended.
type Ended struct {
	RunID, Name        string
	Status             chain.State
	Error, ErrorType   string // of the run itself, if it is not that of a task
	StartedAt, EndedAt time.Time
	Outputs            *chain.Outputs
	Failed             []any // as FailedTasks returns them
}

// FailedTasks returns the tasks that failed, without handlers, the first 100. read
// returns a task as references see it.
func FailedTasks(tree *chain.Tree, state func(task int) chain.State, read func(expr.Ref) (map[string]any, error)) []any {
	failed := []any{}
	for i := 0; i < tree.Main() && len(failed) < maxFailed; i++ {
		if state(i) != chain.Failed || tree.Tasks[i].AllowFailure {
			continue
		}
		t := &tree.Tasks[i]
		task := map[string]any{"id": t.ID, "name": t.Name, "error": nil, "error_type": nil}
		if seen, err := read(expr.Ref{Task: t.ID, StatusOnly: true}); err == nil {
			task["error"], task["error_type"] = seen["error"], seen["error_type"]
		}
		failed = append(failed, task)
	}
	return failed
}

// Facts returns the value of run in the expressions of handlers. The error of a
// run that failed is that of its first failed task, unless it has its own.
func (e *Ended) Facts() map[string]any {
	facts := map[string]any{
		"id": e.RunID, "name": e.Name, "status": string(e.Status), "error": nil, "error_type": nil, "failed_tasks": e.Failed,
		"started_at": e.StartedAt.UTC().Format(time.RFC3339), "outputs": map[string]any{},
		"duration_seconds": json.Number(strconv.FormatFloat(e.EndedAt.Sub(e.StartedAt).Seconds(), 'f', 3, 64)),
	}
	switch {
	case e.Status == chain.Completed:
	case e.Error != "":
		facts["error"], facts["error_type"] = e.Error, e.ErrorType
	case e.Status == chain.Failed && len(e.Failed) > 0:
		first, _ := e.Failed[0].(map[string]any)
		facts["error"], facts["error_type"] = first["error"], first["error_type"]
	case e.Status == chain.Cancelled:
		facts["error"], facts["error_type"] = "the run was cancelled", "cancelled"
	}
	if e.Outputs != nil {
		outputs := make(map[string]any, len(e.Outputs.Values))
		for name, raw := range e.Outputs.Values {
			if v, err := strictjson.Decode(raw); err == nil {
				outputs[name] = v
			}
		}
		facts["outputs"] = outputs
	}
	return facts
}
