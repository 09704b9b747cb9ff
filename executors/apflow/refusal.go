package apflow

import (
	"encoding/json"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// item is a result, or one of a list, that may say that the server refused. The
// status of a task is not such a statement; that of a request is.
type item struct {
	TaskID   string          `json:"task_id"`
	Status   string          `json:"status"`
	State    string          `json:"state"`
	Success  *bool           `json:"success"`
	Deleted  *bool           `json:"deleted"`
	Count    *int            `json:"deleted_count"`
	Children int             `json:"children_deleted"`
	Message  json.RawMessage `json:"message"`
	Error    json.RawMessage `json:"error"`
}

// refusal returns the error of a result in which the server refuses what the
// method asks for, or nil.
func refusal(method string, raw json.RawMessage) error {
	text := strings.TrimSpace(string(raw))
	switch {
	case text == "null" && (method == "tasks.get" || method == "tasks.detail"):
		return reported(executors.NotFound, "the server has no such task, or none that you may read").WithField("params.task_id")
	case text == "null":
		return reported(executors.ExecutionError, "the server returned null: it did not carry out %s", method)
	case method == "tasks.cancel", method == "tasks.running.status":
		return refusals(method, raw)
	}
	var said item
	if json.Unmarshal(raw, &said) != nil {
		return nil
	}
	switch {
	case method == "tasks.execute":
		return said.notStarted()
	case is(said.Success, false), is(said.Deleted, false):
		return said.refused(method)
	case said.Count != nil && *said.Count < said.Children+1:
		return reported(executors.ExecutionError, "the server deleted %d of %d tasks", *said.Count, said.Children+1)
	}
	return nil
}

func is(value *bool, wanted bool) bool { return value != nil && *value == wanted }

// notStarted returns the error of a task that was not started. A task that
// already runs is not an error.
func (i item) notStarted() error {
	switch {
	case i.Status == "already_running":
		return nil
	case i.State == "finished", i.State == unclear:
		return reported(executors.ExecutionError, "the server did not start the task: it ran before (%s), and this server runs a task once", i.State).
			WithHint("copy it with tasks.copy, and execute the copy")
	case is(i.Success, false), i.Success == nil && (i.Status == "rejected" || i.Status == "error"):
		return reported(executors.ExecutionError, "the server did not start the task%s", i.reason())
	}
	return nil
}

func (i item) refused(method string) error {
	return reported(executors.ExecutionError, "the server refused %s%s", method, i.reason())
}

// reason returns what a server says in the field error or message.
func (i item) reason() string {
	for _, raw := range []json.RawMessage{i.Message, i.Error} {
		var text string
		if json.Unmarshal(raw, &text) == nil && text != "" {
			return ": " + text
		}
	}
	return ""
}

// refusals reads a list with one item for each task that the request names.
func refusals(method string, raw json.RawMessage) error {
	var list []item
	if json.Unmarshal(raw, &list) != nil {
		var one item
		if json.Unmarshal(raw, &one) == nil && is(one.Success, false) {
			return one.refused(method)
		}
		return nil
	}
	if len(list) == 0 {
		return reported(executors.ValidationError, "%s had no effect: params.task_ids names no task", method).
			WithField("params.task_ids").WithHint(`name the tasks: {"task_ids": ["ID"]}`)
	}
	kind := executors.ErrorType("")
	var reasons []string
	for _, each := range list {
		refused := each.kindOf(method)
		if refused == "" {
			continue
		}
		if kind == "" {
			kind = refused
		}
		reasons = append(reasons, "task "+each.TaskID+": "+strings.TrimPrefix(each.status()+each.reason(), ": "))
	}
	if len(reasons) == 0 {
		return nil
	}
	return reported(kind, "the server refused %s: %s", method, strings.Join(reasons, "; "))
}

func (i item) status() string {
	if i.Status == failed || i.Status == "error" {
		return ""
	}
	return i.Status
}

// kindOf returns the kind of error that one item of a list stands for, or "".
func (i item) kindOf(method string) executors.ErrorType {
	var code string
	_ = json.Unmarshal(i.Error, &code) // in other items a text, or none
	switch {
	case i.Status == "permission_denied", code == "permission_denied", strings.HasPrefix(code, "Permission denied"):
		return executors.PermissionDenied
	case i.Status == "not_found":
		return executors.NotFound
	case method == "tasks.cancel" && i.Status != cancelled && i.Status != "canceled" && i.Status != "cancelling", is(i.Success, false):
		return executors.ExecutionError
	}
	return ""
}
