package apflow

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
)

// tasks is a server with the API up to apflow 0.18: JSON-RPC at /tasks and
// /system.
type tasks struct {
	*remote
	stuck int // looks in a row that found no progress
}

// The numbers of errors in the protocol.
const (
	unknownMethod = -32601
	internalError = -32603
	notAllowed    = -32001
)

// answer is a JSON-RPC response.
type answer struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	} `json:"error"`
}

func (a *answer) read() (json.RawMessage, error) {
	switch {
	case a.Error != nil:
		return nil, a.failure()
	case a.Result == nil:
		return nil, executors.Errorf(executors.ExecutionError, "the server's response has neither a result nor an error")
	}
	return mend(a.Result)
}

func (a *answer) failure() *remoteError {
	kind, text := executors.ExecutionError, "the server reports: "+a.Error.Message
	var detail string
	if json.Unmarshal(a.Error.Data, &detail) == nil && detail != "" && detail != a.Error.Message {
		text += ": " + detail
	}
	if a.Error.Code == notAllowed || strings.HasPrefix(detail, "Permission denied") {
		kind = executors.PermissionDenied
	}
	said := reported(kind, "%s", text)
	if said.code = a.Error.Code; said.code != 0 {
		said.failed.Code = strconv.Itoa(said.code)
	}
	said.passes = said.code == internalError
	return said
}

// ask calls a method. apflow 0.18 has tasks.clone in place of tasks.copy.
func (t *tasks) ask(ctx context.Context, method string, params any) (json.RawMessage, error) {
	if given, ok := params.(map[string]any); ok && method == "tasks.execute" {
		params = with(given, "use_streaming", false)
	}
	raw, err := t.call(ctx, method, params)
	var said *remoteError
	if method == "tasks.copy" && errors.As(err, &said) && said.code == unknownMethod {
		if wrong := onlyFields("tasks.clone, which this server has in place of tasks.copy,", params, cloneFields); wrong != nil {
			return nil, wrong
		}
		if cloned, cloneErr := t.call(ctx, "tasks.clone", params); cloneErr == nil || !isUnknown(cloneErr) {
			raw, err = cloned, cloneErr
		}
	}
	if err != nil {
		return nil, err
	}
	return raw, refusal(method, raw)
}

var cloneFields = []string{"task_id", "origin_type", "recursive", "link_task_ids", "reset_fields", "save"}

func isUnknown(err error) bool {
	var said *remoteError
	return errors.As(err, &said) && said.code == unknownMethod
}

// with returns a copy of params in which a field that is there has another value.
func with(params map[string]any, field string, value any) map[string]any {
	if _, ok := params[field]; !ok && value == false {
		return params
	}
	params = maps.Clone(params)
	params[field] = value
	return params
}

// onlyFields refuses parameters that a method would ignore.
func onlyFields(method string, params any, known []string) error {
	given, _ := params.(map[string]any)
	if len(known) == 0 { // the server does not say
		return nil
	}
	for _, field := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, field) {
			return unknownField(method, "params."+field, known)
		}
	}
	return nil
}

func unknownField(method, field string, known []string) error {
	return executors.Errorf(executors.ValidationError, "%s has no field %s: the server would ignore it", method, strings.TrimPrefix(field, "params.")).
		WithField(field).WithHint("allowed here: " + strings.Join(slices.Sorted(slices.Values(known)), ", "))
}

// call calls a method and returns its result, which may hold a refusal.
func (t *tasks) call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	response, err := t.request(ctx, method, params, acceptJSON)
	if err != nil {
		return nil, err
	}
	data, err := body(response)
	if err != nil {
		return nil, err
	}
	var got answer
	if err := json.Unmarshal(data, &got); err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "the server's response is not JSON-RPC: %s", web.Excerpt(string(data)))
	}
	return got.read()
}

// request sends a request. It fails unless the status is 2xx.
func (t *tasks) request(ctx context.Context, method string, params any, accept string) (*http.Response, error) {
	path := "tasks"
	if strings.HasPrefix(method, "system.") {
		path = "system"
	}
	first := t.sent == 0
	response, err := t.post(ctx, path, map[string]any{"jsonrpc": "2.0", "id": t.sent + 1, "method": method, "params": params}, accept)
	if err != nil || succeeded(response) {
		return response, err
	}
	failure, data := t.status(response)
	var got answer
	switch {
	case failure.Retryable, failure.Type == executors.AuthenticationError, failure.Type == executors.PermissionDenied:
	case json.Unmarshal(data, &got) == nil && got.Error != nil: // with status 400 or 500
		return nil, got.failure()
	case first && missing(response):
		return nil, errors.Join(failure, errOtherAPI)
	}
	return nil, failure
}

// stream executes a task. A server that does not stream sends the response only.
func (t *tasks) stream(ctx context.Context, params any, take func(event) error) error {
	if given, ok := params.(map[string]any); ok {
		params = with(given, "use_streaming", true)
	}
	response, err := t.request(ctx, "tasks.execute", params, acceptEvents)
	if err != nil {
		return err
	}
	if !isStream(response) {
		data, err := body(response)
		if err != nil {
			return err
		}
		if err := giveTask(data, take); err != nil {
			return err
		}
		return errCut
	}
	return events(response, func(_ string, data []byte) error { return giveTask(data, take) })
}

// giveTask decodes one event and passes it on. It returns io.EOF after the last
// one. The events of the single tasks of a tree are marked as final too.
func giveTask(data []byte, take func(event) error) error {
	var e event
	if err := json.Unmarshal(data, &e); err != nil {
		return executors.Errorf(executors.ExecutionError, "the server sent an invalid event: %s", web.Excerpt(string(data)))
	}
	if e.Type == "" {
		var first answer
		if err := json.Unmarshal(data, &first); err != nil {
			return executors.Errorf(executors.ExecutionError, "the server sent an invalid response: %s", web.Excerpt(string(data)))
		}
		var err error
		if e.Result, err = first.read(); err != nil {
			return err
		}
	}
	if e.Type == "error" {
		return reported(executors.ExecutionError, "the server could not run the task: %v", e.Error)
	}
	if err := take(e); err != nil {
		return err
	}
	if e.Type == "final" || e.Type == "stream_end" || e.Final && !strings.HasPrefix(e.Type, "task_") {
		return io.EOF
	}
	return nil
}

// look reads a task. A tree has ended when the server runs none of it: its root
// may be completed while others still run or have failed, and it stays pending
// if one that it depends on has failed.
func (t *tasks) look(ctx context.Context, id string) (*task, error) {
	raw, err := t.ask(ctx, "tasks.get", map[string]any{"task_id": id})
	if err != nil {
		return nil, err
	}
	found, err := readTask(raw)
	if err != nil {
		return nil, err
	}
	over := found.Status == completed || found.Status == failed || found.Status == cancelled
	if !over && found.Status != "pending" {
		t.stuck = 0
		return found, nil
	}
	running, err := t.running(ctx, id)
	if said := new(remoteError); errors.As(err, &said) { // the server can't tell
		running, err = false, nil
		if !over {
			return found, nil
		}
	}
	if err != nil || running {
		t.stuck = 0
		return found, err
	}
	if over {
		found.ended = found.Status
	}
	if over && (!found.Parent || found.Status == failed) {
		return found, nil
	}
	return found, t.judge(ctx, found)
}

// judge decides from the whole tree whether and how a task that does not run has
// ended.
func (t *tasks) judge(ctx context.Context, found *task) error {
	raw, err := t.call(ctx, "tasks.tree", map[string]any{"task_id": found.ID})
	if said := new(remoteError); errors.As(err, &said) {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := readTree(raw)
	if err != nil {
		return nil // a server that describes trees in another way
	}
	tree := summarize(list)
	if tree.active || tree.waiting { // others may be about to start
		if t.stuck++; t.stuck < 2 || tree.active {
			found.ended = ""
			return nil
		}
	}
	switch {
	case tree.failed:
		found.ended, found.cause = failed, tree.cause
	case tree.cancelled:
		found.ended = cancelled
	}
	return nil
}

// running reports whether the server runs a tree now.
func (t *tasks) running(ctx context.Context, id string) (bool, error) {
	raw, err := t.call(ctx, "tasks.running.status", map[string]any{"task_ids": []string{id}})
	if err != nil {
		return false, err
	}
	var list []struct {
		Running bool `json:"is_running"`
	}
	if json.Unmarshal(raw, &list) != nil || len(list) != 1 {
		return false, reported(executors.ExecutionError, "the server does not tell what runs")
	}
	return list[0].Running, nil
}
