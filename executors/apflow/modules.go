package apflow

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// modules is a server with the API from apflow 0.22: an address for each module.
type modules struct {
	*remote
	catalog *catalog
}

// counterpart is the module that does what a method does.
type counterpart struct {
	module string
	rename map[string]string // fields of the method that have another name
	unwrap string            // the field of the answer that is the result
}

var counterparts = map[string]counterpart{
	"tasks.create":        {module: "create_tree"},
	"tasks.execute":       {module: "submit"},
	"tasks.update":        {module: "update"},
	"tasks.copy":          {module: "copy"},
	"tasks.delete":        {module: "delete"},
	"tasks.cancel":        {module: "cancel", rename: map[string]string{"context_ids": "task_ids"}, unwrap: "results"},
	"tasks.get":           {module: "get", rename: map[string]string{"id": "task_id"}},
	"tasks.detail":        {module: "get"},
	"tasks.tree":          {module: "tree", rename: map[string]string{"root_id": "task_id"}},
	"tasks.children":      {module: "children", rename: map[string]string{"parent_id": "task_id"}, unwrap: "children"},
	"tasks.list":          {module: "list", unwrap: "tasks"},
	"tasks.running.list":  {module: "running", unwrap: "tasks"},
	"tasks.running.count": {module: "running"},
}

// ask calls the counterpart of a method, and returns the result in the form of
// the older API.
func (m *modules) ask(ctx context.Context, method string, params any) (json.RawMessage, error) {
	if method == "system.health" {
		return m.health(ctx)
	}
	to, ok := counterparts[method]
	if method == "tasks.execute" && m.catalog.fields["submit"] == nil { // apflow 0.22 and 0.23
		to.module = "execute"
	}
	if !ok || m.catalog.fields[to.module] == nil {
		return nil, m.without(method)
	}
	if method == "tasks.create" {
		return m.create(ctx, params)
	}
	given, ok := params.(map[string]any)
	if !ok {
		return nil, executors.Errorf(executors.ValidationError, "params must be an object for %s; got a list", method).WithField("params")
	}
	if method == "tasks.execute" {
		given = maps.Clone(given)
		delete(given, "use_streaming")
	}
	given, err := m.fit(to, given)
	if err != nil {
		return nil, err
	}
	if method == "tasks.running.count" {
		return m.count(ctx, given)
	}
	raw, err := m.call(ctx, to.module, given)
	if err != nil {
		return nil, err
	}
	if to.unwrap != "" {
		var wrapped map[string]json.RawMessage
		if json.Unmarshal(raw, &wrapped) == nil && wrapped[to.unwrap] != nil {
			raw = wrapped[to.unwrap]
		}
	}
	switch {
	case to.module == "execute": // it has run
		if last, readErr := readTask(raw); readErr == nil {
			last.ended = last.Status
			return raw, last.failure()
		}
	case method == "tasks.children" && string(raw) == "[]": // of an unknown task too
		_, err = m.call(ctx, "get", given)
	case method == "tasks.copy":
		raw = m.made(ctx, raw)
	}
	if err != nil {
		return nil, err
	}
	return raw, refusal(method, raw)
}

// without returns the error of a method that the server has no module for.
func (m *modules) without(method string) error {
	var has []string
	for name, to := range counterparts {
		if m.catalog.fields[to.module] != nil {
			has = append(has, name)
		}
	}
	slices.Sort(has)
	return executors.Errorf(executors.ValidationError, "%s has no counterpart on this server, which is of a newer generation (modules API)", method).
		WithField("method").WithHint("it has: " + strings.Join(append(has, "system.health"), ", "))
}

// fit renames fields, and refuses those that the module would ignore.
func (m *modules) fit(to counterpart, given map[string]any) (map[string]any, error) {
	fitted := make(map[string]any, len(given))
	for name, value := range given {
		if other := to.rename[name]; other != "" && given[other] == nil {
			name = other
		}
		fitted[name] = value
	}
	return fitted, onlyFields("the server's module "+m.catalog.prefix+to.module, fitted, m.catalog.fields[to.module])
}

// most is the longest list that the module for running tasks returns.
const most = 100

func (m *modules) count(ctx context.Context, given map[string]any) (json.RawMessage, error) {
	given["limit"] = most
	raw, err := m.call(ctx, "running", given)
	if err != nil {
		return nil, err
	}
	var said struct {
		Count *int `json:"count"`
	}
	switch {
	case json.Unmarshal(raw, &said) != nil || said.Count == nil:
		return nil, executors.Errorf(executors.ExecutionError, "the server did not count the running tasks")
	case *said.Count >= most:
		return nil, executors.Errorf(executors.ExecutionError, "%d tasks or more run: this server counts no further", most).
			WithHint("page through tasks.list with status in_progress")
	}
	return plainjson.Marshal(said)
}

func (m *modules) health(ctx context.Context) (json.RawMessage, error) {
	response, err := m.get(ctx, "healthz")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return m.result(response)
}

// call calls a module.
func (m *modules) call(ctx context.Context, module string, inputs any) (json.RawMessage, error) {
	response, err := m.post(ctx, "modules/"+m.catalog.prefix+module, inputs, acceptJSON)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return m.result(response)
}

// fault is the body of an error. A task has a text in its field error.
type fault struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Cause   string `json:"cause"`
		Details struct {
			Errors []struct {
				Path    string `json:"path"`
				Message string `json:"message"`
			} `json:"errors"`
		} `json:"details"`
	} `json:"error"`
}

func (f *fault) text() string {
	var wrong []string
	for _, each := range f.Error.Details.Errors {
		wrong = append(wrong, strings.TrimPrefix(each.Path+": "+each.Message, ": "))
	}
	switch {
	case len(wrong) > 0:
		return "the server reports: the input is not valid: " + strings.Join(wrong, "; ")
	case f.Error.Cause != "":
		return "the server reports: " + f.Error.Cause
	}
	return "the server reports: " + f.Error.Message
}

// isFault reports whether a body is an error. The status of one is not always a
// failure: 202 goes with APPROVAL_PENDING.
func isFault(data []byte) (*fault, bool) {
	found := new(fault)
	return found, json.Unmarshal(data, found) == nil && found.Error.Code != ""
}

// result reads a response.
func (m *modules) result(response *http.Response) (json.RawMessage, error) {
	if succeeded(response) {
		data, err := body(response)
		if err != nil {
			return nil, err
		}
		if found, ok := isFault(data); ok {
			return nil, found.failure(executors.Errorf(executors.ExecutionError, "%s", found.text()), response.StatusCode)
		}
		if !json.Valid(data) {
			return nil, executors.Errorf(executors.ExecutionError, "the server's response is not JSON: %s", web.Excerpt(string(data)))
		}
		return mend(data)
	}
	failure, data := m.status(response)
	found, ok := isFault(data)
	switch {
	case ok:
		failure.Message = found.text()
		return nil, found.failure(failure, response.StatusCode)
	case missing(response):
		return nil, errors.Join(failure, errOtherAPI)
	}
	return nil, failure
}

func (f *fault) failure(as *executors.Error, status int) *remoteError {
	as.Code = f.Error.Code
	return &remoteError{failed: as, code: status, passes: as.Retryable || status >= http.StatusInternalServerError}
}

// stream executes a task. The server stops it when the stream ends.
func (m *modules) stream(ctx context.Context, params any, take func(event) error) error {
	given, ok := params.(map[string]any)
	if !ok {
		return executors.Errorf(executors.ValidationError, "params must be an object for tasks.execute; got a list").WithField("params")
	}
	given = maps.Clone(given)
	delete(given, "use_streaming")
	given, err := m.fit(counterpart{module: "execute"}, given)
	if err != nil {
		return err
	}
	response, err := m.post(ctx, "modules/"+m.catalog.prefix+"execute", given, acceptEvents)
	if err != nil {
		return err
	}
	if !succeeded(response) || !isStream(response) {
		raw, err := m.result(response)
		if err != nil {
			return err
		}
		return take(event{Result: raw})
	}
	err = events(response, func(name string, data []byte) error { return giveModule(name, data, take) })
	if !errors.Is(err, errCut) || ctx.Err() != nil {
		return err
	}
	id, _ := given["task_id"].(string)
	if last, lookErr := m.look(ctx, id); lookErr == nil && last.ended == "" {
		return executors.Errorf(executors.NetworkError, "the connection broke off, and this server stops a task when its stream ends; the task was left %s", last.Status).
			WithHint("use wait_for_completion without use_streaming: the server then runs the task in the background")
	} else if lookErr != nil {
		return err
	}
	return nil
}

// giveModule decodes one event and passes it on. It returns io.EOF after the last
// one.
func giveModule(name string, data []byte, take func(event) error) error {
	if found, ok := isFault(data); ok {
		kind := executors.ExecutionError
		if found.Error.Code == "ACL_DENIED" {
			kind = executors.PermissionDenied
		}
		return found.failure(executors.Errorf(kind, "%s", found.text()), 0)
	}
	if name == "done" {
		return io.EOF
	}
	var e event
	if err := json.Unmarshal(data, &e); err != nil {
		return executors.Errorf(executors.ExecutionError, "the server sent an invalid event: %s", web.Excerpt(string(data)))
	}
	if e.Type == "" {
		var err error
		if e.Result, err = mend(data); err != nil {
			return err
		}
	}
	return take(e)
}

// look reads a task. The state of its run tells of the whole tree.
func (m *modules) look(ctx context.Context, id string) (*task, error) {
	raw, err := m.call(ctx, "get", map[string]any{"task_id": id})
	if err != nil {
		return nil, err
	}
	found, err := readTask(raw)
	if err != nil {
		return nil, err
	}
	state := found.Run.State
	switch {
	case found.Dispatch.State == unclear:
		state = unclear
	case state == "":
		state = found.Status
	}
	switch state {
	case completed, failed, cancelled, unclear:
		found.ended = state
	}
	if state == failed && found.Status != failed {
		if raw, treeErr := m.call(ctx, "tree", map[string]any{"task_id": id}); treeErr == nil {
			if list, listErr := readTree(raw); listErr == nil {
				found.cause = summarize(list).cause
			}
		}
	}
	return found, nil
}
