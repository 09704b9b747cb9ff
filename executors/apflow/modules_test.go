package apflow

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// modular is a server of the modules API. Its tasks are in the state that their
// ID says.
type modular struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []string
	without string // a module that it lacks
}

var moduleFields = map[string]string{
	"get": "task_id", "submit": "task_id", "execute": "task_id", "tree": "task_id", "children": "task_id", "delete": "task_id", "cancel": "task_ids",
	"create_tree": "tasks", "list": "status limit", "running": "limit",
}

func newModular(t *testing.T, without string) *modular {
	t.Helper()
	m := &modular{without: without}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.Close)
	return m
}

func (m *modular) serve(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.asked = append(m.asked, r.Method+" "+r.URL.Path)
	m.mu.Unlock()
	module, ok := strings.CutPrefix(r.URL.Path, "/modules/apflow.task.")
	switch {
	case r.URL.Path == "/modules":
		list := []object{{"module_id": "apflow.rest_executor", "input_schema": object{}}}
		for name, fields := range moduleFields {
			properties := object{}
			for _, field := range strings.Fields(fields) {
				properties[field] = object{}
			}
			if name == "create_tree" {
				properties["tasks"] = object{"items": object{"properties": object{"id": object{}, "name": object{}, "params": object{}, "parent_id": object{}}}}
			}
			if name != m.without {
				list = append(list, object{"module_id": "apflow.task." + name, "input_schema": object{"properties": properties}})
			}
		}
		_ = json.NewEncoder(w).Encode(object{"modules": list, "count": len(list)})
		return
	case !ok || module == m.without:
		http.NotFound(w, r)
		return
	}
	var inputs struct {
		ID  string   `json:"task_id"`
		IDs []string `json:"task_ids"`
	}
	_ = json.NewDecoder(r.Body).Decode(&inputs)
	if strings.Contains(r.Header.Get("Accept"), "event-stream") {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, moduleStream(inputs.ID))
		return
	}
	status, answer := m.answer(module, inputs.ID, inputs.IDs)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func moduleStream(id string) string {
	const start = `data: {"type": "progress", "task_id": "x", "status": "in_progress", "progress": 0.5, "message": "half"}` + "\n\n" +
		`data: {"type": "task_completed", "task_id": "x-sub", "status": "completed", "final": true}` + "\n\n"
	switch id {
	case "locked":
		return `event: error` + "\n" + `data: {"error": {"code": "TASK_DEFINITION_LOCKED", "message": "derive a new run"}}` + "\n\nevent: done\ndata: {}\n\n"
	case "running":
		return start
	}
	return start + `data: {"type": "result", "task_id": "x", "result": {"status": "completed"}}` + "\n\nevent: done\ndata: {}\n\n"
}

func (m *modular) answer(module, id string, ids []string) (int, object) {
	refused := func(status int, code, message string) (int, object) {
		return status, object{"error": object{"code": code, "message": message, "details": object{}}}
	}
	task := object{"id": id, "name": "x", "status": id, "error": nil, "result": object{"sum": 7}, "run": object{"state": id}}
	switch {
	case id == "none":
		return refused(http.StatusNotFound, "MODULE_NOT_FOUND", "Task 'none' not found")
	case id == "approval":
		return refused(http.StatusAccepted, "APPROVAL_PENDING", "a person must approve")
	case id == "denied":
		return refused(http.StatusForbidden, "ACL_DENIED", "Task belongs to another identity")
	case id == "busy":
		return refused(http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", "come back")
	case module == "submit" && id == "finished":
		return http.StatusOK, object{"task_id": id, "state": "finished"}
	case module == "submit":
		return http.StatusOK, object{"task_id": id, "state": "accepted"}
	case module == "execute":
		return http.StatusOK, object{"status": id, "root_task_id": id}
	case module == "delete":
		return http.StatusOK, object{"task_id": id, "deleted": id != "kept"}
	case module == "cancel":
		return http.StatusOK, object{"results": []object{{"task_id": ids[0], "status": ids[0], "message": "as it is"}}}
	case module == "children":
		return http.StatusOK, object{"children": []object{}}
	case module == "list":
		return http.StatusOK, object{"tasks": []object{{"id": "completed"}}, "total": 1}
	case module == "running":
		return http.StatusOK, object{"tasks": []object{}, "count": 100}
	case module == "create_tree":
		return http.StatusOK, object{"root_task_id": "completed", "task_count": 1}
	case module == "tree":
		child := object{"id": "sub", "status": "failed", "error": "no disk"}
		return http.StatusOK, object{"task": task, "children": []object{{"task": child, "children": []object{}}}}
	case id == "blocked": // its root waits for a task that failed
		task["status"], task["run"] = "pending", object{"state": "failed"}
	case id == "lost":
		task["status"], task["run"], task["dispatch"] = "in_progress", object{"state": "running"}, object{"state": "reconciliation_required"}
	}
	return http.StatusOK, task
}

func TestModules(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	s := newModular(t, "")
	for _, c := range []struct {
		method, params string
		kind           executors.ErrorType
		says           string // in the error, or in the result
	}{
		{"tasks.get", `{"task_id": "completed"}`, "", `"sum":7`},
		{"tasks.get", `{"id": "completed"}`, "", `"sum":7`},
		{"tasks.list", `{}`, "", `[{"id":"completed"}]`},
		{"tasks.children", `{"parent_id": "completed"}`, "", "[]"},
		{"tasks.create", `[{"id": "completed", "schemas": {"method": "a"}, "parent_id": null}]`, "", `"id":"sub"`},
		{"tasks.cancel", `{"task_ids": ["cancelling"]}`, "", "cancelling"},
		{"tasks.execute", `{"task_id": "running", "use_streaming": false}`, "", "accepted"},
		{"tasks.get", `{"task_id": "none"}`, executors.NotFound, "'none' not found"},
		{"tasks.children", `{"task_id": "none"}`, executors.NotFound, "'none' not found"},
		{"tasks.get", `{"task_id": "approval"}`, executors.ExecutionError, "a person must approve"},
		{"tasks.get", `{"task_id": "denied"}`, executors.PermissionDenied, "another identity"},
		{"tasks.get", `{"task_id": "busy"}`, executors.ExecutionError, "come back"},
		{"tasks.execute", `{"task_id": "finished"}`, executors.ExecutionError, "runs a task once"},
		{"tasks.delete", `{"task_id": "kept"}`, executors.ExecutionError, "refused tasks.delete"},
		{"tasks.cancel", `{"task_ids": ["failed"]}`, executors.ExecutionError, "as it is"},
		{"tasks.running.count", `{}`, executors.ExecutionError, "counts no further"},
		{"tasks.list", `{"root_only": true}`, executors.ValidationError, "root_only"},
		{"tasks.create", `[{"id": "a"}, {"id": "b"}]`, executors.ValidationError, "one tree"},
		{"tasks.create", `[{"user_id": "a"}]`, executors.ValidationError, "params[0].user_id"},
		{"tasks.create", `[]`, executors.ValidationError, "params"},
		{"tasks.create", `[7]`, executors.ValidationError, "params[0]"},
		{"tasks.generate", `{}`, executors.ValidationError, "no counterpart"},
		{"tasks.update", `{"task_id": "x"}`, executors.ValidationError, "no counterpart"}, // this server has no such module
	} {
		out, err := d.call(t.Context(), t, s.URL, fmt.Sprintf(`"method": %q, "params": %s`, c.method, c.params))
		said := string(out.Result)
		if err != nil {
			said = err.Message
		}
		if (c.kind == "") != (err == nil) || err != nil && err.Type != c.kind || !strings.Contains(said, c.says) || out.Success != (err == nil) {
			t.Errorf("%s %s: %s, %+v", c.method, c.params, out.Result, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if all := strings.Join(s.asked, "\n"); strings.Count(all, "GET /modules\n") != 1 || strings.Count(all, "POST /tasks\n") != 1 {
		t.Errorf("the API was found out again:\n%s", all)
	}
}

func TestModulesToTheEnd(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	for _, without := range []string{"", "submit"} {
		s := newModular(t, without)
		for _, mode := range []string{`"wait_for_completion": true`, `"use_streaming": true`} {
			for id, ends := range map[string]string{
				"completed": "", "failed": "failed", "cancelled": "was cancelled", "blocked": "task sub: no disk", "lost": "interrupted", "none": "not found",
			} {
				if without != "" && (id == "blocked" || id == "lost") { // states of servers with submit
					continue
				}
				out, err := d.call(t.Context(), t, s.URL, fmt.Sprintf(`"method": "tasks.execute", "params": {"task_id": %q}, "poll_interval": 0.05, %s`, id, mode))
				if (ends == "") != (err == nil) || err != nil && !strings.Contains(err.Message, ends) || out.TaskID != id && id != "none" {
					t.Errorf("%q, %s, %s: %+v, %s", without, mode, id, err, out.Task)
				}
				if err == nil && (out.Status != "completed" || string(out.Result) != `{"sum":7}`) {
					t.Errorf("%q, %s, %s: %s, %s", without, mode, id, out.Status, out.Result)
				}
			}
		}
	}
	s := newModular(t, "")
	for id, says := range map[string]string{"locked": "derive a new run", "running": "the task was left running"} {
		_, err := d.call(t.Context(), t, s.URL, fmt.Sprintf(`"method": "tasks.execute", "params": {"task_id": %q}, "use_streaming": true`, id))
		if err == nil || !strings.Contains(err.Message, says) {
			t.Errorf("%s: %+v", id, err)
		}
	}
}

// TestAnotherServer covers a server that another one of the other generation has
// taken the place of, and addresses that have neither API.
func TestAnotherServer(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	older, newer := newServer(t), newModular(t, "")
	var now http.Handler
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { now.ServeHTTP(w, r) }))
	defer front.Close()
	list := func() (output, *executors.Error) {
		return d.call(t.Context(), t, front.URL, `"method": "tasks.list", "params": {}`)
	}
	for range 2 {
		for _, handler := range []http.Handler{older.Config.Handler, newer.Config.Handler} {
			now = handler
			_, _ = list() // it may find that the server before has gone
			if out, err := list(); err != nil || !out.Success {
				t.Errorf("%+v, %+v", out, err)
			}
		}
		now = http.NotFoundHandler()
		_, _ = list()
		if _, err := list(); err == nil || err.Type != executors.NotFound || !strings.Contains(err.Hint, "neither /tasks nor /modules") {
			t.Errorf("%+v", err)
		}
	}
}
