package web_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/tools"
)

// The scopes of a token hold for everything that its login does.
func TestScopes(t *testing.T) {
	t.Parallel()
	id := ""
	for _, c := range []struct {
		scope string
		may   []string
	}{
		{tools.ScopeRunsRead, []string{"GET /api/runs", "GET /api/runs/ID", "GET /api/schedules", "GET /api/approvals"}},
		{tools.ScopeToolsRead, []string{"GET /api/trees", "GET /api/trees/greet", "GET /api/executors", "GET /api/executors/test_echo"}},
		{tools.ScopeToolsCall, []string{"POST /api/tools/run_task_tree"}},
		{tools.ScopeMetrics, nil},
	} {
		s := serve(t, map[string]grant{secretToken: {"bob", tools.Scopes{c.scope}}})
		id = s.run("bob", echoTree)
		cookie := s.cookie(map[string]string{"token": secretToken})
		for _, each := range []string{
			"GET /api/runs", "GET /api/runs/ID", "GET /api/schedules", "GET /api/approvals", "GET /api/trees", "GET /api/trees/greet",
			"GET /api/executors", "GET /api/executors/test_echo", "POST /api/tools/run_task_tree", "POST /api/tools/cancel_run", "POST /api/tools/set_schedule",
			"POST /api/runs/ID/again", "POST /api/runs/ID/tasks/a/answer",
		} {
			method, path, _ := strings.Cut(each, " ")
			var body any
			if method == http.MethodPost {
				body = map[string]any{"arguments": map[string]any{"tree": "greet", "inputs": map[string]string{"text": "x"}}, "decision": "approve", "digest": "x"}
			}
			a := s.send(method, strings.Replace(path, "ID", id, 1), body, "Cookie", cookie)
			if may := slices.Contains(c.may, each); may != (a.status == http.StatusOK) || !may && a.status != http.StatusForbidden {
				t.Errorf("%s: %s: %d %s", c.scope, each, a.status, a.body)
			}
		}
	}
	s := serve(t, map[string]grant{secretToken: {"bob", tools.Scopes{tools.ScopeToolsRead, tools.ScopeToolsCall, "tool:run_task_tree", "tool:test_echo"}}})
	cookie := s.cookie(map[string]string{"token": secretToken})
	var list struct{ Executors []struct{ ID string } }
	if s.send(http.MethodGet, "/api/executors", nil, "Cookie", cookie).into(t, &list); len(list.Executors) != 1 || list.Executors[0].ID != "test_echo" {
		t.Errorf("%+v", list)
	}
	tree := json.RawMessage(`{"arguments":{"tasks":[{"id":"a","executor":"test_big","inputs":{"bytes":1}}]}}`)
	if a := s.send(http.MethodPost, "/api/tools/run_task_tree", tree, "Cookie", cookie); a.status != http.StatusForbidden {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Saved trees have their form and their problems, executors what opens them.
func TestTreesAndExecutors(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	var trees struct {
		Trees []struct {
			Name, Title string
			Tasks       int
			Problems    []string
		}
	}
	if s.send(http.MethodGet, "/api/trees", nil).into(t, &trees); len(trees.Trees) != 2 || trees.Trees[0].Name != "broken" || len(trees.Trees[0].Problems) == 0 ||
		trees.Trees[1].Title != "Greeting" || trees.Trees[1].Tasks != 1 {
		t.Errorf("%+v", trees)
	}
	if a := s.send(http.MethodGet, "/api/trees/greet", nil); !strings.Contains(string(a.body), `"title":"Words"`) || !strings.Contains(string(a.body), `"layout"`) {
		t.Errorf("%s", a.body)
	}
	if a := s.send(http.MethodGet, "/api/trees/nothing", nil); a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.send(http.MethodGet, "/api/executors", nil); !strings.Contains(string(a.body), `"id":"test_echo"`) || !strings.Contains(string(a.body), `"open":true`) {
		t.Errorf("%s", a.body)
	}
	if a := s.send(http.MethodGet, "/api/executors/test_echo", nil); !strings.Contains(string(a.body), `"input_schema"`) {
		t.Errorf("%s", a.body)
	}
}

// The log of a task is read from a place on, for all elements or one.
func TestLog(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	id := s.run("", echoTree)
	for path, want := range map[string]int{
		"a/log": http.StatusOK, "a/log?after=5&element=0": http.StatusOK, "nothing/log": http.StatusNotFound, "a/log?after=-1": http.StatusBadRequest, "a/log?element=x": http.StatusBadRequest,
	} {
		a := s.send(http.MethodGet, "/api/runs/"+id+"/tasks/"+path, nil)
		if a.status != want || want == http.StatusOK && !strings.Contains(string(a.body), `"ended":true`) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}
