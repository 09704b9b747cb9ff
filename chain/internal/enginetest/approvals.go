package enginetest

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// Asked waits until a task waits for an answer, and returns it.
func (b *Bench) Asked(t testing.TB, runID, task string) *chain.TaskView {
	t.Helper()
	var last *chain.TaskView
	for end := time.Now().Add(executortest.Patience); time.Now().Before(end) && retry.Sleep(t.Context(), 5*time.Millisecond); {
		_, v, err := b.TaskResult(t.Context(), runID, task, "")
		if err != nil {
			t.Fatal(err)
		}
		if last = v; v.Status == chain.Waiting {
			return v
		}
	}
	t.Fatalf("task %s does not ask: %+v", task, last)
	return nil
}

// yes is an answer at a terminal.
func yes(value string) chain.Answer {
	a := chain.Answer{Decision: chain.Approved, Way: chain.WayTerminal, Principal: "op"}
	if value != "" {
		a.Value = json.RawMessage(value)
	}
	return a
}

func (b *Bench) begin(t testing.TB, text string, opts chain.RunOptions) string {
	t.Helper()
	run, err := b.Start(t.Context(), b.Tree(t, text), opts)
	if err != nil {
		t.Fatal(err)
	}
	return run.ID
}

func wantError(t testing.TB, what string, err error, kind executors.ErrorType, text string) {
	t.Helper()
	if e := executors.AsError(err); err == nil || e.Type != kind || !strings.Contains(e.Message, text) {
		t.Errorf("%s: want %s with %q; got %v", what, kind, text, err)
	}
}

const askTree = `[
	{"id":"ask","approval":{"message":"Deploy ${{ tasks.build.result.value }}?"},"inputs":{"size":"${{ tasks.build.result.value | length }}"}},
	{"id":"build","executor":"probe","inputs":{"value":"v7"}},
	{"id":"deploy","executor":"probe","inputs":{"value":"${{ tasks.ask.result.approved }}"}},
	{"id":"log","executor":"probe","dependencies":[{"id":"ask","required":false}]}]`

func approved(t *testing.T, b *Bench) {
	id := b.begin(t, askTree, chain.RunOptions{})
	asks := b.Asked(t, id, "ask").Approval
	if asks == nil || asks.Message != "Deploy v7?" || string(asks.Inputs) != `{"size":2}` || asks.Schema != nil || asks.Since == nil || asks.Until != nil || len(asks.Digest) != 64 || asks.Answer != nil {
		t.Fatalf("the question is %+v", asks)
	}
	b.listsQuestion(t, id, asks)
	answer := yes("")
	answer.Shown, answer.Reason = asks.Digest, "looks good"
	done, err := b.Answer(t.Context(), id, "ask", answer)
	if err != nil || done.Status != chain.Completed {
		t.Fatalf("the answer: %+v, %v", done, err)
	}
	v := b.End(t, id)
	if v.Status != chain.Completed || string(v.Tasks[0].Result) != `{"approved":true}` || !strings.Contains(string(v.Tasks[2].Result), "true") || v.Tasks[3].Status != chain.Completed {
		t.Errorf("the run is %s: %+v", v.Status, v.Tasks)
	}
	kept := v.Tasks[0].Approval
	if kept == nil || kept.Message != asks.Message || kept.Answer == nil || kept.Answer.Decision != chain.Approved || kept.Answer.Way != chain.WayTerminal ||
		kept.Answer.Principal != "op" || kept.Answer.Digest != asks.Digest || kept.Answer.Reason != "looks good" || kept.Answer.At.IsZero() {
		t.Errorf("the record of the answer is %+v", kept)
	}
	if list, err := b.Approvals(t.Context(), chain.ApprovalOptions{Anyone: true}); err != nil || len(list) != 0 {
		t.Errorf("what waits afterwards: %+v, %v", list, err)
	}
	b.Consistent(t, id)
}

// listsQuestion checks where the question of the only run is shown.
func (b *Bench) listsQuestion(t *testing.T, id string, asks *chain.ApprovalView) {
	t.Helper()
	v, err := b.Get(t.Context(), id, "")
	if err != nil || v.Status != chain.InProgress || v.Counts[chain.Waiting] != 1 || v.Counts[chain.Pending] != 2 {
		t.Errorf("while it waits: %+v, %v", v, err)
	}
	list, err := b.Approvals(t.Context(), chain.ApprovalOptions{})
	if err != nil || len(list) != 1 || list[0].RunID != id || list[0].Task != "ask" || list[0].Approval.Digest != asks.Digest {
		t.Errorf("what waits: %+v, %v", list, err)
	}
	page, _, err := b.List(t.Context(), chain.ListOptions{})
	if err != nil || len(page) != 1 || page[0].Counts[chain.Waiting] != 1 || len(page[0].Asks) != 1 || page[0].Asks[0].Message != "Deploy v7?" || page[0].Asks[0].Since == nil {
		t.Errorf("the list of runs: %+v, %v", page, err)
	}
	if list, err := b.Approvals(t.Context(), chain.ApprovalOptions{Principal: "another"}); err != nil || len(list) != 0 {
		t.Errorf("what waits of another: %+v, %v", list, err)
	}
}

func rejected(t *testing.T, b *Bench) {
	id := b.begin(t, askTree, chain.RunOptions{})
	b.Asked(t, id, "ask")
	done, err := b.Answer(t.Context(), id, "ask", chain.Answer{Decision: chain.Rejected, Way: chain.WayTerminal, Principal: "op", Reason: "not on Friday"})
	if err != nil || done.Status != chain.Failed || done.ErrorType != executors.PermissionDenied || done.ErrorCode != "rejected" || !strings.Contains(done.Error, "rejected by op (terminal): not on Friday") {
		t.Fatalf("the answer: %+v, %v", done, err)
	}
	v := b.End(t, id)
	if v.Status != chain.Failed || v.Tasks[2].Status != chain.Skipped || v.Tasks[3].Status != chain.Completed {
		t.Errorf("the run is %s: %+v", v.Status, v.Tasks)
	}
	b.Consistent(t, id)
}

func answeredBySchema(t *testing.T, b *Bench) {
	id := b.begin(t, `[
		{"id":"ask","name":"How much?","approval":{"message":"How much?","schema":{"properties":{"amount":{"type":"number","minimum":1},"currency":{"type":"string","default":"EUR"}},"required":["amount"]}}},
		{"id":"pay","executor":"probe","inputs":{"number":"${{ tasks.ask.result.amount }}","value":"${{ tasks.ask.result.currency }}"}}]`, chain.RunOptions{})
	if asks := b.Asked(t, id, "How much?").Approval; !strings.Contains(string(asks.Schema), "amount") {
		t.Errorf("the question has no schema: %+v", asks)
	}
	for _, c := range []struct{ value, text string }{
		{"", "amount"}, {"{", "not JSON"}, {"7", "must be an object"}, {`{"amount":0}`, "amount"}, {`{"amount":"7"}`, "amount"},
	} {
		_, err := b.Answer(t.Context(), id, "ask", yes(c.value))
		wantError(t, "the answer "+c.value, err, executors.ValidationError, c.text)
	}
	b.Asked(t, id, "ask")
	if _, err := b.Answer(t.Context(), id, "ask", yes(`{"amount":7}`)); err != nil {
		t.Fatal(err)
	}
	if v := b.End(t, id); v.Status != chain.Completed || string(v.Tasks[0].Result) != `{"amount":7,"currency":"EUR"}` || !strings.Contains(string(v.Tasks[1].Result), "EUR") {
		t.Errorf("the run is %s: %+v", v.Status, v.Tasks)
	}
	b.Consistent(t, id)
}

func firstAnswerCounts(t *testing.T, b *Bench) {
	id := b.begin(t, askTree, chain.RunOptions{})
	_, err := b.Answer(t.Context(), id, "log", yes(""))
	wantError(t, "an answer to a task that asks nothing", err, executors.ValidationError, "does not wait")
	_, err = b.Answer(t.Context(), id, "nobody", yes(""))
	wantError(t, "an answer to a task that is not there", err, executors.NotFound, "nobody")
	_, err = b.Answer(t.Context(), "no", "ask", yes(""))
	wantError(t, "an answer to a run that is not there", err, executors.NotFound, "no")
	b.Asked(t, id, "ask")
	_, err = b.Answer(t.Context(), id, "ask", yes(`{"approved":true}`))
	wantError(t, "a value where there is no schema", err, executors.ValidationError, "takes no value")
	const many = 10
	errs := make([]error, many)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			decision := chain.Approved
			if i%2 == 0 {
				decision = chain.Rejected
			}
			_, errs[i] = b.Answer(t.Context(), id, "ask", chain.Answer{Decision: decision, Way: chain.WayTerminal, Principal: "op"})
		})
	}
	all.Wait()
	won := -1
	for i, err := range errs {
		if err == nil {
			if won >= 0 {
				t.Errorf("answers %d and %d both count", won, i)
			}
			won = i
			continue
		}
		wantError(t, "a later answer", err, executors.ValidationError, "answered before")
	}
	want := chain.Completed
	if won%2 == 0 {
		want = chain.Failed
	}
	if v := b.End(t, id); won < 0 || v.Tasks[0].Status != want {
		t.Errorf("answer %d counts, and the task is %s", won, v.Tasks[0].Status)
	}
	_, err = b.Answer(t.Context(), id, "ask", yes(""))
	wantError(t, "an answer after the end", err, executors.ValidationError, "answered before")
	b.Consistent(t, id)
}

func questionTimesOut(t *testing.T, b *Bench) {
	for _, c := range []struct {
		onTimeout, result string
		ask, next, status chain.State
	}{
		{``, "", chain.Failed, chain.Skipped, chain.Failed},
		{`,"on_timeout":"fail"`, "", chain.Failed, chain.Skipped, chain.Failed},
		{`,"on_timeout":"skip"`, "", chain.Skipped, chain.Skipped, chain.Completed},
		{`,"on_timeout":{"approved":false}`, `{"approved":false}`, chain.Completed, chain.Completed, chain.Completed},
	} {
		id := b.begin(t, `[{"id":"ask","approval":{"message":"go on?","timeout":0.01`+c.onTimeout+`}},{"id":"next","executor":"probe","dependencies":["ask"]}]`, chain.RunOptions{})
		v := b.End(t, id)
		ask := v.Tasks[0]
		if v.Status != c.status || ask.Status != c.ask || v.Tasks[1].Status != c.next || string(ask.Result) != c.result {
			t.Errorf("%s: the run is %s: %+v", c.onTimeout, v.Status, v.Tasks)
		}
		if c.ask == chain.Failed && (ask.ErrorType != executors.TimeoutError || ask.ErrorCode != "no_answer") || c.ask == chain.Skipped && ask.Reason != chain.ReasonTimeout {
			t.Errorf("%s: %+v", c.onTimeout, ask)
		}
		if ask.Approval == nil || ask.Approval.Until == nil || ask.Approval.Answer == nil || ask.Approval.Answer.Decision != chain.TimedOut || ask.Approval.Answer.Way != chain.WayTimeout {
			t.Errorf("%s: the record is %+v", c.onTimeout, ask.Approval)
		}
		_, err := b.Answer(t.Context(), id, "ask", yes(""))
		wantError(t, "an answer that is too late", err, executors.ValidationError, "timed out")
		b.Consistent(t, id)
	}
}

func questionCancelled(t *testing.T, b *Bench) {
	id := b.begin(t, `[{"id":"root","executor":"probe"},{"id":"group","parent_id":"root","approval":{"message":"one?"}},{"id":"other","parent_id":"root","approval":{"message":"two?"}},
		{"id":"in","parent_id":"group","executor":"probe","dependencies":["group"]}]`, chain.RunOptions{})
	b.Asked(t, id, "group")
	b.Asked(t, id, "other")
	v, err := b.Cancel(t.Context(), id, "group", "")
	if err != nil || v.Tasks[1].Status != chain.Cancelled || v.Tasks[2].Status != chain.Waiting || v.Tasks[3].Status != chain.Cancelled {
		t.Fatalf("one task: %+v, %v", v, err)
	}
	_, err = b.Answer(t.Context(), id, "group", yes(""))
	wantError(t, "an answer to a cancelled question", err, executors.ValidationError, "cancelled")
	v, err = b.Cancel(t.Context(), id, "", "")
	if err != nil || v.Status != chain.Cancelled || v.Tasks[2].Status != chain.Cancelled || len(v.Warnings) != 0 {
		t.Fatalf("the run: %+v, %v", v, err)
	}
	b.Consistent(t, id)

	run, err := b.Start(t.Context(), b.Tree(t, `[{"id":"ask","approval":{"message":"one?"}},{"id":"bad","executor":"probe","inputs":{"fail":"no","sleep":0.05}}]`), chain.RunOptions{OnFailure: chain.OnFailureStop})
	if err != nil {
		t.Fatal(err)
	}
	if v := b.End(t, run.ID); v.Status != chain.Failed || v.Tasks[0].Status != chain.Cancelled {
		t.Errorf("stopped by a failure: %+v", v)
	}
	b.Consistent(t, run.ID)
}

// A question needs a slot only while its message is made.
func questionHoldsNoSlot(t *testing.T, b *Bench) {
	id := b.begin(t, `[{"id":"one","approval":{"message":"one?"}},{"id":"two","approval":{"message":"two?"}},{"id":"work","executor":"probe"},{"id":"more","executor":"probe","dependencies":["work"]}]`,
		chain.RunOptions{MaxParallel: 1})
	b.Asked(t, id, "one")
	b.Asked(t, id, "two")
	for end := time.Now().Add(executortest.Patience); ; retry.Sleep(t.Context(), 5*time.Millisecond) {
		v, err := b.Get(t.Context(), id, "")
		if err != nil {
			t.Fatal(err)
		}
		if v.Counts[chain.Completed] == 2 && v.Counts[chain.Waiting] == 2 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the others do not run: %+v", v)
		}
	}
	for _, task := range []string{"two", "one"} {
		if _, err := b.Answer(t.Context(), id, task, yes("")); err != nil {
			t.Fatal(err)
		}
	}
	if v := b.End(t, id); v.Status != chain.Completed {
		t.Errorf("the run is %+v", v)
	}
	b.Consistent(t, id)
}

func questionNotAsked(t *testing.T, b *Bench) {
	v := b.RunTree(t, `[{"id":"first","executor":"probe","inputs":{"value":1}},
		{"id":"no","approval":{"message":"go on?"},"when":"${{ tasks.first.result.value > 1 }}"},
		{"id":"bad","approval":{"message":"it is ${{ tasks.first.result.value | error }}"},"allow_failure":true},
		{"id":"long","approval":{"message":"it is ${{ \"x\" * 20000 }}"},"allow_failure":true}]`, chain.RunOptions{})
	if v.Status != chain.Completed || v.Tasks[1].Status != chain.Skipped || v.Tasks[1].Reason != chain.ReasonCondition ||
		v.Tasks[2].Status != chain.Failed || !strings.HasPrefix(v.Tasks[2].Field, "approval.message") || v.Tasks[3].Status != chain.Failed || v.Tasks[3].Field != "approval.message" {
		t.Errorf("the run is %s: %+v", v.Status, v.Tasks)
	}
	b.Consistent(t, v.RunID)
}

func questionAskedAgain(t *testing.T, b *Bench) {
	id := b.begin(t, `[{"id":"ask","approval":{"message":"go on?"}},{"id":"next","executor":"probe","dependencies":["ask"]}]`, chain.RunOptions{})
	first := b.Asked(t, id, "ask")
	if _, err := b.Answer(t.Context(), id, "ask", chain.Answer{Decision: chain.Rejected, Way: chain.WayTerminal}); err != nil {
		t.Fatal(err)
	}
	b.End(t, id)
	if _, err := b.Retry(t.Context(), id, nil, ""); err != nil {
		t.Fatal(err)
	}
	second := b.Asked(t, id, "ask")
	if second.Attempts <= first.Attempts || second.Approval.Answer != nil {
		t.Errorf("it is asked again: %+v", second)
	}
	if _, err := b.Answer(t.Context(), id, "ask", yes("")); err != nil {
		t.Fatal(err)
	}
	if v := b.End(t, id); v.Status != chain.Completed {
		t.Errorf("the run is %+v", v)
	}
	// Named, it is asked a third time.
	if _, err := b.Retry(t.Context(), id, []string{"ask"}, ""); err != nil {
		t.Fatal(err)
	}
	b.Asked(t, id, "ask")
	if _, err := b.Answer(t.Context(), id, "ask", yes("")); err != nil {
		t.Fatal(err)
	}
	if v := b.End(t, id); v.Status != chain.Completed || b.Probes.Called("next") != 2 {
		t.Errorf("the run is %+v, and next ran %d times", v, b.Probes.Called("next"))
	}
	b.Consistent(t, id)
}

// Who started a run can't answer with a tool, and nobody else with a form.
func whoMayAnswer(t *testing.T, b *Bench) {
	id := b.begin(t, `[{"id":"ask","approval":{"message":"go on?"}}]`, chain.RunOptions{})
	asks := b.Asked(t, id, "ask").Approval
	answer := func(way chain.Way, principal, shown string) error {
		_, err := b.Answer(t.Context(), id, "ask", chain.Answer{Decision: chain.Approved, Way: way, Principal: principal, Shown: shown})
		return err
	}
	wantError(t, "a tool of who started it", answer(chain.WayTool, "", ""), executors.PermissionDenied, "with a tool")
	wantError(t, "a form of another", answer(chain.WayElicitation, "another", ""), executors.NotFound, id)
	wantError(t, "no way", answer("", "", ""), executors.ValidationError, "way")
	wantError(t, "a timeout", answer(chain.WayTimeout, "", ""), executors.ValidationError, "way")
	wantError(t, "another question", answer(chain.WayElicitation, "", "0"), executors.ValidationError, "changed")
	b.Asked(t, id, "ask")
	if err := answer(chain.WayTool, "another", asks.Digest); err != nil {
		t.Error(err)
	}
	if v := b.End(t, id); v.Status != chain.Completed || v.Tasks[0].Approval.Answer.Way != chain.WayTool {
		t.Errorf("the run is %+v", v)
	}
}
