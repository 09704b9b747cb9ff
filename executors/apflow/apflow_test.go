package apflow

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/internal/toxic"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, New())
}

type object = map[string]any

// server stores tasks as the protocol defines. The name of a task is its result:
// "completed", "failed" or "never".
type server struct {
	*httptest.Server
	mu      sync.Mutex
	tasks   map[string]object
	asked   []string
	streams bool
	cut     bool // streams end after the first event
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{tasks: map[string]object{}, streams: true}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	s.add("task-1", "completed", "")
	s.add("child-1", "completed", "task-1")
	s.add("bad", "failed", "")
	s.add("endless", "never", "")
	return s
}

func (s *server) add(id, name, parent string) object {
	task := object{"id": id, "name": name, "status": "pending", "progress": 0.0, "parent_id": parent, "result": nil, "error": nil, "polls": 0}
	s.tasks[id] = task
	return task
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	var request struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
	}
	if json.NewDecoder(r.Body).Decode(&request) != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if r.Header.Get("Authorization") == "Bearer wrong" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if strings.HasPrefix(request.Method, "system.") != (r.URL.Path == "/system") {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var params struct {
		TaskID    string   `json:"task_id"`
		ParentID  string   `json:"parent_id"`
		TaskIDs   []string `json:"task_ids"`
		Streaming bool     `json:"use_streaming"`
	}
	_ = json.Unmarshal(request.Params, &params)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, request.Method)
	reply := object{"jsonrpc": "2.0", "id": request.ID}
	result, failed := s.answer(request.Method, request.Params, params.TaskID, params.ParentID, params.TaskIDs)
	if reply["result"] = result; failed != nil {
		delete(reply, "result")
		reply["error"] = failed
	}
	if request.Method == "tasks.execute" && params.Streaming && s.streams && failed == nil {
		s.stream(w, reply, s.tasks[params.TaskID])
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(reply)
}

func (s *server) stream(w http.ResponseWriter, reply object, task object) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(v any) {
		text, _ := json.Marshal(v)
		_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
	}
	send(reply)
	if s.cut {
		return
	}
	send(object{"type": "progress", "task_id": task["id"], "status": "in_progress", "progress": 0.5, "message": "half"})
	s.finish(task)
	send(object{"type": "final", "task_id": task["id"], "status": task["status"], "error": task["error"], "final": true})
}

func (s *server) finish(task object) {
	switch task["name"] {
	case "completed":
		task["status"], task["progress"], task["result"] = "completed", 1.0, object{"sum": 7}
	case "failed":
		task["status"], task["error"] = "failed", "no disk"
	}
}

func (s *server) answer(method string, raw json.RawMessage, id, parent string, ids []string) (any, object) {
	missing := object{"code": -32602, "message": "Invalid params", "data": "Task " + id + " not found"}
	task := s.tasks[id]
	switch method {
	case "system.health":
		return object{"status": "healthy"}, nil
	case "tasks.create":
		var list []object
		if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
			return nil, object{"code": -32602, "message": "Invalid params"}
		}
		return s.add(fmt.Sprint(list[0]["id"]), "completed", ""), nil
	case "tasks.execute":
		switch {
		case task == nil:
			return nil, missing
		case id == "refused":
			return object{"success": false, "status": "failed", "task_id": id, "message": "no room"}, nil
		}
		task["status"] = "in_progress"
		return object{"success": true, "protocol": "jsonrpc", "root_task_id": id, "task_id": id, "status": "started"}, nil
	case "tasks.get", "tasks.detail":
		if task == nil {
			return nil, missing
		}
		if task["status"] == "in_progress" {
			if task["polls"] = task["polls"].(int) + 1; task["polls"].(int) > 2 {
				s.finish(task)
			}
		}
		return task, nil
	case "tasks.children":
		children := []object{}
		for _, each := range s.tasks {
			if each["parent_id"] == parent {
				children = append(children, each)
			}
		}
		return children, nil
	case "tasks.tree":
		tree := object{"children": []object{s.tasks["child-1"]}}
		for key, value := range task {
			tree[key] = value
		}
		return tree, nil
	case "tasks.list":
		return []object{s.tasks["task-1"]}, nil
	case "tasks.running.count":
		return object{"in_progress": 1, "pending": 0}, nil
	case "tasks.cancel":
		for _, each := range ids {
			s.tasks[each]["status"] = "cancelled"
		}
		return []object{{"task_id": ids[0], "status": "cancelled"}}, nil
	case "tasks.delete":
		return nil, object{"code": -32001, "message": "Permission denied"}
	}
	return nil, object{"code": -32601, "message": "Method not found"}
}

type caller struct{ registry *executors.Registry }

func newCaller(t *testing.T, cfg policy.Config) caller {
	t.Helper()
	cfg.Network.Allow = append(cfg.Network.Allow, "127.0.0.1")
	return caller{executortest.Registry(t, executortest.Policy(t, cfg), New())}
}

func (d caller) call(ctx context.Context, t *testing.T, base, more string) (output, *executors.Error) {
	t.Helper()
	resolved, refused := d.registry.ResolveInputs("apflow_api_executor", json.RawMessage(fmt.Sprintf(`{"base_url": %q, %s}`, base, more)))
	if refused != nil {
		return output{}, refused
	}
	outcome := d.registry.Invoke(ctx, "apflow_api_executor", &executors.Call{Inputs: resolved, Attempt: 1}, 0)
	var out output
	if len(outcome.Result) > 0 {
		if err := json.Unmarshal(outcome.Result, &out); err != nil {
			t.Fatalf("the result %s: %v", outcome.Result, err)
		}
	}
	return out, outcome.Err
}

func TestMethods(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	for _, c := range []struct {
		more   string
		result string // a part of it
		err    executors.ErrorType
		code   int
	}{
		{`"method": "system.health", "params": {}`, "healthy", "", 0},
		{`"method": "tasks.create", "params": [{"id": "new"}]`, `"id":"new"`, "", 0},
		{`"method": "tasks.get", "params": {"task_id": "task-1"}`, `"id":"task-1"`, "", 0},
		{`"method": "tasks.tree", "params": {"task_id": "task-1"}`, `"children":[{`, "", 0},
		{`"method": "tasks.children", "params": {"parent_id": "task-1"}`, "child-1", "", 0},
		{`"method": "tasks.list", "params": {}`, "task-1", "", 0},
		{`"method": "tasks.detail", "params": {"task_id": "task-1"}`, "task-1", "", 0},
		{`"method": "tasks.running.count", "params": {}`, "in_progress", "", 0},
		{`"method": "tasks.execute", "params": {"task_id": "task-1"}`, `"started"`, "", 0},
		{`"method": "tasks.cancel", "params": {"task_ids": ["task-1"]}`, `"cancelled"`, "", 0},
		{`"method": "tasks.get", "params": {"task_id": "none"}`, "", executors.ExecutionError, -32602},
		{`"method": "tasks.delete", "params": {"task_id": "task-1"}`, "", executors.PermissionDenied, -32001},
		{`"method": "tasks.copy", "params": {}`, "", executors.ExecutionError, -32601},
		{`"method": "tasks.get", "params": {}, "auth_token": "wrong"`, "", executors.AuthenticationError, 0},
		{`"method": "tasks.get", "params": {}, "auth_token": "a\nb"`, "", executors.ValidationError, 0},
		{`"method": "tasks.nonsense", "params": {}`, "", executors.ValidationError, 0},
		{`"method": "tasks.get"`, "", executors.ValidationError, 0},
	} {
		s := newServer(t)
		out, err := d.call(t.Context(), t, s.URL, c.more)
		if c.err == "" && (err != nil || !out.Success) || c.err != "" && (err == nil || err.Type != c.err || out.ErrorCode != c.code || out.Success) {
			t.Errorf("%s: %+v, %+v", c.more, out, err)
		}
		if !strings.Contains(string(out.Result), c.result) {
			t.Errorf("%s: %s", c.more, out.Result)
		}
	}
	for _, base := range []string{"http://10.0.0.1", "file:///etc/passwd", "http://169.254.169.254", "http://[::ffff:7f00:2]:1"} {
		if _, err := d.call(t.Context(), t, base, `"method": "tasks.get", "params": {}`); err == nil || err.Field != "base_url" {
			t.Errorf("%s: %+v", base, err)
		}
	}
}

func TestExecuteToTheEnd(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	for _, mode := range []string{`"wait_for_completion": true`, `"use_streaming": true`} {
		for _, change := range []func(*server){func(*server) {}, func(s *server) { s.streams = false }, func(s *server) { s.cut = true }} {
			s := newServer(t)
			s.add("refused", "refused", "")
			change(s)
			run := func(id string) (output, *executors.Error) {
				return d.call(t.Context(), t, s.URL, fmt.Sprintf(`"method": "tasks.execute", "params": {"task_id": %q}, "poll_interval": 0.05, %s`, id, mode))
			}
			out, err := run("task-1")
			if err != nil || out.Status != "completed" || out.TaskID != "task-1" || out.PollCount < 1 || string(out.Result) != `{"sum":7}` || len(out.Task) == 0 {
				t.Errorf("%s: %+v, %v", mode, out, err)
			}
			if out, err = run("bad"); err == nil || err.Type != executors.ExecutionError || !strings.Contains(err.Message, "no disk") || out.Status != "failed" || out.Success {
				t.Errorf("%s: %+v, %+v", mode, out, err)
			}
			if _, err = run("none"); err == nil || err.Code != "-32602" {
				t.Errorf("%s: %+v", mode, err)
			}
			if _, err = run("refused"); err == nil || !strings.Contains(err.Message, "no room") {
				t.Errorf("%s: %+v", mode, err)
			}
		}
	}
}

// TestCancelReachesTheServer checks that the end of a call cancels its task.
func TestCancelReachesTheServer(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	s := newServer(t)
	const more = `"method": "tasks.execute", "params": {"task_id": "endless"}, "wait_for_completion": true, "poll_interval": 0.05`
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			s.mu.Lock()
			begun := s.tasks["endless"]["polls"].(int) > 0
			s.mu.Unlock()
			if begun {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	out, err := d.call(ctx, t, s.URL, more)
	if err == nil || err.Type != executors.Cancelled || out.Status != "cancelled" {
		t.Errorf("%+v, %+v", out, err)
	}
	out, err = d.call(t.Context(), t, s.URL, more+`, "timeout": 0.5`)
	if err == nil || err.Type != executors.TimeoutError || out.TaskID != "endless" {
		t.Errorf("%+v, %+v", out, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := strings.Count(strings.Join(s.asked, " "), "tasks.cancel"); n != 2 {
		t.Errorf("cancelled %d times", n)
	}
}

func TestMisbehavingServers(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	for name, handler := range map[string]http.HandlerFunc{
		"no JSON":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no result": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) },
		"nothing":   func(http.ResponseWriter, *http.Request) {},
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		},
		"a failure": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		},
		"an endless event": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for {
				if _, err := w.Write([]byte("data: x\n")); err != nil {
					return
				}
			}
		},
	} {
		server := httptest.NewServer(handler)
		for _, more := range []string{`"method": "tasks.get", "params": {}`, `"method": "tasks.execute", "params": {"task_id": "x"}, "use_streaming": true`} {
			if _, err := d.call(t.Context(), t, server.URL, more); err == nil || err.Type == executors.TimeoutError {
				t.Errorf("%s: %+v", name, err)
			}
		}
		server.Close()
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"polling": `"wait_for_completion": true`, "streaming": `"use_streaming": true`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			toxic.Faults(t, toxic.Peer{
				Address: strings.TrimPrefix(s.URL, "http://"), Executor: "apflow_api_executor", Answer: "the end", Secret: "tok-en", Keeps: true,
				Open: func(tb testing.TB, address string) *executors.Registry {
					s.mu.Lock()
					s.add("for "+address, "completed", "")["note"] = strings.Repeat("x", 5000) + "the end"
					s.mu.Unlock()
					return executortest.Registry(tb, executortest.Policy(tb, policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}}), New())
				},
				Inputs: func(address string) string {
					return fmt.Sprintf(`{"base_url": "http://%s/", "auth_token": "tok-en", "method": "tasks.execute", "params": {"task_id": "for %[1]s"}, "poll_interval": 0.05, %s}`, address, more)
				},
			})
		})
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	d, s := newCaller(t, policy.Config{ReadOnly: true}), newServer(t)
	if _, err := d.call(t.Context(), t, s.URL, `"method": "tasks.list", "params": {}`); err != nil {
		t.Error(err)
	}
	if _, err := d.call(t.Context(), t, s.URL, `"method": "tasks.create", "params": [{}]`); err == nil || err.Type != executors.PermissionDenied {
		t.Error(err)
	}
}
