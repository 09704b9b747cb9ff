package mcp

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// asking is a server that requires confirmations.
type asking struct {
	*toolstest.Stack
	t     *testing.T
	srv   *Server
	wiper *toolstest.Wiper
}

func newAsking(t *testing.T, within time.Duration, opts ...toolstest.Option) *asking {
	t.Helper()
	a := &asking{t: t, wiper: toolstest.NewWiper()}
	a.Stack = stack(t, append([]toolstest.Option{
		toolstest.WithPolicy(policy.Config{Confirm: policy.ConfirmDestructive}), toolstest.WithExecutors(a.wiper),
	}, opts...)...)
	a.srv = New(a.Set, Options{AnswerWithin: within})
	return a
}

// untouched checks that nothing was started or recorded.
func (a *asking) untouched(name string) {
	a.t.Helper()
	list, _, err := a.Runner.List(a.t.Context(), chain.ListOptions{Limit: 10})
	if err != nil {
		a.t.Fatal(err)
	}
	if wiped := a.wiper.Wiped(); len(wiped) > 0 || len(list) > 0 {
		a.t.Errorf("%s: %v were wiped, and %d runs recorded", name, wiped, len(list))
	}
}

const wipeTree = `{"wait_seconds":10,"tasks":[
	{"id":"a","schemas":{"method":"test_wipe"},"inputs":{"what":"a"}},
	{"id":"look","schemas":{"method":"test_wipe"},"inputs":{"what":"a","mode":"look"},"dependencies":["a"]},
	{"id":"b","schemas":{"method":"test_wipe"},"inputs":{"what":"b"},"dependencies":["a"]},
	{"id":"c","schemas":{"method":"test_wipe"},"inputs":{"what":"c"},"dependencies":["b"]}]}`

// roundReply is a reply to a call, and the envelope in it.
type roundReply struct {
	reply
	envelope struct {
		Status    string
		Error     string
		ErrorType string `json:"error_type"`
		Field     string
		Hint      string
	}
}

func (r *roundReply) asked() bool { return r.Result.Type == "input_required" }

const capable = `{"elicitation":{}}`

// round sends a call of the newest revision unchanged.
func (a *asking) round(tool, arguments, state, responses string) roundReply {
	a.t.Helper()
	return a.send(a.t.Context(), &Call{
		Name: tool, Arguments: json.RawMessage(arguments), Version: "2026-07-28",
		capabilities: json.RawMessage(capable), state: state, responses: json.RawMessage(responses),
	})
}

func (a *asking) send(ctx context.Context, c *Call) (r roundReply) {
	a.t.Helper()
	c.ID = json.RawMessage(`"1"`)
	raw, refusal := a.srv.Call(ctx, c)
	if refusal != nil {
		a.t.Fatal(refusal)
	}
	unmarshal(a.t, raw, &r.reply)
	if r.Result.Structured != nil {
		unmarshal(a.t, r.Result.Structured, &r.envelope)
	}
	return r
}

// asks sends the first round and returns the state of the question.
func (a *asking) asks(tool, arguments string) string {
	a.t.Helper()
	r := a.round(tool, arguments, "", "")
	if !r.asked() || r.Result.State == "" {
		a.t.Fatalf("%s was answered with %+v", tool, r)
	}
	return r.Result.State
}

const (
	yes    = `{"confirm":{"action":"accept","content":{}}}`
	no     = `{"confirm":{"action":"decline"}}`
	noIdea = `{"confirm":{"action":"cancel"}}`
)

// The answer in the second round decides whether the call is made.
func TestSecondRounds(t *testing.T) {
	t.Parallel()
	for tool, c := range map[string]struct {
		arguments string
		wiped     []string
	}{
		"test_wipe":     {`{"what":"a"}`, []string{"a"}},
		"run_task_tree": {wipeTree, []string{"a", "b", "c"}},
	} {
		for responses, kind := range map[string]string{yes: "", no: "permission_denied", noIdea: "permission_denied"} {
			a := newAsking(t, 0)
			state := a.asks(tool, c.arguments)
			a.untouched(tool)
			res := a.round(tool, c.arguments, state, responses)
			if kind == "" {
				if res.asked() || res.Result.IsError || !slices.Equal(a.wiper.Wiped(), c.wiped) {
					t.Errorf("%s: %+v", tool, res)
				}
				continue
			}
			if res.asked() || res.envelope.ErrorType != kind || !res.Result.IsError {
				t.Errorf("%s %s: %+v", tool, responses, res)
			}
			a.untouched(tool + responses)
			// A declined question can't be accepted later.
			if res := a.round(tool, c.arguments, state, yes); !strings.Contains(res.envelope.Error, "used before") {
				t.Errorf("after %s: %+v", responses, res)
			}
			a.untouched(tool + responses)
		}
	}
}

// If the second round is not for the call that was asked about, nothing is
// started, and the error has the reason.
func TestRoundsRefuse(t *testing.T) {
	t.Parallel()
	saved := fstest.MapFS{"t.json": {Data: []byte(`[{"id":"a","schemas":{"method":"test_wipe"},"inputs":{"what":"a"}}]`)}}
	a := newAsking(t, time.Minute, toolstest.WithTools(func(o *tools.Options) { o.Trees = saved }))
	elsewhere := newAsking(t, 0)
	const arguments = `{"what":"a"}`
	state := a.asks("test_wipe", arguments)
	tree := a.asks("run_task_tree", `{"tree":"t"}`)
	saved["t.json"].Data = []byte(`[{"id":"a","schemas":{"method":"test_wipe"},"inputs":{"what":"b"}}]`)
	for name, c := range map[string]struct{ principal, tool, arguments, state, responses, kind, text string }{
		"tampered":            {"", "test_wipe", arguments, changed(state), yes, "permission_denied", "or it was changed"},
		"made up":             {"", "test_wipe", arguments, "yes", yes, "permission_denied", "did not issue it"},
		"of another process":  {"", "test_wipe", arguments, elsewhere.asks("test_wipe", arguments), yes, "permission_denied", "in the last hours"},
		"other arguments":     {"", "test_wipe", `{"what":"b"}`, state, yes, "permission_denied", "other arguments"},
		"one argument more":   {"", "test_wipe", `{"what":"a","fail":true}`, state, yes, "permission_denied", "other arguments"},
		"another tool":        {"", "run_task_tree", wipeTree, state, yes, "permission_denied", "another tool"},
		"another principal":   {"bob", "test_wipe", arguments, state, yes, "permission_denied", "another principal"},
		"a changed tree":      {"", "run_task_tree", `{"tree":"t"}`, tree, yes, "permission_denied", "has changed since"},
		"not an action":       {"", "test_wipe", arguments, state, `{"confirm":{"action":"ACCEPT"}}`, "validation_error", "accept, decline or cancel"},
		"no action":           {"", "test_wipe", arguments, state, `{"confirm":{"content":{"ok":true}}}`, "validation_error", "must have an action"},
		"not an object":       {"", "test_wipe", arguments, state, `{"confirm":true}`, "validation_error", "must have an action"},
		"responses in a list": {"", "test_wipe", arguments, state, `[{"action":"accept"}]`, "validation_error", "must be an object"},
	} {
		res := a.send(tools.WithCaller(t.Context(), &tools.Caller{Principal: c.principal}), &Call{
			Name: c.tool, Arguments: json.RawMessage(c.arguments), Version: "2026-07-28", capabilities: json.RawMessage(capable), state: c.state, responses: json.RawMessage(c.responses),
		})
		if res.asked() || res.envelope.ErrorType != c.kind || !strings.Contains(res.envelope.Error, c.text) || res.envelope.Field == "" {
			t.Errorf("%s: %+v", name, res)
		}
		a.untouched(name)
	}
	for name, c := range map[string]struct{ state, responses string }{
		"an answer without a state": {"", yes},
		"a state without an answer": {state, ""},
		"another question's answer": {state, `{"other":{"action":"accept"}}`},
	} {
		if res := a.round("test_wipe", arguments, c.state, c.responses); !res.asked() {
			t.Errorf("%s: %+v", name, res)
		}
		a.untouched(name)
	}
	// None of these used the state. The same call in another notation is the
	// same call.
	if res := a.round("test_wipe", "{ \"what\" :\t\"\\u0061\" }", state, yes); res.Result.IsError {
		t.Errorf("the real one: %+v", res)
	}
	if res := a.round("test_wipe", arguments, state, yes); !strings.Contains(res.envelope.Error, "used before") || len(a.wiper.Wiped()) != 1 {
		t.Errorf("replayed: %+v", res)
	}
}

// If an answer arrives too late, nothing is started.
func TestRoundsExpire(t *testing.T) {
	t.Parallel()
	a := newAsking(t, time.Nanosecond)
	state := a.asks("test_wipe", `{"what":"a"}`)
	if res := a.round("test_wipe", `{"what":"a"}`, state, yes); !strings.Contains(res.envelope.Error, "has expired") || !strings.Contains(res.envelope.Hint, "without requestState") {
		t.Errorf("%+v", res)
	}
	a.untouched("late")
}

// A client of the newest revision that does not declare elicitation never gets
// a question, whatever else its connection supports.
func TestRoundsNeedTheCapability(t *testing.T) {
	t.Parallel()
	a := newAsking(t, 0)
	heard := 0
	within := WithPeer(t.Context(), &Peer{Ask: func(context.Context, *tools.Question) (tools.Reply, error) {
		heard++
		return tools.Reply{Decision: tools.Accepted}, nil
	}})
	for capabilities, can := range map[string]bool{
		`{}`: false, `{"sampling":{}}`: false, `{"elicitation":null}`: false, `{"elicitation":{"url":{}}}`: false,
		`{"elicitation":{}}`: true, `{"elicitation":{"form":{}}}`: true, `{"elicitation":{"form":{},"url":{}}}`: true,
	} {
		res := a.send(within, &Call{
			Name: "test_wipe", Arguments: json.RawMessage(`{"what":"a"}`), Version: "2026-07-28",
			capabilities: json.RawMessage(capabilities), state: "x", responses: json.RawMessage(`{}`),
		})
		if res.asked() != can || res.Result.IsError == can {
			t.Errorf("%s: %+v", capabilities, res)
		}
	}
	if heard > 0 {
		t.Errorf("asked %d times within the call", heard)
	}
	a.untouched("all of them")
}

// With ten clients at once, and each answer sent by three connections, every
// call is made once.
func TestRoundsAtOnce(t *testing.T) {
	t.Parallel()
	a := newAsking(t, 0)
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

// changed returns a state with another character in its middle: the last ones have
// bits that stand for nothing.
func changed(state string) string {
	middle, other := len(state)/2, "A"
	if state[middle] == 'A' {
		other = "B"
	}
	return state[:middle] + other + state[middle+1:]
}
