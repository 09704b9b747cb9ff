package tools

import (
	"encoding/json"
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
)

// TaskSources returns the tasks of a tree as they were written, handlers
// included, in the order of the tree; nil if the source can't be read.
func TaskSources(source json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(source, &list) == nil {
		return list
	}
	var object struct {
		Tasks     []json.RawMessage `json:"tasks"`
		OnSuccess []json.RawMessage `json:"on_success"`
		OnFailure []json.RawMessage `json:"on_failure"`
		OnCancel  []json.RawMessage `json:"on_cancel"`
		OnExit    []json.RawMessage `json:"on_exit"`
	}
	if json.Unmarshal(source, &object) != nil {
		return nil
	}
	return slices.Concat(object.Tasks, object.OnSuccess, object.OnFailure, object.OnCancel, object.OnExit)
}

// Redact removes the values of secrets from JSON text.
func (s *Set) Redact(raw json.RawMessage) json.RawMessage {
	return s.opts.Registry.Policy().RedactJSON(raw)
}

// OutlineOf returns the outlines of the tasks of a run, in the order of its view.
// If its tree is not valid any more, because an executor is gone for example, whole
// is false, and the tasks wait for nothing.
func (s *Set) OutlineOf(view *chain.RunView) (list []chain.Outline, whole bool) {
	all := view.All()
	if len(view.Source) > 0 {
		tree, _ := parse.Parse(view.Source, s.opts.Registry, parse.Options{})
		if tree != nil && len(tree.Tasks) == len(all) {
			return tree.Outline(), true
		}
	}
	at := make(map[string]int, len(all))
	for i := range all {
		at[all[i].ID] = i
	}
	list = make([]chain.Outline, len(all))
	for i := range all {
		t := &all[i]
		list[i] = chain.Outline{ID: t.ID, Name: t.Name, Executor: t.Executor, Handler: t.Handler, Parent: -1, Approval: t.Approval != nil}
		if parent, ok := at[t.ParentID]; ok && t.ParentID != "" {
			list[i].Parent = parent
		}
	}
	return list, view.Call
}
