package http

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// scoped serves the real tools for one token per list of scopes, and returns
// the header of each. The token of "" has no scopes.
func scoped(t *testing.T, lists ...string) (url string, header func(list string, more ...string) []string) {
	t.Helper()
	opts := Options{Stateless: true, Token: "own"}
	for i, list := range lists {
		opts.Tokens = append(opts.Tokens, Token{
			Name: fmt.Sprint(i), Value: strings.TrimSpace("token of " + list), Principal: "one", Scopes: tools.Scopes(strings.Fields(list)),
		})
		if list == "" {
			opts.Tokens[i].Scopes = nil
		}
	}
	_, url = whole(t, opts)
	return url, func(list string, more ...string) []string {
		return append([]string{"Authorization", strings.TrimSpace("Bearer token of " + list)}, more...)
	}
}

func method(name, params string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"` + name + `","params":` + params + `}`
}

// Each kind of request needs its scopes. A refusal names all of them.
func TestScopesOfRequests(t *testing.T) {
	t.Parallel()
	all := []string{"tools:read", "tools:call", "runs:read", "runs:write", "trees:write", "schedules:write", "approve", "metrics"}
	var lists []string
	for i := range 1 << 4 { // each set of the first four, which requests need here
		var list []string
		for j := range 4 {
			if i>>j&1 == 1 {
				list = append(list, all[j])
			}
		}
		lists = append(lists, strings.Join(append(list, all[4:]...), " "))
	}
	url, header := scoped(t, append(lists, "")...)
	call := func(tool, arguments string) string { return era{}.call("1", tool, arguments, "") }
	for name, c := range map[string]struct{ body, needs string }{
		"ping":                {method("ping", "{}"), ""},
		"tools/list":          {method("tools/list", "{}"), "tools:read"},
		"resources/list":      {method("resources/list", "{}"), "tools:read"},
		"resource templates":  {method("resources/templates/list", "{}"), "tools:read"},
		"prompts/list":        {method("prompts/list", "{}"), "tools:read"},
		"a prompt":            {method("prompts/get", `{"name":"plan_task_tree","arguments":{"requirement":"x"}}`), "tools:read"},
		"a prompt with a run": {method("prompts/get", `{"name":"explain_failed_run","arguments":{"run":"x"}}`), "tools:read runs:read"},
		"two names":           {method("prompts/get", `{"name":"plan_task_tree","Name":"explain_failed_run"}`), "tools:read runs:read"},
		"completion":          {method("completion/complete", `{"ref":{"type":"ref/resource","uri":"run://{id}"},"argument":{"name":"id","value":""}}`), "tools:read"},
		"an executor":         {method("resources/read", `{"uri":"executor://test_echo"}`), "tools:read"},
		"a run's resource":    {method("resources/read", `{"uri":"run://x"}`), "runs:read"},
		"a result":            {method("resources/read", `{"uri":"run://x/tasks/y/result"}`), "runs:read"},
		"two addresses":       {method("resources/read", `{"uri":"executor://test_echo","URI":"run://x"}`), "runs:read"},
		"a task":              {method("tasks/get", `{"taskId":"x"}`), "runs:read"},
		"a task's result":     {method("tasks/result", `{"taskId":"x"}`), "runs:read"},
		"the tasks":           {method("tasks/list", `{}`), "runs:read"},
		"a task's end":        {method("tasks/cancel", `{"taskId":"x"}`), "runs:write"},
		"a task's answer":     {method("tasks/update", `{"taskId":"x"}`), "tools:call"},
		"a call as a task":    {method("tools/call", `{"name":"test_echo","arguments":{"text":"x"},"task":{}}`), "tools:call runs:read"},
		"a subscription":      {method("resources/subscribe", `{"uri":"run://x"}`), "runs:read"},
		"its end":             {method("resources/unsubscribe", `{"uri":"run://x"}`), "runs:read"},
		"listening to lists":  {method("subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`), "tools:read"},
		"listening to runs":   {method("subscriptions/listen", `{"notifications":{"resourceSubscriptions":[]}}`), "runs:read"},
		"listening to tasks":  {method("subscriptions/listen", `{"notifications":{"TaskIds":[]}}`), "runs:read"},
		"listening to both":   {method("subscriptions/listen", `{"notifications":{"taskIds":[],"toolsListChanged":true}}`), "tools:read runs:read"},
		"an unknown method":   {method("nothing/here", `{}`), "tools:read"},
		"an executor's call":  {call("test_echo", `{"text":"x"}`), "tools:call"},
		"a tree":              {call("run_task_tree", `{"tasks":[{"schemas":{"method":"test_echo"},"inputs":{"text":"x"}}]}`), "tools:call"},
		"validation":          {call("validate_task_tree", `{"tasks":[]}`), "tools:call"},
		"list_runs":           {call("list_runs", `{}`), "tools:call runs:read"},
		"get_run":             {call("get_run", `{"run_id":"x"}`), "tools:call runs:read"},
		"cancel_run":          {call("cancel_run", `{"run_id":"x"}`), "tools:call runs:write"},
		"retry_run":           {call("retry_run", `{"run_id":"x"}`), "tools:call runs:write"},
		"an unknown tool":     {call("no_such_tool", `{}`), "tools:call"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, list := range append(lists, "") {
				scopes := tools.Scopes(strings.Fields(list))
				allowed := list == "" || scopes.Allow(strings.Fields(c.needs)...)
				res, body := request(t, http.MethodPost, url+Path, c.body, header(list)...)
				if refused := res.StatusCode == http.StatusForbidden; refused == allowed {
					t.Errorf("%q: got %d %s", list, res.StatusCode, body)
				}
				want := fmt.Sprintf(`Bearer realm="chainwright", error="insufficient_scope", scope=%q`, c.needs)
				if got := res.Header.Get("WWW-Authenticate"); !allowed && got != want {
					t.Errorf("%q: got %s, want %s", list, got, want)
				}
			}
		})
	}
}

// tool: and toolset: limit what is listed, called and used in trees, within the
// request's own headers.
func TestScopesOfTools(t *testing.T) {
	t.Parallel()
	const base = "tools:read tools:call runs:read runs:write "
	echo, test, trees := base+"tool:test_echo", base+"toolset:test", base+"tool:run_task_tree tool:retry_run tool:test_echo"
	url, header := scoped(t, echo, test, trees, base, "")
	names := func(body string) string {
		var ev struct {
			Result struct{ Tools, Resources []struct{ Name string } }
		}
		if err := json.Unmarshal([]byte(body), &ev); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		var list []string
		for _, each := range append(ev.Result.Tools, ev.Result.Resources...) {
			list = append(list, each.Name)
		}
		return strings.Join(list, " ")
	}
	const everything = "cancel_run describe_executor get_run list_runs retry_run run_task_tree test_big test_echo test_fail test_steps validate_task_tree"
	for _, c := range []struct {
		scopes  string
		headers []string
		want    string
	}{
		{echo, nil, "test_echo"},
		{test, nil, "test_big test_echo test_fail test_steps"},
		{base, nil, everything},
		{"", nil, everything},
		{test, []string{HeaderTools, "test_echo,get_run"}, "test_echo"},
		{test, []string{HeaderExclude, "test_echo,test_big"}, "test_fail test_steps"},
		{echo, []string{HeaderToolsets, "runs"}, ""},
		{base, []string{HeaderTools, "get_run"}, "get_run"},
	} {
		if _, body := request(t, http.MethodPost, url+Path, method("tools/list", "{}"), header(c.scopes, c.headers...)...); names(body) != c.want {
			t.Errorf("%s with %v: got %s, want %s", c.scopes, c.headers, names(body), c.want)
		}
	}
	if _, body := request(t, http.MethodPost, url+Path, method("resources/list", "{}"), header(echo)...); names(body) != "test_echo" {
		t.Errorf("resources: got %s", body)
	}
	tree := func(executor, inputs string) string {
		return `{"wait_seconds":20,"tasks":[{"schemas":{"method":"` + executor + `"},"inputs":` + inputs + `}]}`
	}
	call := func(tool, arguments string) string { return era{}.call("1", tool, arguments, "") }
	for name, c := range map[string]struct {
		scopes, body string
		headers      []string
		status       int
		text         string
	}{
		"its tool":             {echo, call("test_echo", `{"text":"x"}`), nil, 200, "completed"},
		"another tool":         {echo, call("test_fail", `{"how":"error"}`), nil, 403, "tools:call tool:test_fail"},
		"a run's tool":         {echo, call("get_run", `{"run_id":"x"}`), nil, 403, "tools:call runs:read tool:get_run"},
		"by toolset":           {test, call("test_echo", `{"text":"x"}`), nil, 200, "completed"},
		"removed by header":    {test, call("test_echo", `{"text":"x"}`), []string{HeaderTools, "test_fail"}, 200, "not found"},
		"added by header":      {echo, call("test_fail", `{"how":"error"}`), []string{HeaderTools, "test_fail"}, 403, "tool:test_fail"},
		"a tree of its tools":  {trees, call("run_task_tree", tree("test_echo", `{"text":"x"}`)), nil, 200, "completed"},
		"a tree of others":     {trees, call("run_task_tree", tree("test_fail", `{"how":"error"}`)), nil, 200, "permission_denied"},
		"another's resource":   {echo, method("resources/read", `{"uri":"executor://test_fail"}`), nil, 200, "there is no executor"},
		"its tool's resource":  {echo, method("resources/read", `{"uri":"executor://test_echo"}`), nil, 200, "input_schema"},
		"the single token can": {"", call("test_echo", `{"text":"x"}`), []string{"Authorization", "Bearer own"}, 200, "completed"},
		"a batch names it":     {echo, `[` + call("test_fail", `{"how":"error"}`) + `]`, nil, 200, "tool:test_fail"},
	} {
		res, body := request(t, http.MethodPost, url+Path, c.body, header(c.scopes, c.headers...)...)
		if res.StatusCode != c.status || !strings.Contains(body, c.text) {
			t.Errorf("%s: got %d %s, want %d and %q", name, res.StatusCode, body, c.status, c.text)
		}
	}

	// A run that a wider token of the same principal started.
	_, body := request(t, http.MethodPost, url+Path, call("run_task_tree", tree("test_fail", `{"how":"error"}`)), header("")...)
	var ev event
	if err := json.Unmarshal([]byte(body), &ev); err != nil {
		t.Fatal(err)
	}
	_, id := ev.status(t)
	if _, body := request(t, http.MethodPost, url+Path, call("retry_run", `{"run_id":"`+id+`"}`), header(trees)...); !strings.Contains(body, "permission_denied") {
		t.Errorf("a retry ran an executor outside of the scopes: %s", body)
	}
}

// Tokens are told apart, and principals do not see each other's runs.
func TestNamedTokens(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", minToken)
	_, url := whole(t, Options{Stateless: true, Tokens: []Token{
		{Name: "a", Value: "a" + long, Principal: "ann"}, {Name: "b", Value: "b" + long, Principal: "bob", Scopes: tools.Scopes{"tools:call", "runs:read"}},
		{Name: "c", Value: "c" + long, Principal: "ann", Scopes: tools.Scopes{"runs:read"}},
	}})
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token + long} }
	for header, want := range map[string]string{
		"":                    `Bearer realm="chainwright"`,
		"Basic a" + long:      `Bearer realm="chainwright"`,
		"Bearer ":             `Bearer realm="chainwright", error="invalid_token"`,
		"Bearer a":            `Bearer realm="chainwright", error="invalid_token"`,
		"Bearer d" + long:     `Bearer realm="chainwright", error="invalid_token"`,
		"Bearer A" + long:     `Bearer realm="chainwright", error="invalid_token"`,
		"Bearer a" + long[1:]: `Bearer realm="chainwright", error="invalid_token"`,
	} {
		res, body := request(t, http.MethodPost, url+Path, ping, "Authorization", header)
		if got := res.Header.Get("WWW-Authenticate"); res.StatusCode != 401 || got != want {
			t.Errorf("%q: got %d, %s: %s", header, res.StatusCode, got, body)
		}
	}
	_, body := request(t, http.MethodPost, url+Path, era{}.call("1", "run_task_tree",
		`{"wait_seconds":20,"tasks":[{"schemas":{"method":"test_echo"},"inputs":{"text":"canary"}}]}`, ""), bearer("a")...)
	var ev event
	if err := json.Unmarshal([]byte(body), &ev); err != nil {
		t.Fatal(err)
	}
	_, id := ev.status(t)
	list := era{}.call("1", "list_runs", `{}`, "")
	get, read := era{}.call("1", "get_run", `{"run_id":"`+id+`"}`, ""), method("resources/read", `{"uri":"run://`+id+`"}`)
	for _, c := range []struct {
		token, body string
		sees        bool
	}{{"a", get, true}, {"b", get, false}, {"a", read, true}, {"b", read, false}, {"c", read, true}, {"b", list, false}, {"a", list, true}} {
		_, body := request(t, http.MethodPost, url+Path, c.body, bearer(c.token)...)
		if sees := strings.Contains(body, "canary") || strings.Contains(c.body, "list_runs") && strings.Contains(body, id); id == "" || sees != c.sees {
			t.Errorf("%s: %s: %s", c.token, c.body, body)
		}
	}
}

// Other machines are not served with a short token.
func TestShortTokens(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", minToken)
	for name, c := range map[string]struct {
		opts Options
		text string
	}{
		"none":  {Options{}, "no token is set"},
		"short": {Options{Tokens: []Token{{Name: "long", Value: long}, {Name: "ci", Value: long[1:]}}}, "http.tokens.ci has 31 characters"},
		"both":  {Options{Token: long, Tokens: []Token{{Name: "ci", Value: "x"}}}, "http.tokens.ci"},
		"long":  {Options{Tokens: []Token{{Name: "ci", Value: long}}}, ""},
		"own":   {Options{Token: long}, ""},
		"shown": {Options{Token: long[1:], Tokens: []Token{{Name: "ci", Value: long}}}, "the token of http.token_env has 31 characters"},
	} {
		s := made(t, bare(), c.opts)
		if err := s.checkAddress("127.0.0.1:0"); err != nil {
			t.Errorf("%s, on loopback: %v", name, err)
		}
		if err := s.checkAddress("0.0.0.0:0"); (err == nil) != (c.text == "") || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// With discovery, scopes limit the executors that are found and run.
func TestScopesOfDiscovery(t *testing.T) {
	t.Parallel()
	scopes := tools.Scopes{"tools:read", "tools:call", "toolset:discovery", "tool:test_echo"}
	_, url := whole(t, Options{Stateless: true, Tokens: []Token{{Name: "a", Value: "a", Principal: "a", Scopes: scopes}}},
		toolstest.WithTools(func(o *tools.Options) { o.Discovery = true }))
	for arguments, want := range map[string]string{
		`{"executor":"test_echo","inputs":{"text":"x"}}`: "completed", `{"executor":"test_fail","inputs":{"how":"error"}}`: "there is no executor",
	} {
		if _, body := request(t, http.MethodPost, url+Path, era{}.call("1", "run_executor", arguments, ""), "Authorization", "Bearer a"); !strings.Contains(body, want) {
			t.Errorf("%s: %s", arguments, body)
		}
	}
}

// A wrong token gets the same reply, whatever it has in common with a right one,
// and many of them are slowed down, without the right one.
func TestWrongTokens(t *testing.T) {
	t.Parallel()
	right := strings.Repeat("0123456789abcdef", 2)
	s := made(t, bare(), Options{Stateless: true, Tokens: []Token{{Name: "secret-name", Value: right, Principal: "ann"}}})
	send := func(token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "http://localhost"+Path, strings.NewReader(ping))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w
	}
	reply := func(token string) string {
		w := send(token)
		return fmt.Sprint(w.Code, w.Header(), w.Body)
	}
	want := reply("x")
	for _, wrong := range []string{
		right[:1], right[:31], right + "0", right[1:], strings.ToUpper(right), right + " " + right, right + "\x00", "secret-name", "ann", "", strings.Repeat("x", 100_000),
	} {
		if got := reply(wrong); got != want || strings.Contains(got, "ann") || strings.Contains(got, "secret-name") || !strings.HasPrefix(got, "401") {
			t.Errorf("%.40q: got %s, want %s", wrong, got, want)
		}
	}
	slowed := false
	for range 100_000 {
		if w := send("x"); w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") != "" {
			slowed = true
			break
		}
	}
	if w := send(right); !slowed || w.Code != http.StatusOK {
		t.Errorf("slowed down: %t, the right token: %d", slowed, w.Code)
	}
}
