package apflow

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// generations are the APIs and the real servers that have them.
var generations = []generation{{"tasks", peers.ApflowTasks}, {"modules", peers.ApflowModules}}

type generation struct{ api, version string }

// Tasks of both servers: sums succeeds, fails fails, waits waits at the gate.
const (
	sums  = `"schemas": {"method": "aggregate_results_executor"}`
	fails = `"schemas": {"method": "rest_executor"}, "inputs": {"url": "http:///nowhere"}`
	waits = `"schemas": {"method": "rest_executor"}, "inputs": {"url": "http://1.1.1.1/", "timeout": 300}`
)

type realServer struct {
	caller
	generation
	*peers.Apflow
	t       *testing.T
	arrived chan struct{} // tasks at the gate
	release func()        // ends their calls
}

func startReal(t *testing.T, g generation, secret string) *realServer {
	t.Helper()
	arrived := make(chan struct{}, 10)
	gate := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(gate.Close)
	t.Cleanup(gate.CloseClientConnections)
	return &realServer{newCaller(t, policy.Config{}), g, peers.StartApflow(t, g.version, secret, gate.URL), t, arrived, gate.CloseClientConnections}
}

// arrives waits until a task is at the gate.
func (r *realServer) arrives(ctx context.Context) {
	select {
	case <-r.arrived:
	case <-ctx.Done():
	case <-time.After(time.Minute):
		r.t.Error("no task arrives")
	}
}

func (r *realServer) do(method, params string, more ...string) (output, *executors.Error) {
	r.t.Helper()
	return r.during(r.t.Context(), method, params, more...)
}

func (r *realServer) during(ctx context.Context, method, params string, more ...string) (output, *executors.Error) {
	r.t.Helper()
	rest := strings.Join(append([]string{fmt.Sprintf(`"method": %q, "params": %s, "timeout": 60`, method, params)}, more...), ", ")
	return r.call(ctx, r.t, r.URL, rest)
}

// must calls a method that succeeds, and decodes its result.
func (r *realServer) must(into any, method, params string, more ...string) output {
	r.t.Helper()
	out, err := r.do(method, params, more...)
	if err != nil || !out.Success {
		r.t.Fatalf("%s %s: %+v, %s", method, params, err, out.Result)
	}
	if into != nil {
		if err := json.Unmarshal(out.Result, into); err != nil {
			r.t.Fatalf("%s %s: %v: %s", method, params, err, out.Result)
		}
	}
	return out
}

type remoteTask struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Parent string `json:"parent_id"`
	Status string `json:"status"`
	Count  *int   `json:"count"`
}

const (
	polling   = `"wait_for_completion": true, "poll_interval": 0.1`
	streaming = `"use_streaming": true, "poll_interval": 0.1`
)

func TestReal(t *testing.T) {
	for _, g := range generations {
		t.Run(g.api, func(t *testing.T) {
			server := startReal(t, g, "")
			for _, part := range []struct {
				name string
				test func(*realServer)
			}{
				{"create, read and delete", readsAndWrites}, // first: nothing runs yet
				{"execute", executes}, {"failures", fail}, {"refusals", refuses}, {"cancel", cancels}, {"a said API", said},
			} {
				t.Run(part.name, func(t *testing.T) {
					one := *server
					one.t = t
					part.test(&one)
				})
			}
		})
	}
}

func readsAndWrites(r *realServer) {
	var one remoteTask
	var list []remoteTask
	r.must(&one, "system.health", `{}`)
	if one.Status != "healthy" && one.Status != "ok" {
		r.t.Errorf("health: %+v", one)
	}
	out := r.must(&one, "tasks.create", `{"id": "single", "name": "Single", `+sums+`}`)
	if one.ID != "single" || one.Status != "pending" || out.TaskID != "single" || out.Status != "pending" {
		r.t.Errorf("one task: %+v, %+v", one, out)
	}
	out = r.must(&list, "tasks.create", `[{"id": "root", "name": "Root", "parent_id": null, `+sums+`, "dependencies": [{"id": "leaf", "required": true}]},
		{"id": "leaf", "name": "Leaf", "parent_id": "root", `+sums+`}]`)
	if len(list) != 2 || list[0].ID != "root" || list[1].Parent != "root" || out.TaskID != "root" {
		r.t.Errorf("a tree: %+v, %+v", list, out)
	}
	for method, params := range map[string]string{"tasks.get": `{"task_id": "root"}`, "tasks.detail": `{"task_id": "root"}`, "tasks.update": `{"task_id": "root", "name": "Root"}`} {
		if r.must(&one, method, params); one.ID != "root" || one.Name != "Root" {
			r.t.Errorf("%s: %+v", method, one)
		}
	}
	if out := r.must(nil, "tasks.tree", `{"task_id": "root"}`); !strings.Contains(string(out.Result), `"id":"leaf"`) {
		r.t.Errorf("tree: %s", out.Result)
	}
	for _, params := range []string{`{"parent_id": "root"}`, `{"task_id": "root"}`} {
		if r.must(&list, "tasks.children", params); len(list) != 1 || list[0].ID != "leaf" {
			r.t.Errorf("children %s: %+v", params, list)
		}
	}
	if r.must(&list, "tasks.children", `{"parent_id": "leaf"}`); len(list) != 0 {
		r.t.Errorf("children of a leaf: %+v", list)
	}
	r.must(&list, "tasks.list", `{"status": "pending", "limit": 50}`)
	if found := fmt.Sprint(list); !strings.Contains(found, "single") || !strings.Contains(found, "root") {
		r.t.Errorf("list: %s", found)
	}
	if r.must(&list, "tasks.running.list", `{}`); len(list) != 0 {
		r.t.Errorf("running: %+v", list)
	}
	if r.must(&one, "tasks.running.count", `{}`); one.Count == nil || *one.Count != 0 {
		r.t.Errorf("count: %+v", one)
	}
	out = r.must(&list, "tasks.copy", `{"task_id": "root", "recursive": true}`)
	if len(list) != 2 || list[0].ID == "root" || list[0].Name != "Root" || list[1].Parent != list[0].ID || out.TaskID != list[0].ID {
		r.t.Errorf("copy: %+v, %+v", list, out)
	}
	if out := r.must(nil, "tasks.delete", `{"task_id": "single"}`); out.TaskID != "single" {
		r.t.Errorf("delete: %+v", out)
	}
	if _, err := r.do("tasks.get", `{"task_id": "single"}`); err == nil || err.Type != executors.NotFound {
		r.t.Errorf("a deleted task: %+v", err)
	}
}

func executes(r *realServer) {
	for i, mode := range []string{polling, streaming} {
		id := fmt.Sprintf("top-%d", i)
		r.must(nil, "tasks.create", fmt.Sprintf(`[{"id": %q, "name": "Top", %s, "dependencies": [{"id": "%[1]s-sub", "required": true}]},
			{"id": "%[1]s-sub", "name": "Sub", "parent_id": %[1]q, %[2]s}]`, id, sums))
		out := r.must(nil, "tasks.execute", fmt.Sprintf(`{"task_id": %q}`, id), mode)
		if out.Status != "completed" || out.TaskID != id || out.PollCount < 1 || !strings.Contains(string(out.Result), "summary") || !strings.Contains(string(out.Task), id) {
			r.t.Errorf("%s: %+v, %s", mode, out, out.Result)
		}
		var list []remoteTask
		if r.must(&list, "tasks.children", fmt.Sprintf(`{"parent_id": %q}`, id)); list[0].Status != "completed" {
			r.t.Errorf("%s: %+v", mode, list)
		}
	}
	// Without waiting the call returns at once.
	r.must(nil, "tasks.create", `{"id": "later", "name": "Later", `+sums+`}`)
	if out := r.must(nil, "tasks.execute", `{"task_id": "later", "use_streaming": true}`); out.Status != "started" || out.TaskID != "later" {
		r.t.Errorf("started: %+v", out)
	}
	for range 600 {
		if out := r.must(nil, "tasks.get", `{"task_id": "later"}`); out.Status == "completed" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	r.t.Error("the task that was started is not completed")
}

// fail covers tasks that fail: alone, as one that others depend on, and beside a
// root that is completed.
func fail(r *realServer) {
	const child = `{"id": "ID-sub", "name": "Sub", "parent_id": "ID", ` + fails + `}`
	for name, tree := range map[string]string{
		"alone":      `[{"id": "ID", "name": "Top", ` + fails + `}]`,
		"depends":    `[{"id": "ID", "name": "Top", ` + sums + `, "dependencies": [{"id": "ID-sub", "required": true}]}, ` + child + `]`,
		"beside":     `[{"id": "ID", "name": "Top", ` + sums + `}, ` + child + `]`,
		"no program": `[{"id": "ID", "name": "Top", "schemas": {"method": "no_such_executor"}}]`,
	} {
		for i, mode := range []string{polling, streaming} {
			id := fmt.Sprintf("%s-%d", strings.ReplaceAll(name, " ", "-"), i)
			r.must(nil, "tasks.create", strings.ReplaceAll(tree, "ID", id))
			out, err := r.do("tasks.execute", fmt.Sprintf(`{"task_id": %q}`, id), mode)
			if err == nil || err.Type != executors.ExecutionError || out.Status != "failed" || out.Success || out.TaskID != id {
				r.t.Errorf("%s, %s: %s, %+v", name, mode, out.Task, err)
			}
			if wants := id + "-sub: "; err != nil && strings.Contains(tree, "-sub") && !strings.Contains(err.Message, wants) {
				r.t.Errorf("%s, %s: %+v", name, mode, err)
			}
		}
	}
}

func refuses(r *realServer) {
	r.must(nil, "tasks.create", `{"id": "done", "name": "Done", `+sums+`}`)
	r.must(nil, "tasks.execute", `{"task_id": "done"}`, polling)
	type refused struct {
		method, params string
		kind           executors.ErrorType
		says           string
	}
	list := []refused{
		{"tasks.get", `{"task_id": "none"}`, executors.NotFound, ""},
		{"tasks.detail", `{"task_id": "none"}`, executors.NotFound, ""},
		{"tasks.get", `{}`, executors.ExecutionError, ""},
		{"tasks.tree", `{"task_id": "none"}`, "", "none"},
		{"tasks.children", `{"parent_id": "none"}`, "", "none"},
		{"tasks.update", `{"task_id": "none", "name": "x"}`, "", "none"},
		{"tasks.delete", `{"task_id": "none"}`, "", "none"},
		{"tasks.copy", `{"task_id": "none"}`, "", "none"},
		{"tasks.delete", `{"task_id": "done"}`, "", ""},
		{"tasks.execute", `{"task_id": "none"}`, executors.ExecutionError, ""},
		{"tasks.execute", `{}`, executors.ExecutionError, ""},
		{"tasks.cancel", `{"task_ids": ["none"]}`, executors.ExecutionError, "none not found"},
		{"tasks.cancel", `{"task_ids": ["none", "done"]}`, executors.ExecutionError, "already completed"},
		{"tasks.cancel", `{"task_ids": []}`, "", "task_ids"},
		{"tasks.create", `[{"id": "a", "name": "A"}, {"id": "b", "name": "B"}]`, "", ""},
		{"tasks.create", `{"id": "done", "name": "Again"}`, "", "done"},
		{"tasks.copy", `{"task_id": "done", "copy_mode": "full"}`, executors.ValidationError, "copy_mode"},
		{"tasks.generate", `{"requirement": "x"}`, "", ""},
		{"tasks.running.status", `{"task_ids": ["none"]}`, "", ""},
	}
	if r.api == "modules" {
		list = append(list,
			refused{"tasks.generate", `{"requirement": "x"}`, executors.ValidationError, "tasks.generate has no counterpart"},
			refused{"tasks.running.status", `{"task_ids": ["done"]}`, executors.ValidationError, "no counterpart"},
			refused{"tasks.execute", `{"task_id": "done"}`, executors.ExecutionError, "runs a task once"},
			refused{"tasks.create", `{"name": "x", "schedule_type": "daily"}`, executors.ValidationError, "schedule_type"},
			refused{"tasks.create", `{"name": "x", "schemas": {"method": "a", "type": "b"}}`, executors.ValidationError, "type"},
			refused{"tasks.create", `{"name": "x", "schemas": {"method": "a"}, "params": {"executor_id": "b"}}`, executors.ValidationError, "two executors"},
			refused{"tasks.create", `{"name": ""}`, executors.ExecutionError, "name"},
			refused{"tasks.list", `{"root_only": true}`, executors.ValidationError, "root_only"},
			refused{"tasks.list", `{"status": "bogus"}`, executors.ExecutionError, "bogus"},
			refused{"tasks.get", `[]`, executors.ValidationError, "object"},
		)
	}
	for _, c := range list {
		out, err := r.do(c.method, c.params)
		if err == nil || out.Success || c.kind != "" && err.Type != c.kind || !strings.Contains(err.Message, c.says) {
			r.t.Errorf("%s %s: %+v, %s", c.method, c.params, err, out.Result)
		}
		if err != nil {
			r.t.Logf("%s %s: %s: %s [%s] %s (%s)", c.method, c.params, err.Type, err.Message, err.Code, err.Field, err.Hint)
		}
	}
}

// cancels covers a cancel by a call, and the one at the end of a call that waits.
func cancels(r *realServer) {
	for i, mode := range []string{polling, streaming} {
		id := fmt.Sprintf("endless-%d", i)
		r.must(nil, "tasks.create", fmt.Sprintf(`{"id": %q, "name": "Wait", %s}`, id, waits))
		ctx, stop := context.WithCancel(r.t.Context())
		go func() {
			r.arrives(ctx)
			stop()
		}()
		out, err := r.during(ctx, "tasks.execute", fmt.Sprintf(`{"task_id": %q}`, id), mode)
		stop()
		r.release() // the server may let its task go on
		if err == nil || err.Type != executors.Cancelled || out.TaskID != id || !strings.HasPrefix(out.Status, "cancel") {
			r.t.Errorf("%s: %q, %s, %+v", mode, out.Status, out.Task, err)
		}
	}
	r.must(nil, "tasks.create", `{"id": "asked", "name": "Wait", `+waits+`}`)
	var list []remoteTask
	if r.api == "modules" { // apflow 0.18 does not answer here until the task is over
		r.must(nil, "tasks.execute", `{"task_id": "asked"}`)
		r.arrives(r.t.Context())
		if r.must(&list, "tasks.running.list", `{}`); !strings.Contains(fmt.Sprint(list), "asked") {
			r.t.Errorf("running: %+v", list)
		}
		if out := r.must(nil, "tasks.execute", `{"task_id": "asked"}`); out.Status != "already_running" {
			r.t.Errorf("a second start: %+v", out)
		}
	}
	if r.must(&list, "tasks.cancel", `{"task_ids": ["asked"]}`); len(list) != 1 || !strings.HasPrefix(list[0].Status, "cancel") {
		r.t.Errorf("cancel: %+v", list)
	}
}

// said covers the setting api: the right one, and the wrong one.
func said(r *realServer) {
	for _, api := range []string{"tasks", "modules"} {
		out, err := r.do("tasks.list", `{}`, fmt.Sprintf(`"api": %q`, api))
		if (api == r.api) != (err == nil && out.Success) || err != nil && (!strings.Contains(err.Hint, "leave out api") || err.Type != executors.NotFound) {
			r.t.Errorf("%s: %+v, %s", api, err, out.Result)
		}
	}
	if _, err := r.call(r.t.Context(), r.t, r.URL+"/docs/none", `"method": "tasks.list", "params": {}`); err == nil || !strings.Contains(err.Hint, "neither") {
		r.t.Errorf("another path: %+v", err)
	}
}

// TestRealDies kills the server while a task runs.
func TestRealDies(t *testing.T) {
	for _, g := range generations {
		for _, mode := range []string{polling, streaming} {
			t.Run(g.api+" "+mode, func(t *testing.T) {
				r := startReal(t, g, "")
				r.must(nil, "tasks.create", `{"id": "orphan", "name": "Wait", `+waits+`}`)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go func() {
					r.arrives(ctx)
					r.Kill()
				}()
				out, err := r.during(ctx, "tasks.execute", `{"task_id": "orphan"}`, mode)
				if err == nil || err.Type != executors.NetworkError || out.TaskID != "orphan" || out.Success {
					t.Errorf("%+v, %+v", out, err)
				}
			})
		}
	}
}

// TestRealTokens covers servers that demand a token.
func TestRealTokens(t *testing.T) {
	const secret = "a secret of thirty-two characters"
	for _, g := range generations {
		t.Run(g.api, func(t *testing.T) {
			r := startReal(t, g, secret)
			for token, allowed := range map[string]bool{"": false, signed("ann", "another secret of 32 characters."): false, signed("ann", secret): true} {
				auth := `"headers": {}`
				if token != "" {
					auth = fmt.Sprintf(`"auth_token": %q`, token)
				}
				_, err := r.do("tasks.list", `{}`, auth)
				if allowed != (err == nil) || err != nil && err.Type != executors.AuthenticationError {
					t.Errorf("%q: %+v", token, err)
				}
			}
			ann, bob := fmt.Sprintf(`"auth_token": %q`, signed("ann", secret)), fmt.Sprintf(`"auth_token": %q`, signed("bob", secret))
			r.must(nil, "tasks.create", `{"id": "hers", "name": "Hers", `+sums+`}`, ann)
			r.must(nil, "tasks.execute", `{"task_id": "hers"}`, ann, polling)
			for method, params := range map[string]string{"tasks.get": `{"task_id": "hers"}`, "tasks.delete": `{"task_id": "hers"}`, "tasks.cancel": `{"task_ids": ["hers"]}`} {
				out, err := r.do(method, params, bob)
				if err == nil || err.Type != executors.PermissionDenied {
					t.Errorf("%s by another: %+v, %s", method, err, out.Result)
				}
			}
		})
	}
}

// signed returns a token for a user (HS256).
func signed(user, secret string) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	text := part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(fmt.Sprintf(`{"sub":%q,"user_id":%[1]q}`, user))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
