package tools_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

const capable = `{"elicitation":{}}`

// round sends a call of the newest revision, as it stands.
func (a *asking) round(tool, arguments, state, responses string) *tools.Result {
	a.t.Helper()
	return a.roundAs("", tool, arguments, state, responses)
}

func (a *asking) roundAs(principal, tool, arguments, state, responses string) *tools.Result {
	a.t.Helper()
	in := tools.Incoming{Name: tool, Arguments: json.RawMessage(arguments), Rounds: &tools.Rounds{Capabilities: json.RawMessage(capable), State: state}}
	if responses != "" {
		in.Rounds.Responses = json.RawMessage(responses)
	}
	res, ok := a.Set.Answer(tools.WithCaller(a.t.Context(), &tools.Caller{Principal: principal}), in)
	if !ok {
		a.t.Fatalf("%s is not there", tool)
	}
	return res
}

// asks sends the first round and gives the state of the question.
func (a *asking) asks(tool, arguments string) string {
	a.t.Helper()
	res := a.round(tool, arguments, "", "")
	if res.Question == nil || res.Question.State == "" || res.Question.Message == "" {
		a.t.Fatalf("%s was answered with %s", tool, res.Encode())
	}
	return res.Question.State
}

const (
	yes    = `{"confirm":{"action":"accept","content":{}}}`
	no     = `{"confirm":{"action":"decline"}}`
	noIdea = `{"confirm":{"action":"cancel"}}`
)

// Given what the person says in the second round, the call is made or not.
func TestRounds(t *testing.T) {
	t.Parallel()
	for tool, c := range map[string]struct {
		arguments string
		wiped     []string
	}{
		"test_wipe":     {`{"what":"a"}`, []string{"a"}},
		"run_task_tree": {wipeTree, []string{"a", "b", "c"}},
	} {
		for responses, kind := range map[string]string{yes: "", no: "permission_denied", noIdea: "permission_denied"} {
			a := newAsking(t, policy.ConfirmDestructive)
			state := a.asks(tool, c.arguments)
			a.untouched(tool)
			res := a.round(tool, c.arguments, state, responses)
			if kind == "" {
				if res.Question != nil || res.Err != nil || !slices.Equal(a.wiper.Wiped(), c.wiped) {
					t.Errorf("%s: %s", tool, res.Encode())
				}
				continue
			}
			if res.Question != nil || res.Err == nil || string(res.Err.Type) != kind || !res.IsError() {
				t.Errorf("%s %s: %s", tool, responses, res.Encode())
			}
			a.untouched(tool + responses)
			// A no can't be made a yes afterwards.
			if res := a.round(tool, c.arguments, state, yes); res.Err == nil || !strings.Contains(res.Err.Message, "used before") {
				t.Errorf("after %s: %s", responses, res.Encode())
			}
			a.untouched(tool + responses)
		}
	}
}

// Given a second round that is not the one that was asked for, nothing is
// started, and the error says why.
func TestRoundsRefuse(t *testing.T) {
	t.Parallel()
	saved := fstest.MapFS{"t.json": {Data: []byte(`[{"id":"a","schemas":{"method":"test_wipe"},"inputs":{"what":"a"}}]`)}}
	a := newAsking(t, policy.ConfirmDestructive, toolstest.WithTools(func(o *tools.Options) {
		o.Trees, o.AnswerWithin = saved, time.Minute
	}))
	elsewhere := newAsking(t, policy.ConfirmDestructive)
	const arguments = `{"what":"a"}`
	state := a.asks("test_wipe", arguments)
	tree := a.asks("run_task_tree", `{"tree":"t"}`)
	saved["t.json"].Data = []byte(`[{"id":"a","schemas":{"method":"test_wipe"},"inputs":{"what":"b"}}]`)
	for name, c := range map[string]struct{ principal, tool, arguments, state, responses, kind, text string }{
		"tampered":            {"", "test_wipe", arguments, state[:len(state)-2] + "AA", yes, "permission_denied", "changed on the way"},
		"made up":             {"", "test_wipe", arguments, "yes", yes, "permission_denied", "not made by this server"},
		"of another process":  {"", "test_wipe", arguments, elsewhere.asks("test_wipe", arguments), yes, "permission_denied", "since it was started"},
		"other arguments":     {"", "test_wipe", `{"what":"b"}`, state, yes, "permission_denied", "other arguments"},
		"one argument more":   {"", "test_wipe", `{"what":"a","fail":true}`, state, yes, "permission_denied", "other arguments"},
		"another tool":        {"", "run_task_tree", wipeTree, state, yes, "permission_denied", "another tool"},
		"somebody else":       {"bob", "test_wipe", arguments, state, yes, "permission_denied", "somebody else's"},
		"a changed tree":      {"", "run_task_tree", `{"tree":"t"}`, tree, yes, "permission_denied", "has changed since"},
		"not an action":       {"", "test_wipe", arguments, state, `{"confirm":{"action":"ACCEPT"}}`, "validation_error", "accept, decline or cancel"},
		"no action":           {"", "test_wipe", arguments, state, `{"confirm":{"content":{"ok":true}}}`, "validation_error", "must have an action"},
		"not an object":       {"", "test_wipe", arguments, state, `{"confirm":true}`, "validation_error", "must have an action"},
		"responses in a list": {"", "test_wipe", arguments, state, `[{"action":"accept"}]`, "validation_error", "must be an object"},
	} {
		res := a.roundAs(c.principal, c.tool, c.arguments, c.state, c.responses)
		if res.Question != nil || res.Err == nil || string(res.Err.Type) != c.kind || !strings.Contains(res.Err.Message, c.text) || res.Err.Field == "" {
			t.Errorf("%s: %s", name, res.Encode())
		}
		a.untouched(name)
	}
	for name, c := range map[string]struct{ state, responses string }{
		"an answer without a state": {"", yes},
		"a state without an answer": {state, ""},
		"another question's answer": {state, `{"other":{"action":"accept"}}`},
	} {
		if res := a.round("test_wipe", arguments, c.state, c.responses); res.Question == nil {
			t.Errorf("%s: %s", name, res.Encode())
		}
		a.untouched(name)
	}
	// All that was no use of it: written in another way, the same call is the same.
	if res := a.round("test_wipe", "{ \"what\" :\t\"\\u0061\" }", state, yes); res.Err != nil {
		t.Errorf("the real one: %s", res.Encode())
	}
	if res := a.round("test_wipe", arguments, state, yes); res.Err == nil || !strings.Contains(res.Err.Message, "used before") || len(a.wiper.Wiped()) != 1 {
		t.Errorf("replayed: %s", res.Encode())
	}
}

// Given an answer that comes too late, nothing is started.
func TestRoundsExpire(t *testing.T) {
	t.Parallel()
	a := newAsking(t, policy.ConfirmDestructive, toolstest.WithTools(func(o *tools.Options) { o.AnswerWithin = time.Nanosecond }))
	state := a.asks("test_wipe", `{"what":"a"}`)
	if res := a.round("test_wipe", `{"what":"a"}`, state, yes); res.Err == nil || !strings.Contains(res.Err.Message, "has expired") || !strings.Contains(res.Err.Hint, "without requestState") {
		t.Errorf("%s", res.Encode())
	}
	a.untouched("late")
}

// Given a client of the newest revision that does not say that it can ask, it
// is never sent a question, whatever else could be asked on its connection.
func TestRoundsNeedTheCapability(t *testing.T) {
	t.Parallel()
	a := newAsking(t, policy.ConfirmDestructive).says(tools.Accepted)
	for capabilities, can := range map[string]bool{
		`{}`: false, `{"sampling":{}}`: false, `{"elicitation":null}`: false, `{"elicitation":{"url":{}}}`: false,
		`{"elicitation":{}}`: true, `{"elicitation":{"form":{}}}`: true, `{"elicitation":{"form":{},"url":{}}}`: true,
	} {
		res, _ := a.Set.Answer(tools.WithCaller(t.Context(), &a.caller), tools.Incoming{
			Name: "test_wipe", Arguments: json.RawMessage(`{"what":"a"}`),
			Rounds: &tools.Rounds{Capabilities: json.RawMessage(capabilities), State: "x", Responses: json.RawMessage(`{}`)},
		})
		if (res.Question != nil) != can || can == (res.Err != nil) {
			t.Errorf("%s: %s", capabilities, res.Encode())
		}
	}
	if len(a.heard) > 0 {
		t.Errorf("asked within the call: %q", a.heard)
	}
	a.untouched("all of them")
}

// Given ten clients at once, and each answer brought back by three, every call
// is made once.
func TestRoundsAtOnce(t *testing.T) {
	t.Parallel()
	a := newAsking(t, policy.ConfirmDestructive)
	var all sync.WaitGroup
	for i := range 10 {
		arguments := `{"what":"` + string(rune('a'+i)) + `"}`
		all.Go(func() {
			state := a.asks("test_wipe", arguments)
			for range 3 {
				all.Go(func() { a.round("test_wipe", arguments, state, yes) })
			}
		})
	}
	all.Wait()
	wiped := a.wiper.Wiped()
	slices.Sort(wiped)
	if got := strings.Join(wiped, ""); got != "abcdefghij" {
		t.Errorf("wiped %s", got)
	}
}
