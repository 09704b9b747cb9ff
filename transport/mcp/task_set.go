package mcp

import (
	"context"
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
)

// setTasks are the tasks of a set of tools: the runs of the caller, and the
// results that are kept for the reply to a task that never ran.
type setTasks struct {
	set  *tools.Set
	kept *keptResults
}

var _ Tasks = (*setTasks)(nil)

// Task implements Tasks.
func (s *setTasks) Task(ctx context.Context, id string) (*Task, *executors.Error) {
	task, err := s.either(ctx, id, s.set.Task)
	if err != nil || task.Status != TaskWorking {
		return task, err
	}
	asked, err := s.set.Asked(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(asked) > 0 {
		task.Status, task.Requests = TaskInputRequired, requestsOf(asked)
	}
	return task, nil
}

// requestsOf returns what the tasks of a run ask, by the subjects of the questions.
func requestsOf(asked []*tools.Asked) json.RawMessage {
	b := []byte{'{'}
	for i, a := range asked {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(plainjson.AppendString(b, a.Question.Subject), ":{"...)
		b = append(appendElicitation(b, a.Question), '}')
	}
	return append(b, '}')
}

// Wait implements Tasks.
func (s *setTasks) Wait(ctx context.Context, id string) (*Task, *executors.Error) {
	return s.either(ctx, id, s.set.WaitTask)
}

// Cancel implements Tasks.
func (s *setTasks) Cancel(ctx context.Context, id string) (*Task, *executors.Error) {
	return s.either(ctx, id, s.set.CancelTask)
}

// either returns a kept result as a task, or the task that read returns.
func (s *setTasks) either(ctx context.Context, id string, read func(context.Context, string) (*tools.Task, *executors.Error)) (*Task, *executors.Error) {
	if kept, err := s.kept.get(ctx, tools.CallerFrom(ctx).Principal, id); err != nil || kept != nil {
		return kept, err
	}
	task, err := read(ctx, id)
	if err != nil {
		return nil, err
	}
	return taskFrom(task), nil
}

// Respond implements Tasks. It answers what the tasks of a run ask. What the call
// itself asks was answered before there was a task.
func (s *setTasks) Respond(ctx context.Context, id string, responses map[string]json.RawMessage) *executors.Error {
	if _, err := s.either(ctx, id, s.set.Task); err != nil {
		return err
	}
	asked, err := s.set.Asked(ctx, id)
	if err != nil {
		return err
	}
	for _, a := range asked {
		raw, given := responses[a.Question.Subject]
		if !given {
			continue
		}
		said, wrong := readDecision(raw)
		if wrong != nil {
			return executors.Errorf(executors.ValidationError, "inputResponses.%s %w", a.Question.Subject, wrong).WithField("inputResponses")
		}
		if err := s.set.Reply(ctx, a, said); err != nil {
			return err
		}
	}
	return nil
}

// List implements Tasks.
func (s *setTasks) List(ctx context.Context, cursor string) ([]Task, string, *executors.Error) {
	runs, next, err := s.set.Tasks(ctx, cursor)
	if err != nil {
		return nil, "", err
	}
	var page []Task
	if cursor == "" {
		if page, err = s.kept.of(ctx, tools.CallerFrom(ctx).Principal); err != nil {
			return nil, "", err
		}
	}
	for i := range runs {
		page = append(page, *taskFrom(&runs[i]))
	}
	return page, next, nil
}

// Watch implements Tasks.
func (s *setTasks) Watch(ctx context.Context, id string, changed func(string)) *executors.Error {
	return s.set.WatchTask(ctx, id, changed)
}

func taskFrom(t *tools.Task) *Task {
	task := &Task{ID: t.ID, Status: TaskWorking, Message: t.Message, Created: t.Created, Updated: t.Updated}
	switch t.Status {
	case tools.StatusCompleted:
		task.Status = TaskCompleted
	case tools.StatusCancelled:
		task.Status = TaskCancelled
	}
	if t.Result != nil {
		task.Result = append(appendResult([]byte{'{'}, t.Result), '}')
	}
	return task
}
