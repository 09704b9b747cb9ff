package apflow

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// create creates a tree with the modules API, and returns its tasks: one as an
// object, several as a list.
func (m *modules) create(ctx context.Context, params any) (json.RawMessage, error) {
	inputs := map[string]any{}
	list, ok := params.([]any)
	if single, is := params.(map[string]any); is {
		single = maps.Clone(single)
		if list, ok = single["tasks"].([]any); !ok {
			list, ok = []any{single}, true
		} else {
			inputs = single
		}
		if key, given := single["idempotency_key"]; given {
			inputs["idempotency_key"] = key
		}
		if inputs["tasks"] == nil {
			delete(single, "idempotency_key")
		}
	}
	if !ok || len(list) == 0 {
		return nil, executors.Errorf(executors.ValidationError, "params must be a task or a list of tasks for tasks.create").WithField("params")
	}
	tree, err := m.tree(list)
	if err != nil {
		return nil, err
	}
	inputs["tasks"] = tree
	if err := onlyFields("the server's module "+m.catalog.prefix+"create_tree", inputs, m.catalog.fields["create_tree"]); err != nil {
		return nil, err
	}
	raw, err := m.call(ctx, "create_tree", inputs)
	if err != nil {
		return nil, err
	}
	return m.made(ctx, raw), nil
}

// tree fits tasks to create_tree, and refuses what the server would ignore.
func (m *modules) tree(list []any) ([]any, error) {
	var fitted []any
	var roots []string
	for i, each := range list {
		path := fmt.Sprintf("params[%d]", i)
		given, ok := each.(map[string]any)
		if !ok {
			return nil, executors.Errorf(executors.ValidationError, "%s must be a task: an object with a name", path).WithField(path)
		}
		task, err := fitTask(path, given)
		if err != nil {
			return nil, err
		}
		for _, field := range slices.Sorted(maps.Keys(task)) {
			if len(m.catalog.items) > 0 && !slices.Contains(m.catalog.items, field) {
				return nil, unknownField("a task of this server", path+"."+field, m.catalog.items)
			}
		}
		if task["parent_id"] == nil {
			roots = append(roots, path)
		}
		fitted = append(fitted, task)
	}
	if len(roots) > 1 { // the server would create the first tree only
		return nil, executors.Errorf(executors.ValidationError, "the tasks must be one tree, in which all but the first have a parent_id; %s and %s have none", roots[0], roots[1]).
			WithField(roots[1] + ".parent_id")
	}
	return fitted, nil
}

// fitTask writes a task of the older API in the form of the newer: the executor's
// ID in params, and dependencies as objects. A field that is null is not given.
func fitTask(path string, given map[string]any) (map[string]any, error) {
	task := map[string]any{}
	for name, value := range given {
		if value != nil {
			task[name] = value
		}
	}
	if schemas, ok := task["schemas"].(map[string]any); ok {
		params, _ := task["params"].(map[string]any)
		params = maps.Clone(params)
		if params == nil {
			params = map[string]any{}
		}
		for name, value := range schemas {
			if name != "method" {
				return nil, unknownField("a task of this server", path+".schemas."+name, []string{"method"})
			}
			if before := params["executor_id"]; before != nil && before != value {
				return nil, executors.Errorf(executors.ValidationError, "%s names two executors: schemas.method is %v, params.executor_id is %v", path, value, before).
					WithField(path + ".schemas.method")
			}
			params["executor_id"] = value
		}
		delete(task, "schemas")
		if len(params) > 0 {
			task["params"] = params
		}
	}
	if needs, ok := task["dependencies"].([]any); ok {
		needs = slices.Clone(needs)
		for i, each := range needs {
			if id, is := each.(string); is {
				needs[i] = map[string]any{"id": id}
			}
		}
		task["dependencies"] = needs
	}
	return task, nil
}

// made returns the tasks of a tree that the server has just made. If it can't be
// read, it returns what the server said.
func (m *modules) made(ctx context.Context, said json.RawMessage) json.RawMessage {
	var root struct {
		ID string `json:"root_task_id"`
	}
	if json.Unmarshal(said, &root) != nil || root.ID == "" {
		return said
	}
	raw, err := m.call(ctx, "tree", map[string]any{"task_id": root.ID})
	if err != nil {
		return said
	}
	list, err := readTree(raw)
	if err != nil {
		return said
	}
	var whole any = list
	if len(list) == 1 {
		whole = list[0]
	}
	text, err := plainjson.Marshal(whole)
	if err != nil {
		return said
	}
	return text
}
