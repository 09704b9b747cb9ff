package apflow

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// scripted starts a server of the tasks API that gives the same answer to each
// call of a method: a status and a body.
func scripted(t *testing.T, answers map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Method string `json:"method"`
		}
		_ = json.NewDecoder(r.Body).Decode(&request)
		text, ok := answers[request.Method]
		switch {
		case !ok:
			w.WriteHeader(http.StatusBadRequest)
			text = `"error": {"code": -32601, "message": "Method not found"}`
		case strings.HasPrefix(text, "data:"):
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, text)
			return
		case strings.HasPrefix(text, `"error"`):
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, `{"jsonrpc": "2.0", "id": 1, `+text+`}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestRefusals covers refusals inside answers, as apflow 0.18.2 gives them.
func TestRefusals(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	for _, c := range []struct {
		method, answer string
		kind           executors.ErrorType // "" for success
		says           string
	}{
		{"tasks.get", `"result": null`, executors.NotFound, "no such task"},
		{"tasks.detail", `"result": null`, executors.NotFound, "no such task"},
		{"tasks.update", `"result": null`, executors.ExecutionError, "did not carry out"},
		{"tasks.get", `"result": {"id": "x", "status": "failed", "error": "no disk"}`, "", ""},
		{"tasks.tree", `"error": {"code": -32603, "message": "Internal error", "data": "Task x not found"}`, executors.ExecutionError, "Internal error: Task x not found"},
		{"tasks.get", `"error": {"code": -32603, "message": "Internal error", "data": "Permission denied: not yours"}`, executors.PermissionDenied, "not yours"},
		{"tasks.copy", `"error": {"code": -32603, "message": "Internal error"}`, executors.ExecutionError, "Internal error"},
		{"tasks.delete", `"result": {"success": false, "error": "it runs"}`, executors.ExecutionError, "it runs"},
		{"tasks.delete", `"result": {"success": true, "deleted_count": 1, "children_deleted": 2}`, executors.ExecutionError, "1 of 3"},
		{"tasks.delete", `"result": {"success": true, "deleted_count": 3, "children_deleted": 2}`, "", ""},
		{"tasks.create", `"result": {"success": false, "message": "no room"}`, executors.ExecutionError, "no room"},
		{"tasks.execute", `"result": {"success": false, "status": "failed", "message": "no room"}`, executors.ExecutionError, "no room"},
		{"tasks.execute", `"result": {"status": "rejected", "message": "no leader"}`, executors.ExecutionError, "no leader"},
		{"tasks.execute", `"result": {"success": false, "status": "already_running", "task_id": "x"}`, "", ""},
		{"tasks.cancel", `"result": [{"task_id": "x", "status": "cancelled"}]`, "", ""},
		{"tasks.cancel", `"result": []`, executors.ValidationError, "names no task"},
		{"tasks.cancel", `"result": [{"task_id": "x", "status": "cancelled"}, {"task_id": "y", "status": "failed", "message": "it is completed"}]`, executors.ExecutionError, "task y: it is completed"},
		{"tasks.cancel", `"result": [{"task_id": "x", "status": "error", "error": "no lock"}]`, executors.ExecutionError, "task x: no lock"},
		{"tasks.cancel", `"result": [{"task_id": "x", "status": "error", "error": "Permission denied: not yours"}]`, executors.PermissionDenied, "not yours"},
		{"tasks.cancel", `"result": [{"task_id": "x", "status": "failed", "error": "permission_denied"}]`, executors.PermissionDenied, "x"},
		{"tasks.cancel", `"result": {"success": false, "message": "no"}`, executors.ExecutionError, "no"},
		{"tasks.running.status", `"result": [{"task_id": "x", "status": "failed", "error": "no disk"}]`, "", ""},
		{"tasks.running.status", `"result": [{"task_id": "x", "status": "not_found"}]`, executors.NotFound, "not_found"},
		{"tasks.running.status", `"result": [{"task_id": "x", "status": "permission_denied", "error": "no"}]`, executors.PermissionDenied, "no"},
	} {
		out, err := d.call(t.Context(), t, scripted(t, map[string]string{c.method: c.answer}), fmt.Sprintf(`"method": %q, "params": {"task_id": "x"}`, c.method))
		if c.kind == "" && (err != nil || !out.Success) || c.kind != "" && (err == nil || err.Type != c.kind || !strings.Contains(err.Message, c.says) || out.Success || out.Error == "") {
			t.Errorf("%s %s: %+v, %+v", c.method, c.answer, out, err)
		}
	}
}

// TestTreesEnd covers trees whose root does not tell how they end.
func TestTreesEnd(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	const idle, runs = `"result": [{"task_id": "x", "is_running": false}]`, `"result": [{"task_id": "x", "is_running": true}]`
	tree := func(root, child string) string {
		return fmt.Sprintf(`"result": {"task": {"id": "x", "status": %q}, "children": [{"task": {"id": "sub", "status": %q, "error": "no disk"}, "children": []}]}`, root, child)
	}
	for name, c := range map[string]struct {
		root, running, child string
		says                 string // "" for success
	}{
		"all completed":                  {"completed", idle, "completed", ""},
		"failed below a completed root":  {"completed", idle, "failed", "task sub: no disk"},
		"cancelled below":                {"completed", idle, "cancelled", "was cancelled"},
		"the root waits for a failure":   {"pending", idle, "failed", "task sub: no disk"},
		"the rest still runs":            {"completed", runs, "in_progress", "timeout"},
		"the rest runs elsewhere":        {"completed", idle, "in_progress", "timeout"},
		"nothing has begun":              {"pending", idle, "pending", "timeout"},
		"the rest was never begun":       {"completed", idle, "pending", ""},
		"the server tells nothing of it": {"completed", `"error": {"code": -32601, "message": "Method not found"}`, "failed", "task sub: no disk"},
	} {
		url := scripted(t, map[string]string{
			"tasks.execute":        `"result": {"success": true, "root_task_id": "x", "task_id": "x", "status": "started"}`,
			"tasks.get":            fmt.Sprintf(`"result": {"id": "x", "status": %q, "has_children": true, "result": 7}`, c.root),
			"tasks.running.status": c.running, "tasks.tree": tree(c.root, c.child),
		})
		out, err := d.call(t.Context(), t, url, `"method": "tasks.execute", "params": {"task_id": "x"}, "wait_for_completion": true, "poll_interval": 0.05, "timeout": 0.6`)
		if (c.says == "") != (err == nil && string(out.Result) == "7") || err != nil && !strings.Contains(err.Message, c.says) {
			t.Errorf("%s: %+v, %+v", name, out, err)
		}
	}
}

// TestEventsOfTasks covers streams as apflow 0.18.2 sends them.
func TestEventsOfTasks(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	const start = `data: {"jsonrpc": "2.0", "id": 1, "result": {"success": true, "root_task_id": "x", "task_id": "x", "status": "started"}}` + "\n\n"
	for stream, says := range map[string]string{
		start + `data: {"type": "error", "error": "no room", "final": true}` + "\n\n":                                                                          "no room",
		start + `data: {"type": "task_failed", "error": "no", "final": true}` + "\n\n" + `data: {"type": "error", "error": "no room", "final": true}` + "\n\n": "no room",
		start + `data: {"type": "final", "status": "completed", "error": null, "final": true}` + "\n\n":                                                        "",
		start + ": keepalive\n\n": "", // the stream breaks off, and polling goes on
	} {
		url := scripted(t, map[string]string{"tasks.execute": stream, "tasks.get": `"result": {"id": "x", "status": "completed", "result": 7}`})
		out, err := d.call(t.Context(), t, url, `"method": "tasks.execute", "params": {"task_id": "x"}, "use_streaming": true, "poll_interval": 0.05`)
		if (says == "") != (err == nil && string(out.Result) == "7") || err != nil && !strings.Contains(err.Message, says) {
			t.Errorf("%s: %+v, %+v", stream, out, err)
		}
	}
}

// TestCopyIsClone covers servers that have tasks.clone in place of tasks.copy.
func TestCopyIsClone(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	url := scripted(t, map[string]string{"tasks.clone": `"result": [{"id": "new"}, {"id": "sub", "parent_id": "new"}]`})
	if out, err := d.call(t.Context(), t, url, `"method": "tasks.copy", "params": {"task_id": "x", "recursive": true}`); err != nil || out.TaskID != "new" {
		t.Errorf("%+v, %+v", out, err)
	}
	if _, err := d.call(t.Context(), t, url, `"method": "tasks.copy", "params": {"task_id": "x", "copy_mode": "full"}`); err == nil || err.Field != "params.copy_mode" {
		t.Errorf("%+v", err)
	}
}
