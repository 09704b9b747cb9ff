package mcp

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// showing is the _meta of a client of the newest revision that shows the App.
const showing = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` +
	`{"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}}}}`

// shownTool is a tool as a client that shows the App lists it.
type shownTool struct {
	Name string
	Meta struct {
		UI *struct {
			ResourceURI string
			Visibility  []string
		}
		Flat string `json:"ui/resourceUri"`
	} `json:"_meta"`
}

// listWith lists the tools for a client with this _meta.
func listWith(t *testing.T, srv *Server, meta string) (list []shownTool, raw string) {
	t.Helper()
	reply := srv.Handle(t.Context(), message(t, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+meta+`}}`), nil)
	var listed struct{ Result struct{ Tools []shownTool } }
	unmarshal(t, reply, &listed)
	return listed.Result.Tools, string(reply)
}

// Only a client that declares the extension is told of the App, and only it sees
// the App's tools. For all others the list stays as it is.
func TestUIIsForThoseWhoDeclareIt(t *testing.T) {
	t.Parallel()
	srv := New(set(t, policy.Config{}, nil), Options{})
	others, raw := listWith(t, srv, modern)
	if strings.Contains(raw, "ui://") || strings.Contains(raw, runView) || strings.Contains(raw, runPlan) {
		t.Errorf("a client without the extension is told of the App: %s", raw)
	}
	shown, _ := listWith(t, srv, showing)
	if len(shown) != len(others)+2 || !slices.IsSortedFunc(shown, func(a, b shownTool) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("%d tools, and %d with the App", len(others), len(shown))
	}
	drawn := []string{"get_run", "retry_run", "run_task_tree", "task_tree_generator"}
	for _, tool := range shown {
		want := ""
		switch {
		case slices.Contains(drawn, tool.Name):
			want = "model app"
		case tool.Name == runView || tool.Name == runPlan:
			want = "app"
		}
		got := ""
		if tool.Meta.UI != nil {
			got = strings.Join(tool.Meta.UI.Visibility, " ")
			if tool.Meta.UI.ResourceURI != uiAddress || tool.Meta.Flat != uiAddress {
				t.Errorf("%s names %+v", tool.Name, tool.Meta)
			}
		}
		if got != want {
			t.Errorf("%s is visible to %q; want %q", tool.Name, got, want)
		}
	}
}

// What clients declare, and whether the App is for them.
func TestDeclaresUI(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		``: false, `null`: false, `true`: false, `{"mimeTypes":"text/html"}`: false, `{"mimeTypes":[]}`: false,
		`{"mimeTypes":["text/html"]}`: false, `{"mimeTypes":["text/uri-list","text/html;profile=mcp-app"]}`: true, `{}`: true,
	} {
		if got := declaresUI(json.RawMessage(value)); got != want {
			t.Errorf("%s: %v", value, got)
		}
	}
	elicits, shows := Handshake(message(t, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{},"extensions":{"io.modelcontextprotocol/ui":{}}}}}`))
	if !elicits || !shows {
		t.Errorf("the handshake: %v, %v", elicits, shows)
	}
}

// A client with a handshake declares the extension once for its session.
func TestUIOfASession(t *testing.T) {
	t.Parallel()
	for extension, want := range map[string]bool{`{"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}}`: true, `{}`: false} {
		srv := New(set(t, policy.Config{}, nil), Options{})
		session, err := srv.Open(t.Context(), zerolog.Nop(), func([]byte) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		srv.Handle(session.Context(), message(t, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"x","version":"1"},"capabilities":{"extensions":`+extension+`}}}`), nil)
		reply := srv.Handle(session.Context(), message(t, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`), nil)
		if got := strings.Contains(string(reply), uiAddress) && strings.Contains(string(reply), runView); got != want {
			t.Errorf("%s: the App is told of: %v", extension, got)
		}
	}
}

// The document is listed for those who show it, and anybody may read it.
func TestUIDocument(t *testing.T) {
	t.Parallel()
	srv := New(stack(t).Set, Options{})
	for meta, want := range map[string]bool{modern: false, showing: true} {
		reply := srv.Handle(t.Context(), message(t, `{"jsonrpc":"2.0","id":1,"method":"resources/list","params":{`+meta+`}}`), nil)
		if strings.Contains(string(reply), uiAddress) != want {
			t.Errorf("listed: %s", reply)
		}
	}
	var read struct {
		Contents []struct {
			URI, Text, MimeType string
			Meta                map[string]any `json:"_meta"`
		}
	}
	unmarshal(t, ask(t, srv, "resources/read", `{"uri":"`+uiAddress+`"}`), &read)
	if len(read.Contents) != 1 || read.Contents[0].MimeType != uiType || !strings.HasPrefix(read.Contents[0].Text, "<!doctype html>") {
		t.Errorf("read %.300v", read)
	}
	if needed := srv.Needs(nil, message(t, `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"`+uiAddress+`"}}`), nil); !slices.Equal(needed, []string{tools.ScopeToolsRead}) {
		t.Errorf("it needs %v", needed)
	}
}

// view reads a part as the App does.
func view(t *testing.T, srv *Server, arguments string) (r reply) {
	t.Helper()
	return answer(t, srv, callOf(`{"name":"run_view","arguments":`+arguments+`,`+showing+`}`))
}

// The App reads a run, what changed in it, its tasks and their results.
func TestRunView(t *testing.T) {
	t.Parallel()
	made := stack(t)
	srv := New(made.Set, Options{})
	id := run(t, made.Set, `[{"id":"a","executor":"test_echo","inputs":{"text":"<b>x</b>"}},{"id":"big","executor":"test_big","inputs":{"bytes":90000},"dependencies":["a"]}]`)
	for arguments, want := range map[string]string{
		`{"part":"run","run_id":"ID"}`:                                `"layout":{`,
		`{"part":"run","run_id":"ID","open":["a"]}`:                   `"seq":`,
		`{"part":"changes","run_id":"ID","after":0}`:                  `"status":"completed"`,
		`{"part":"layout","run_id":"ID","open":["a"]}`:                `"nodes":[`,
		`{"part":"task","run_id":"ID","task":"a"}`:                    `"history":[`,
		`{"part":"result","run_id":"ID","task":"big","offset":32768}`: `"next_offset":655`,
		`{"part":"elements","run_id":"ID","task":"a"}`:                `"total":0`,
		`{"part":"may"}`: `"run":true`,
		`{"part":"plan","plan":{"tasks":[{"id":"a","executor":"test_echo"}]}}`:            `"problems":[`,
		`{"part":"find","plan":{"tasks":[{"executor":"test_big","inputs":{"bytes":1}}]}}`: `{}`,
	} {
		r := view(t, srv, strings.ReplaceAll(arguments, "ID", id))
		if r.Result.IsError || !strings.Contains(string(r.Result.Structured), want) {
			t.Errorf("%s gave %.600s", arguments, r.Result.Structured)
		}
	}
	for arguments, want := range map[string]string{
		`{"part":"run","run_id":"none"}`: "not_found", `{"part":"everything"}`: "validation_error", `{"part":"run"}`: "not_found",
		`{"part":"task","run_id":"ID","task":"none"}`: "not_found", `{"part":"plan","plan":{}}`: "validation_error", `[1]`: "validation_error",
	} {
		r := view(t, srv, strings.ReplaceAll(arguments, "ID", id))
		if !r.Result.IsError || !strings.Contains(string(r.Result.Structured), want) {
			t.Errorf("%s gave %.600s", arguments, r.Result.Structured)
		}
	}
}

// Another principal's run does not exist for the App either.
func TestRunViewOfOthers(t *testing.T) {
	t.Parallel()
	made := stack(t)
	srv := New(made.Set, Options{})
	id := run(t, made.Set, `[{"id":"a","executor":"test_echo","inputs":{"text":"x"}}]`)
	for name, caller := range map[string]*tools.Caller{
		"not_found":         {Principal: "you"},
		"permission_denied": {Narrow: &tools.Selection{Exclude: []string{"get_run"}}},
	} {
		reply := srv.Handle(tools.WithCaller(t.Context(), caller), message(t, callOf(`{"name":"run_view","arguments":{"part":"run","run_id":"`+id+`"},`+showing+`}`)), nil)
		if !strings.Contains(string(reply), name) {
			t.Errorf("%+v: %s", caller, reply)
		}
	}
	for name, want := range map[string][]string{runView: {tools.ScopeToolsCall, tools.ScopeRunsRead}, runPlan: {tools.ScopeToolsCall}} {
		if needed := srv.Needs(nil, nil, &Call{Name: name}); !slices.Equal(needed, want) {
			t.Errorf("%s needs %v", name, needed)
		}
	}
}

// drawnPlan is what the App draws of a plan.
type drawnPlan struct {
	Digest, Tree, Missing, Question string
	Tasks                           []struct{ ID string }
}

func plan(t *testing.T, srv *Server, plan string) (d drawnPlan) {
	t.Helper()
	r := view(t, srv, `{"part":"plan","plan":`+plan+`}`)
	if r.Result.IsError {
		t.Fatalf("%s gave %s", plan, r.Result.Structured)
	}
	unmarshal(t, r.Result.Structured, &d)
	return d
}

// What was drawn is started, with its inputs. What has changed since is not: the
// App reads it again.
func TestRunPlan(t *testing.T) {
	t.Parallel()
	const text = "name: Greeting\ninputs: {type: object, required: [text], properties: {text: {type: string}}}\ntasks: [{id: say, executor: test_echo, inputs: {text: \"${{ inputs.text }}\"}}]"
	trees := fstest.MapFS{"greet.yaml": {Data: []byte(text)}}
	made := stack(t, toolstest.WithTools(func(o *tools.Options) { o.Trees = trees }))
	srv := New(made.Set, Options{})
	start := func(plan, digest string) reply {
		return answer(t, srv, callOf(`{"name":"run_plan","arguments":{"plan":`+plan+`,"digest":"`+digest+`"},`+showing+`}`))
	}
	const bare, filled = `{"tree":"greet"}`, `{"tree":"greet","inputs":{"text":"hi"}}`
	drawn := plan(t, srv, bare)
	if drawn.Digest != "" || drawn.Tree == "" || !strings.Contains(drawn.Missing, "text") || len(drawn.Tasks) != 1 {
		t.Errorf("drawn without inputs: %+v", drawn)
	}
	whole := plan(t, srv, filled)
	if whole.Tree != drawn.Tree || len(whole.Digest) != 64 || whole.Missing != "" {
		t.Errorf("drawn with inputs: %+v", whole)
	}
	if r := start(filled, whole.Digest); r.Result.IsError || !strings.Contains(string(r.Result.Structured), `"run_id":"`) {
		t.Errorf("started: %s", r.Result.Structured)
	}
	refused := func(what, plan, digest string) {
		t.Helper()
		if r := start(plan, digest); !r.Result.IsError || !strings.Contains(string(r.Result.Structured), `"field":"digest"`) || strings.Contains(string(r.Result.Structured), "run_id") {
			t.Errorf("%s: %s", what, r.Result.Structured)
		}
	}
	refused("other inputs", `{"tree":"greet","inputs":{"text":"ho"}}`, whole.Digest)
	refused("another digest", filled, strings.Repeat("0", 64))
	refused("no digest", filled, "")
	trees["greet.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(text, "id: say", "id: shout", 1))}
	refused("another tree", filled, whole.Digest)
	if again := plan(t, srv, filled); again.Tree == drawn.Tree || again.Digest == whole.Digest {
		t.Errorf("drawn again: %+v", again)
	}
}

// A reply that names no run repeats the arguments, for clients that show the App and
// may not have passed them on to it. Others get nothing more.
func TestUIHasThePlan(t *testing.T) {
	t.Parallel()
	srv := New(set(t, policy.Config{}, nil), Options{})
	for name, test := range map[string]struct {
		arguments, meta string
		repeated        bool
	}{
		"a plan that can't start":       {`{"tree":"nothing"}`, showing, true},
		"without the App":               {`{"tree":"nothing"}`, modern, false},
		"a plan that starts":            {`{"tasks":[{"id":"a","executor":"system_info_executor","inputs":{}}]}`, showing, false},
		"a call without arguments":      {`null`, showing, false},
		"a plan that is long to repeat": {`{"tree":"` + strings.Repeat("x", mostRepeated) + `"}`, showing, false},
	} {
		reply := srv.Handle(t.Context(), message(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_task_tree","arguments":`+test.arguments+`,`+test.meta+`}}`), nil)
		var got struct {
			Result struct {
				Type string                     `json:"resultType"`
				Meta map[string]json.RawMessage `json:"_meta"`
			}
		}
		unmarshal(t, reply, &got)
		repeated, has := got.Result.Meta[repeatedMeta]
		if has != test.repeated || has && string(repeated) != test.arguments || got.Result.Type != "complete" || len(got.Result.Meta) == 0 {
			t.Errorf("%s: %.500s", name, reply)
		}
	}
}

// A plan that may destroy something is started only after the person was asked, as
// it is without the App.
func TestRunPlanAsks(t *testing.T) {
	t.Parallel()
	wiper := toolstest.NewWiper()
	srv := New(stack(t, toolstest.WithPolicy(policy.Config{Confirm: policy.ConfirmDestructive}), toolstest.WithExecutors(wiper)).Set, Options{})
	const what = `{"tasks":[{"id":"w","executor":"test_wipe","inputs":{"what":"all"}}]}`
	drawn := plan(t, srv, what)
	if !strings.Contains(drawn.Question, "may change or delete") {
		t.Fatalf("drawn: %+v", drawn)
	}
	call := `{"name":"run_plan","arguments":{"plan":` + what + `,"digest":"` + drawn.Digest + `"},`
	if r := answer(t, srv, callOf(call+showing+`}`)); !r.Result.IsError || !strings.Contains(string(r.Result.Structured), "not confirmed") {
		t.Errorf("without elicitation: %s", r.Result.Structured)
	}
	asking := strings.Replace(showing, `{"extensions"`, `{"elicitation":{},"extensions"`, 1)
	r := answer(t, srv, callOf(call+asking+`}`))
	if r.Result.Type != "input_required" || r.Result.State == "" {
		t.Fatalf("asked: %+v", r)
	}
	if r = answer(t, srv, callOf(call+`"requestState":"`+r.Result.State+`","inputResponses":{"confirm":{"action":"accept"}},`+asking+`}`)); r.Result.IsError {
		t.Errorf("agreed: %s", r.Result.Structured)
	}
}
