package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

const echoTree = `{"tasks":[{"id":"a","executor":"test_echo","inputs":{"text":"x"}},{"id":"b","executor":"test_echo","dependencies":["a"],"inputs":{"text":"y"}}],"wait_seconds":10}`

// The list finds runs by state, name and time, page by page.
func TestRuns(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	var ids []string
	for _, name := range []string{"Nightly", "nightly too", "other"} {
		ids = append(ids, s.run("", fmt.Sprintf(`{"document":{"name":%q,"tasks":[{"id":"a","executor":"test_echo","inputs":{"text":"x"}}]},"wait_seconds":10}`, name)))
	}
	later, sooner := time.Now().Add(time.Hour).UTC().Format(time.RFC3339), time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	for query, want := range map[string][]string{
		"":                 {ids[2], ids[1], ids[0]},
		"name=NIGHT":       {ids[1], ids[0]},
		"status=failed":    {},
		"status=completed": {ids[2], ids[1], ids[0]},
		"since=" + later:   {},
		"until=" + sooner:  {},
		"since=" + sooner + "&until=" + later + "&name=other": {ids[2]},
		"label=schedule%3Dx":              {},
		"limit=1":                         {ids[2]},
		"limit=1&cursor=" + ids[2]:        {ids[1]},
		"limit=2&name=n&cursor=" + ids[1]: {ids[0]},
	} {
		var list struct {
			Runs []struct {
				RunID string `json:"run_id"`
			}
		}
		s.send(http.MethodGet, "/api/runs?"+query, nil).into(t, &list)
		got := []string{}
		for _, run := range list.Runs {
			got = append(got, run.RunID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	for _, query := range []string{"since=yesterday", "limit=many", "limit=-1"} {
		if a := s.send(http.MethodGet, "/api/runs?"+query, nil); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

// A run has its layout, what its tasks wait for, and where its events go on.
func TestRun(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	id := s.run("", echoTree)
	var run struct {
		Status string
		Seq    int64
		Tasks  []struct {
			ID, Status string
			Needs      []string
		}
		Layout struct {
			Nodes, Edges []struct{ ID string }
		}
	}
	s.send(http.MethodGet, "/api/runs/"+id, nil).into(t, &run)
	if run.Status != "completed" || run.Seq == 0 || len(run.Tasks) != 2 || run.Tasks[1].Status != "completed" || !slices.Equal(run.Tasks[1].Needs, []string{"a"}) ||
		len(run.Layout.Nodes) != 2 || len(run.Layout.Edges) != 1 {
		t.Errorf("%+v", run)
	}
	var task struct {
		Status  string
		Size    int
		Source  struct{ Inputs map[string]string }
		History []struct{ State string }
		Result  json.RawMessage
	}
	s.send(http.MethodGet, "/api/runs/"+id+"/tasks/b", nil).into(t, &task)
	if task.Status != "completed" || task.Size != len(`{"text":"y"}`) || task.Source.Inputs["text"] != "y" || len(task.History) != 2 || task.Result != nil {
		t.Errorf("%+v", task)
	}
	var page struct {
		Text  string
		Next  *int `json:"next_offset"`
		Total int  `json:"total_bytes"`
	}
	if s.send(http.MethodGet, "/api/runs/"+id+"/tasks/b/result?offset=2&limit=4", nil).into(t, &page); page.Text != "text" || page.Next == nil || *page.Next != 6 || page.Total != 12 {
		t.Errorf("%+v", page)
	}
	for path, want := range map[string]int{
		"/api/runs/nothing": 404, "/api/runs/" + id + "/tasks/nothing": 404, "/api/runs/" + id + "/tasks/nothing/result": 404,
		"/api/runs/" + id + "/tree": 200, "/api/runs/" + id + "/layout?most=1&open=a": 200, "/api/nothing": 404, "/nothing": 404,
		"/api/runs/" + url.PathEscape("../x"): 404,
	} {
		if a := s.send(http.MethodGet, path, nil); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// followed is what the messages of a stream add up to.
type followed struct {
	seq    int64
	tasks  map[string]string
	done   int
	of     int
	status string
	end    string
}

func (f *followed) take(t *testing.T, m message) bool {
	t.Helper()
	var u struct {
		Seq    int64
		Status string
		Tasks  []struct {
			ID, Status string
			Elements   struct{ Done, Of int }
		}
	}
	if err := json.Unmarshal([]byte(m.data), &u); err != nil {
		t.Errorf("%v in %q", err, m.data)
	}
	if m.event == "end" {
		f.end = u.Status
		return false
	}
	if m.id != fmt.Sprint(u.Seq) || u.Seq <= f.seq {
		t.Errorf("message %q has the number %d after %d", m.id, u.Seq, f.seq)
	}
	f.seq = u.Seq
	for _, task := range u.Tasks {
		if task.Status != "" {
			f.tasks[task.ID] = task.Status
		}
		if task.Elements.Of > 0 {
			f.done, f.of = task.Elements.Done, task.Elements.Of
		}
	}
	if u.Status != "" {
		f.status = u.Status
	}
	return true
}

// A stream has every change once, from any number on, until the run has ended.
// Streams that follow the same run see the same.
func TestEvents(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	id := s.run("", `{"wait_seconds":0,"tasks":[
		{"id":"many","executor":"test_steps","for_each":"${{ [range(40)] }}","max_parallel":4,"inputs":{"steps":1,"delay_ms":5}},
		{"id":"after","executor":"test_echo","dependencies":["many"],"inputs":{"text":"x"}}]}`)
	path := "/api/runs/" + id + "/events"
	results := make([]followed, 4)
	executortest.Ends(t, "the stream", func() {
		done := make(chan struct{})
		for i := range results {
			go func() {
				defer func() { done <- struct{}{} }()
				f := &results[i]
				f.tasks = map[string]string{}
				if i == 3 { // it loses its connection after each message
					for f.end == "" {
						s.follow(path, func(m message) bool { f.take(t, m); return false }, "Last-Event-ID", fmt.Sprint(f.seq))
					}
					return
				}
				s.follow(path+"?after=0", func(m message) bool { return f.take(t, m) })
			}()
		}
		for range results {
			<-done
		}
	})
	for i, f := range results {
		if f.end != "completed" || f.tasks["many"] != "completed" || f.tasks["after"] != "completed" || f.done != 40 || f.of != 40 || f.seq != results[0].seq {
			t.Errorf("stream %d: %+v", i, f)
		}
	}
	var run struct {
		Seq   int64
		Tasks []struct {
			ID       string
			Elements struct{ Done, Of int }
		}
	}
	s.send(http.MethodGet, "/api/runs/"+id, nil).into(t, &run)
	if run.Seq != results[0].seq || run.Tasks[0].Elements.Done != 40 || run.Tasks[0].Elements.Of != 40 {
		t.Errorf("%+v", run)
	}
	var elements struct {
		Elements []struct {
			Index  int
			Status string
		}
		Total int
	}
	if s.send(http.MethodGet, "/api/runs/"+id+"/tasks/many/elements?offset=38", nil).into(t, &elements); elements.Total != 40 || len(elements.Elements) != 2 || elements.Elements[1].Index != 39 || elements.Elements[1].Status != "completed" {
		t.Errorf("%+v", elements)
	}
}

// A stream ends with its login.
func TestEventsEndWithTheServer(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	id := s.run("", `{"wait_seconds":0,"tasks":[{"id":"ask","approval":{"message":"Go?"}}]}`)
	executortest.Ends(t, "the stream", func() {
		s.follow("/api/runs/"+id+"/events", func(m message) bool {
			return !strings.Contains(m.data, `"waiting"`)
		})
	}) // the stream is still open when the server closes: goleak
}

type envelope struct {
	Status   string
	RunID    string `json:"run_id"`
	Question *struct{ Message, Subject string }
	Error    string
	Hint     string
}

// Writes are calls of the tools: a person agrees to what may destroy something,
// and exactly to that.
func TestWrites(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, asksFirst, toolstest.WithExecutors(toolstest.NewWiper()))
	write := func(path string, body any, want int) envelope {
		t.Helper()
		a := s.send(http.MethodPost, path, body)
		var e envelope
		if a.into(t, &e); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		return e
	}
	const runTree = "/api/tools/" + tools.RunTaskTree
	wipe := func(target string) map[string]any {
		return map[string]any{"wait_seconds": 10, "tasks": []any{map[string]any{"id": "w", "executor": "test_wipe", "inputs": map[string]string{"what": target}}}}
	}
	asked := write(runTree, map[string]any{"arguments": wipe("one")}, http.StatusConflict)
	if asked.Question == nil || !strings.Contains(asked.Question.Message, "test_wipe") {
		t.Fatalf("%+v", asked)
	}
	write(runTree, map[string]any{"arguments": wipe("two"), "agreed": asked.Question.Subject}, http.StatusConflict)
	write(runTree, map[string]any{"arguments": wipe("one"), "agreed": "yes"}, http.StatusConflict)
	done := write(runTree, map[string]any{"arguments": wipe("one"), "agreed": asked.Question.Subject}, http.StatusOK)
	if done.RunID == "" {
		t.Fatalf("%+v", done)
	}
	again := write("/api/runs/"+done.RunID+"/again", map[string]any{}, http.StatusConflict)
	if second := write("/api/runs/"+done.RunID+"/again", map[string]any{"agreed": again.Question.Subject}, http.StatusOK); second.RunID == "" || second.RunID == done.RunID {
		t.Errorf("%+v", second)
	}
	greet := write(runTree, map[string]any{"arguments": map[string]any{"tree": "greet", "inputs": map[string]string{"text": "hello"}, "wait_seconds": 10}}, http.StatusOK)
	if greet.Status != "completed" {
		t.Errorf("%+v", greet)
	}
	if e := write(runTree, map[string]any{"arguments": map[string]any{"tree": "greet"}}, http.StatusBadRequest); !strings.Contains(e.Error, "text") {
		t.Errorf("%+v", e)
	}
	for path, want := range map[string]int{
		"/api/tools/cancel_run": http.StatusNotFound, "/api/tools/retry_run": http.StatusNotFound, "/api/tools/test_wipe": http.StatusNotFound,
		"/api/tools/set_schedule": http.StatusForbidden, "/api/tools/answer_run": http.StatusNotFound,
	} {
		if a := s.send(http.MethodPost, path, map[string]any{"arguments": map[string]string{"run_id": "x"}}); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := s.send(http.MethodPost, runTree, json.RawMessage(`[1]`)); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.send(http.MethodPost, runTree, map[string]string{"x": strings.Repeat("x", 5<<20)}); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", a.status, a.body)
	}
	going := s.run("", `{"wait_seconds":0,"tasks":[{"id":"ask","approval":{"message":"Go?"}}]}`)
	if e := write("/api/tools/cancel_run", map[string]any{"arguments": map[string]string{"run_id": going}}, http.StatusOK); e.Status != "cancelled" {
		t.Errorf("%+v", e)
	}
}

// A person who has logged in answers; on an open server nobody does, and another
// principal never.
func TestAnswers(t *testing.T) {
	t.Parallel()
	open, s := serve(t, nil), serve(t, map[string]grant{secretToken: {principal: "bob"}, "eve's token": {principal: "eve"}, "no approver": {"bob", tools.Scopes{tools.ScopeRunsRead, tools.ScopeToolsCall}}})
	ask := func(s *site, principal string) (id, digest string) {
		t.Helper()
		id = s.run(principal, `{"wait_seconds":0,"tasks":[{"id":"ask","approval":{"message":"Go?"}},{"id":"go","executor":"test_echo","dependencies":["ask"],"inputs":{"text":"x"}}]}`)
		executortest.Await(t, "the question", func() bool {
			all, err := s.Set.Asked(tools.WithCaller(t.Context(), &tools.Caller{Principal: principal}), id)
			return err == nil && len(all) == 1
		})
		_, task, err := s.Runner.TaskResult(t.Context(), id, "ask", principal)
		if err != nil {
			t.Fatal(err)
		}
		return id, task.Approval.Digest
	}
	id, digest := ask(open, "")
	if a := open.send(http.MethodPost, "/api/runs/"+id+"/tasks/ask/answer", map[string]string{"decision": "approve", "digest": digest}); a.status != http.StatusForbidden {
		t.Errorf("on an open server: %d %s", a.status, a.body)
	}
	linked := open.cookie(map[string]string{"code": open.page.Code()})
	if a := open.send(http.MethodPost, "/api/runs/"+id+"/tasks/ask/answer", map[string]string{"decision": "approve", "digest": digest}, "Cookie", linked); a.status != http.StatusNotFound {
		t.Errorf("the login is that of ann: %d %s", a.status, a.body)
	}

	id, digest = ask(s, "bob")
	path := "/api/runs/" + id + "/tasks/ask/answer"
	approve := map[string]any{"decision": "approve", "digest": digest, "reason": "fine"}
	bob := s.cookie(map[string]string{"token": secretToken})
	for name, c := range map[string]struct {
		token string
		body  map[string]any
		want  int
	}{
		"another principal":   {"eve's token", approve, http.StatusNotFound},
		"without the scope":   {"no approver", approve, http.StatusForbidden},
		"another question":    {secretToken, map[string]any{"decision": "approve", "digest": "x"}, http.StatusBadRequest},
		"no question":         {secretToken, map[string]any{"decision": "approve"}, http.StatusBadRequest},
		"no decision":         {secretToken, map[string]any{"digest": digest}, http.StatusBadRequest},
		"an unknown decision": {secretToken, map[string]any{"digest": digest, "decision": "maybe"}, http.StatusBadRequest},
	} {
		if a := s.send(http.MethodPost, path, c.body, "Cookie", s.cookie(map[string]string{"token": c.token})); a.status != c.want {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	var waiting struct{ Waiting []struct{ Task string } }
	if s.send(http.MethodGet, "/api/approvals", nil, "Cookie", bob).into(t, &waiting); len(waiting.Waiting) != 1 || waiting.Waiting[0].Task != "ask" {
		t.Errorf("%+v", waiting)
	}
	if a := s.send(http.MethodPost, path, approve, "Cookie", bob); a.status != http.StatusOK || !strings.Contains(string(a.body), `"way":"page"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.send(http.MethodPost, path, approve, "Cookie", bob); a.status == http.StatusOK {
		t.Errorf("twice: %d %s", a.status, a.body)
	}
}
