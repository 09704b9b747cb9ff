package mcp

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

const (
	askTree  = `{"wait_seconds":30,"tasks":[{"id":"ask","approval":{"message":"Deploy?"}},{"id":"go","executor":"test_echo","dependencies":["ask"],"inputs":{"text":"go"}}]}`
	formTree = `{"wait_seconds":30,"tasks":[{"id":"ask","approval":{"message":"How much?","schema":{"properties":{"amount":{"type":"number"},"note":{"type":"string"}},"required":["amount"]}}},
		{"id":"go","executor":"test_echo","inputs":{"text":"${{ tasks.ask.result.amount | tostring }}"}}]}`
	deepTree = `{"wait_seconds":1,"tasks":[{"id":"ask","approval":{"message":"Which?","schema":{"properties":{"list":{"type":"array"}}}}}]}`
)

// shownRun is the envelope of a run.
type shownRun struct {
	Status   string   `json:"status"`
	RunID    string   `json:"run_id"`
	Error    string   `json:"error"`
	Warnings []string `json:"warnings"`
	Result   struct {
		Tasks []chain.TaskView `json:"tasks"`
	} `json:"result"`
}

func runOf(t *testing.T, r roundReply) (v shownRun) {
	t.Helper()
	if r.Result.Structured == nil {
		t.Fatalf("no result: %+v", r)
	}
	unmarshal(t, r.Result.Structured, &v)
	return v
}

func (a *asking) runs() []chain.RunSummary {
	a.t.Helper()
	list, _, err := a.Runner.List(a.t.Context(), chain.ListOptions{Limit: 10})
	if err != nil {
		a.t.Fatal(err)
	}
	return list
}

// In the newest revision the reply of a call that waits for a run is the question,
// and the next round has the person's answer. The call starts nothing twice.
func TestApprovalInRounds(t *testing.T) {
	t.Parallel()
	for responses, want := range map[string]string{yes: "completed", no: "failed", noIdea: "in_progress"} {
		a := newAsking(t, 0)
		first := a.round(tools.RunTaskTree, askTree, "", "")
		if !first.asked() || !strings.Contains(string(first.Result.Requests["confirm"]), `> Deploy?`) {
			t.Fatalf("the first round: %+v", first)
		}
		state := first.Result.State
		for name, try := range map[string]roundReply{
			"another tool":  a.round(tools.RetryRun, askTree, state, yes),
			"other inputs":  a.round(tools.RunTaskTree, formTree, state, yes),
			"a forged one":  a.round(tools.RunTaskTree, askTree, "x"+state, yes),
			"another run's": a.round(tools.RunTaskTree, askTree, state+"0", yes),
		} {
			if v := runOf(t, try); v.Status == "completed" {
				t.Errorf("%s: %+v", name, v)
			}
		}
		second := a.round(tools.RunTaskTree, askTree, state, responses)
		if v := runOf(t, second); second.asked() || v.Status != want || len(a.runs()) != 1 {
			t.Errorf("%s: %+v, %d runs", responses, v, len(a.runs()))
		}
		third := a.round(tools.RunTaskTree, askTree, state, yes)
		if want != "in_progress" {
			if v := runOf(t, third); v.Status != want {
				t.Errorf("%s, used again: %+v", responses, v)
			}
			continue
		}
		// A question that was closed is asked again by a call that waits.
		id := a.runs()[0].RunID
		again := a.round(tools.GetRun, `{"run_id":"`+id+`","wait_seconds":30}`, "", "")
		if !again.asked() {
			t.Fatalf("asked again: %+v", again)
		}
		if v := runOf(t, a.round(tools.GetRun, `{"run_id":"`+id+`","wait_seconds":30}`, again.Result.State, yes)); v.Status != "completed" {
			t.Errorf("after all: %+v", v)
		}
	}
}

// A form has the fields of the answer, if they are of plain types.
func TestApprovalForms(t *testing.T) {
	t.Parallel()
	a := newAsking(t, 0)
	first := a.round(tools.RunTaskTree, formTree, "", "")
	var shown struct {
		Params struct {
			Schema json.RawMessage `json:"requestedSchema"`
		}
	}
	unmarshal(t, first.Result.Requests["confirm"], &shown)
	if !first.asked() || !strings.Contains(string(shown.Params.Schema), `"amount":{"type":"number"}`) || !strings.Contains(string(shown.Params.Schema), `"required":["amount"]`) {
		t.Fatalf("the form: %s", first.Result.Requests["confirm"])
	}
	wrong := a.round(tools.RunTaskTree, formTree, first.Result.State, `{"confirm":{"action":"accept","content":{"amount":"x"}}}`)
	if v := runOf(t, wrong); !strings.Contains(v.Error, "does not fit the question") {
		t.Errorf("a wrong answer: %+v", v)
	}
	id := a.runs()[0].RunID
	call := `{"run_id":"` + id + `","wait_seconds":30}`
	again := a.round(tools.GetRun, call, "", "")
	done := a.round(tools.GetRun, call, again.Result.State, `{"confirm":{"action":"accept","content":{"amount":7,"note":null}}}`)
	if v := runOf(t, done); v.Status != "completed" || string(v.Result.Tasks[0].Result) != `{"amount":7}` {
		t.Errorf("a right answer: %+v", v)
	}
	// Others can't be shown: the run waits, and says who can answer.
	deep := a.round(tools.RunTaskTree, deepTree, "", "")
	if v := runOf(t, deep); deep.asked() || v.Status != "in_progress" || !slices.ContainsFunc(v.Warnings, func(w string) bool { return strings.Contains(w, "chainwright approve "+v.RunID) }) {
		t.Errorf("a deep answer: %+v", v)
	}
}

// Clients of older revisions are asked while the call waits.
func TestApprovalWithinACall(t *testing.T) {
	t.Parallel()
	for said, want := range map[tools.Decision]string{tools.Accepted: "completed", tools.Declined: "failed"} {
		a := newAsking(t, 0)
		var heard atomic.Int32
		within := WithPeer(t.Context(), &Peer{Ask: func(_ context.Context, q *tools.Question) (tools.Reply, error) {
			heard.Add(1)
			if !strings.Contains(q.Message, "> Deploy?") {
				t.Errorf("asked %q", q.Message)
			}
			return tools.Reply{Decision: said}, nil
		}})
		res := a.send(within, &Call{Name: tools.RunTaskTree, Arguments: json.RawMessage(askTree)})
		v := runOf(t, res)
		if v.Status != want || heard.Load() != 1 {
			t.Errorf("%s: %+v, asked %d times", said, v, heard.Load())
		}
		if got, err := a.Runner.Get(t.Context(), v.RunID, ""); err != nil || got.Tasks[0].Approval.Answer.Way != chain.WayElicitation || got.Tasks[0].Approval.Answer.Digest != got.Tasks[0].Approval.Digest {
			t.Errorf("the record: %+v, %v", got, err)
		}
	}
	// The question is withdrawn when it is answered elsewhere.
	a := newAsking(t, 0)
	within := WithPeer(t.Context(), &Peer{Ask: func(ctx context.Context, _ *tools.Question) (tools.Reply, error) {
		list, err := a.Runner.Approvals(t.Context(), chain.ApprovalOptions{})
		if err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
			return tools.Reply{}, nil
		}
		if _, err := a.Runner.Answer(t.Context(), list[0].RunID, "ask", chain.Answer{Decision: chain.Approved, Way: chain.WayTerminal}); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		return tools.Reply{}, ctx.Err()
	}})
	if v := runOf(t, a.send(within, &Call{Name: tools.RunTaskTree, Arguments: json.RawMessage(askTree)})); v.Status != "completed" {
		t.Errorf("answered elsewhere: %+v", v)
	}
}

// An assistant tries every published tool, and can't approve what its own run
// asks, in any form that a call can have.
func TestAssistantCannotApprove(t *testing.T) {
	t.Parallel()
	a := newAsking(t, 0, toolstest.WithPolicy(policy.Config{Confirm: policy.ConfirmNever, Approvals: policy.Approvals{Tool: true}}))
	started := a.send(t.Context(), &Call{Name: tools.RunTaskTree, Arguments: json.RawMessage(strings.Replace(askTree, `"wait_seconds":30`, `"wait_seconds":0`, 1))})
	id := runOf(t, started).RunID
	for end := time.Now().Add(executortest.Patience); ; time.Sleep(5 * time.Millisecond) {
		if _, task, err := a.Runner.TaskResult(t.Context(), id, "ask", ""); err == nil && task.Status == chain.Waiting {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not ask")
		}
	}
	published := a.Set.Tools()
	if !slices.ContainsFunc(published, func(tool tools.Tool) bool { return tool.Name == tools.AnswerRun }) {
		t.Fatal("answer_run is not published")
	}
	for _, tool := range published {
		if tool.Name == tools.CancelRun {
			continue // it ends the run, which approves nothing
		}
		for _, arguments := range []string{
			`{"run_id":"` + id + `","task":"ask","decision":"approve"}`,
			`{"run_id":"` + id + `","task":"ask","decision":"approve","value":{"approved":true}}`,
			`{"run_id":"` + id + `","task":"ask","approved":true,"way":"terminal","principal":"op"}`,
			`{"run_id":"` + id + `","tasks":["ask"]}`,
			`{"run_id":"` + id + `","task":"ask"}`,
			`{"run_id":"` + id + `","wait_seconds":0.2}`,
			`{"tasks":[{"id":"a","executor":"` + tool.Name + `","inputs":{"run_id":"` + id + `","task":"ask","decision":"approve"}}],"wait_seconds":1}`,
			`{"executor":"answer_run","inputs":{"run_id":"` + id + `","task":"ask","decision":"approve"}}`,
		} {
			for _, c := range []*Call{
				{Name: tool.Name, Arguments: json.RawMessage(arguments)},
				{Name: tool.Name, Arguments: json.RawMessage(arguments), Version: "2026-07-28", capabilities: json.RawMessage(`{}`), state: "x~" + id, responses: json.RawMessage(yes)},
				{Name: tool.Name, Arguments: json.RawMessage(arguments), Version: "2026-07-28", capabilities: json.RawMessage(`{}`), state: "2." + strings.Repeat("A", 300) + "~" + id, responses: json.RawMessage(yes)},
			} {
				a.send(t.Context(), c)
			}
		}
		_, task, err := a.Runner.TaskResult(t.Context(), id, "ask", "")
		if err != nil || task.Status != chain.Waiting || task.Approval.Answer != nil {
			t.Fatalf("after %s the task is %+v, %v", tool.Name, task, err)
		}
	}
	// Another principal may, since policy opens the tool.
	other := tools.WithCaller(t.Context(), &tools.Caller{Principal: "another", Stream: t.Context()})
	res := a.send(other, &Call{Name: tools.AnswerRun, Arguments: json.RawMessage(`{}`)})
	if !strings.Contains(string(res.Result.Structured), id) {
		t.Errorf("what another sees: %s", res.Result.Structured)
	}
	res = a.send(other, &Call{Name: tools.AnswerRun, Arguments: json.RawMessage(`{"run_id":"` + id + `","task":"ask","decision":"approve"}`)})
	if res.Result.IsError || !strings.Contains(string(res.Result.Structured), `"way":"tool"`) {
		t.Errorf("another answers: %s", res.Result.Structured)
	}
	// Without the switch there is no such tool.
	if tool, ok := newAsking(t, 0).Set.Lookup(tools.AnswerRun); ok {
		t.Errorf("%s is published without policy.approvals.tool", tool.Name)
	}
}

// A call that became a task asks with tasks/get, and tasks/update answers. A client
// that shows no forms is told that the task works on.
func TestApprovalOfATask(t *testing.T) {
	t.Parallel()
	const formless = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`
	for name, c := range map[string]struct{ tree, response, status, text string }{
		"accepted":        {askTree, `{"action":"accept"}`, "completed", "go"},
		"declined":        {askTree, `{"action":"decline"}`, "failed", "rejected"},
		"closed":          {askTree, `{"action":"cancel"}`, "", ""},
		"filled in":       {formTree, `{"action":"accept","content":{"amount":7}}`, "completed", "7"},
		"wrongly filled":  {formTree, `{"action":"accept","content":{"amount":"much"}}`, "", "amount"},
		"not an answer":   {askTree, `{"approve":true}`, "", "action"},
		"another's":       {askTree, "", "", ""},
		"deep, no form":   {deepTree, "", "", ""},
		"of another name": {askTree, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := stack(t)
			a := &asker{t: t, srv: New(made.Set, Options{TaskAfter: time.Nanosecond})}
			id := a.ask("tools/call", named(tools.RunTaskTree, c.tree)+","+taking).Result.ID
			get := func(meta string) taskReply { return a.ask("tasks/get", `"taskId":"`+id+`",`+meta) }
			var r taskReply
			executortest.Await(t, "the task waits", func() bool {
				list, err := made.Runner.Approvals(t.Context(), chain.ApprovalOptions{RunID: id})
				r = get(taking)
				return err == nil && len(list) == 1 && (r.Result.Status == TaskInputRequired || c.tree == deepTree)
			})
			if shown := get(formless).Result; shown.Status != TaskWorking || shown.Requests != nil {
				t.Errorf("without forms: %+v", shown)
			}
			if c.tree == deepTree {
				if r.Result.Status != TaskWorking || r.Result.Requests != nil {
					t.Errorf("a question without a form: %s", r.raw)
				}
				return
			}
			if len(r.Result.Requests) != 1 {
				t.Fatalf("the questions: %s", r.raw)
			}
			for subject, question := range r.Result.Requests {
				if !strings.Contains(string(question), `"method":"elicitation/create"`) || !strings.Contains(string(question), "> ") {
					t.Errorf("the question: %s", question)
				}
				from := a
				switch name {
				case "another's":
					from = &asker{t: t, srv: a.srv, ctx: tools.WithCaller(t.Context(), &tools.Caller{Principal: "bob"})}
					c.response, c.text = `{"action":"accept"}`, "no such task"
				case "of another name":
					subject, c.response = "confirm", `{"action":"accept"}`
				}
				r = from.ask("tasks/update", `"taskId":"`+id+`","inputResponses":{`+string(plainjson.Must(subject))+`:`+c.response+`},`+taking)
			}
			if c.status != "" {
				if r.Error != nil {
					t.Fatalf("the answer: %s", r.raw)
				}
				if r = a.ended(id, ","+taking); r.Result.Result == nil || r.Result.Result.Structured.Status != c.status || !strings.Contains(r.raw, c.text) {
					t.Errorf("the end: %s", r.raw)
				}
				return
			}
			if (r.Error != nil) != (c.text != "") || !strings.Contains(r.raw, c.text) {
				t.Errorf("the answer: %s", r.raw)
			}
			if r = get(taking); r.Result.Status != TaskInputRequired || len(r.Result.Requests) != 1 {
				t.Errorf("after it: %s", r.raw)
			}
		})
	}
}
