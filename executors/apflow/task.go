package apflow

import (
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
)

// The states of a task that has ended.
const (
	completed = "completed"
	failed    = "failed"
	cancelled = "cancelled"
	unclear   = "reconciliation_required" // the server lost a run, and does not know what it did
)

// task is the part of a remote task that is used.
type task struct {
	ID       string          `json:"id"`
	Status   string          `json:"status"`
	Error    any             `json:"error"` // a string or null
	Progress float64         `json:"progress"`
	Result   json.RawMessage `json:"result"`
	Parent   bool            `json:"has_children"`
	Run      struct {
		State string `json:"state"`
	} `json:"run"`
	Dispatch struct {
		State string `json:"state"`
	} `json:"dispatch"`

	raw   json.RawMessage
	ended string // the state in which the task and those below it ended, or ""
	cause string // why the task failed
}

func readTask(raw json.RawMessage) (*task, error) {
	t := &task{raw: raw}
	if err := json.Unmarshal(raw, t); err != nil || t.Status == "" {
		return nil, executors.Errorf(executors.ExecutionError, "the server returned an invalid task")
	}
	t.cause, _ = t.Error.(string)
	return t, nil
}

// failure returns the error of a task that has ended, or nil.
func (t *task) failure() error {
	text := "the remote task failed"
	switch t.ended {
	case failed:
	case cancelled:
		text = "the remote task was cancelled"
	case unclear:
		text = "the remote server was interrupted, and does not know what the task did (" + unclear + ")"
	default:
		return nil
	}
	if t.cause != "" {
		text += ": " + t.cause
	}
	return reported(executors.ExecutionError, "%s", text)
}

// node is a task with those below it.
type node struct {
	Task     json.RawMessage `json:"task"`
	Children []node          `json:"children"`
}

// list returns the tasks of a tree, parents first.
func (n node) list() []json.RawMessage {
	all := []json.RawMessage{n.Task}
	for _, child := range n.Children {
		all = append(all, child.list()...)
	}
	return all
}

// readTree returns the tasks of a tree as a server describes it.
func readTree(raw json.RawMessage) ([]json.RawMessage, error) {
	var root node
	if err := json.Unmarshal(raw, &root); err != nil || root.Task == nil {
		return nil, executors.Errorf(executors.ExecutionError, "the server returned an invalid tree")
	}
	return root.list(), nil
}

// summary tells how the tasks of a tree stand.
type summary struct {
	failed, cancelled, active, waiting bool
	cause                              string // the first failed task, and why it failed
}

func summarize(list []json.RawMessage) (s summary) {
	for _, raw := range list {
		each, err := readTask(raw)
		if err != nil {
			continue
		}
		switch each.Status {
		case failed:
			if !s.failed {
				s.cause = "task " + each.ID + ": " + each.cause
			}
			s.failed = true
		case cancelled:
			s.cancelled = true
		case "in_progress":
			s.active = true
		case "pending":
			s.waiting = true
		}
	}
	return s
}
