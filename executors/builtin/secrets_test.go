package builtin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

const token = "tok-8f31-long-enough"

const hole = "${{ secrets.TOKEN }}"

// place is a server that counts its connections and keeps all it receives.
type place struct {
	*httptest.Server
	connections atomic.Int64
	mu          sync.Mutex
	got         strings.Builder
}

// newPlace starts a server. /NUMBER?to=URL redirects there with that status.
func newPlace(t *testing.T, encrypted bool) *place {
	t.Helper()
	p := &place{}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said, _ := httputil.DumpRequest(r, true)
		p.mu.Lock()
		p.got.Write(said)
		p.mu.Unlock()
		var status int
		if to := r.URL.Query().Get("to"); to != "" {
			if _, err := fmt.Sscanf(r.URL.Path, "/%d", &status); err == nil {
				w.Header().Set("Location", to)
				w.WriteHeader(status)
				return
			}
			w.Header().Set("Link", "<"+to+`>; rel="next"`)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `[{"a": 1}]`)
	}))
	p.Config.ErrorLog = nil
	p.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			p.connections.Add(1)
		}
	}
	if encrypted {
		p.StartTLS()
	} else {
		p.Start()
	}
	t.Cleanup(p.Close)
	return p
}

func (p *place) received() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	said := p.got.String()
	p.got.Reset()
	return said
}

// address returns host:port.
func (p *place) address() string { return p.Listener.Addr().String() }

// port returns the port alone.
func (p *place) port() int { return p.Listener.Addr().(*net.TCPAddr).Port }

type inputs = map[string]any

func with(base inputs, more inputs) inputs {
	all := maps.Clone(base)
	maps.Copy(all, more)
	return all
}

// vault returns a registry of all executors. The secret is bound to hosts.
func vault(t *testing.T, cfg policy.Config, hosts ...string) *executors.Registry {
	t.Helper()
	cfg.Secrets = map[string]policy.Secret{"TOKEN": {Env: "TOKEN", Hosts: hosts}}
	cfg.Network.Allow = []string{"127.0.0.1", "localhost"}
	pol, err := policy.New(cfg, policy.WithEnvironment(func(name string) (string, bool) { return token, name == "TOKEN" }))
	if err != nil {
		t.Fatal(err)
	}
	registry, err := executors.NewRegistry(pol, zerolog.Nop(), builtin.All()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = registry.Close(), pol.Close() })
	return registry
}

// invoke makes a call. Its inputs must be valid.
func invoke(t *testing.T, registry *executors.Registry, id string, in inputs) executors.Outcome {
	t.Helper()
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	resolved, refused := registry.ResolveInputs(id, raw)
	if refused != nil {
		t.Fatalf("%s refuses %s: %v", id, raw, refused)
	}
	return registry.Invoke(t.Context(), id, &executors.Call{Inputs: resolved, Attempt: 1}, executortest.Patience)
}

// carriers are the inputs of each executor that can carry a secret.
var carriers = map[string][]inputs{
	"rest_executor": {
		{"headers": inputs{"X-Key": hole}}, {"headers": inputs{"User-Agent": hole}}, {"headers": inputs{"Accept": "text/" + hole}}, {"headers": inputs{"Accept-Language": hole}},
		{"headers": inputs{"Content-Type": hole}}, {"headers": inputs{"Accept-Encoding": hole}}, {"headers": inputs{"Cookie": "a=" + hole}}, {"headers": inputs{"Referer": hole}},
		{"headers": inputs{"Authorization": "Bearer " + hole}}, {"headers": inputs{"Range": hole}}, {"headers": inputs{"X-" + "A": "1", "If-Match": hole}},
		{"params": inputs{"key": hole}}, {"auth": inputs{"type": "bearer", "token": hole}}, {"auth": inputs{"type": "basic", "username": "u", "password": hole}},
		{"auth": inputs{"type": "basic", "username": hole}}, {"auth": inputs{"type": "apikey", "value": hole}}, {"auth": inputs{"type": "apikey", "key": "k", "value": hole, "location": "query"}},
		{"method": "POST", "json": inputs{"a": []any{hole}}}, {"method": "POST", "data": inputs{"a": hole}}, {"method": "POST", "body": hole},
		{"method": "POST", "files": inputs{"f": inputs{"content": hole, "filename": "a.txt"}}},
	},
	"websocket_executor": {
		{"message": hole}, {"messages": []any{inputs{"a": hole}}}, {"headers": inputs{"X-Key": hole}}, {"headers": inputs{"User-Agent": hole}}, {"subprotocols": []any{hole}},
	},
	"apflow_api_executor": {
		{"params": inputs{"task_id": hole}}, {"params": inputs{}, "auth_token": hole}, {"params": inputs{}, "headers": inputs{"User-Agent": hole}},
	},
	"mcp_executor": {
		{"arguments": inputs{"a": hole}}, {"headers": inputs{"X-Key": hole}}, {"headers": inputs{"User-Agent": hole}}, {"tool_name": hole},
	},
	"grpc_executor": {
		{"metadata": inputs{"x-key": hole}}, {"metadata": inputs{"authorization": hole}}, {"request": inputs{"a": hole}}, {"service": hole},
	},
	"ssh_executor": {
		{"password": hole}, {"key_passphrase": hole, "password": "x"}, {"username": hole, "password": "x"}, {"command": []any{"echo", hole}, "password": "x"}, {"stdin": hole, "password": "x"},
		{"env": inputs{"A": hole}, "password": "x"}, {"upload": []any{inputs{"content": hole, "to": "x"}}, "password": "x"},
	},
	"db_query": {{"dsn": "postgres://u:" + hole + "@AT/db"}, {"dsn": "mysql://u:" + hole + "@AT/db"}, {"dsn": "postgres://" + hole + "@AT/db"}, {"dsn": "postgres://u@AT/db", "params": []any{hole}}},
}

// toPlace returns the inputs that send a call of an executor to a server.
func toPlace(id string, to *place, in inputs) inputs {
	switch id {
	case "rest_executor":
		return with(inputs{"url": to.URL}, in)
	case "websocket_executor":
		return with(inputs{"url": "ws" + strings.TrimPrefix(to.URL, "http")}, in)
	case "apflow_api_executor":
		return with(inputs{"base_url": to.URL, "method": "tasks.get"}, in)
	case "mcp_executor":
		return with(inputs{"transport": "http", "url": to.URL, "operation": "call_tool", "tool_name": "t"}, in)
	case "grpc_executor":
		return with(inputs{"server": to.address(), "service": "a.B", "method": "C"}, in)
	case "ssh_executor":
		return with(inputs{"host": "127.0.0.1", "port": to.port(), "username": "u", "command": "true"}, in)
	}
	dsn, _ := in["dsn"].(string)
	return with(in, inputs{"query": "select 1", "dsn": strings.Replace(dsn, "AT", to.address(), 1)})
}

// hops are the first hops that no secret takes, with the hosts it is bound to.
var hops = []struct {
	name      string
	encrypted bool
	more      map[string]inputs
	hosts     func(*place) []string
	only      string
}{
	{name: "to a host that it is not bound to", hosts: func(*place) []string { return []string{"api.example.com"} }},
	{name: "to another port", hosts: func(p *place) []string { return []string{fmt.Sprint("127.0.0.1:", p.port()+1)} }},
	{name: "bound to the name of another host at this address", hosts: func(p *place) []string { return []string{fmt.Sprint("localhost:", p.port())} }},
	{
		name: "without encryption, bound without a port", hosts: func(*place) []string { return []string{"127.0.0.1"} },
		more: map[string]inputs{"grpc_executor": {"plaintext": true}}, only: "rest_executor websocket_executor apflow_api_executor mcp_executor grpc_executor db_query",
	},
	{
		name: "without encryption, bound to https", hosts: func(p *place) []string { return []string{"https://" + p.address()} },
		more: map[string]inputs{"grpc_executor": {"plaintext": true}},
	},
	{
		name: "to any certificate", encrypted: true, hosts: func(p *place) []string { return []string{p.address(), "127.0.0.1", p.URL} },
		more: map[string]inputs{"rest_executor": {"verify": false}, "websocket_executor": {"verify": false}, "grpc_executor": {"tls": inputs{"insecure": true}}},
		only: "rest_executor websocket_executor grpc_executor",
	},
	{
		name: "to the caller's CA", encrypted: true, hosts: func(p *place) []string { return []string{p.address()} },
		more: map[string]inputs{"grpc_executor": {"tls": inputs{"ca": "work:ca.pem"}}}, only: "grpc_executor",
	},
	{
		name: "to a certificate of another name", encrypted: true, hosts: func(p *place) []string { return []string{p.address()} },
		more: map[string]inputs{"grpc_executor": {"tls": inputs{"server_name": "evil.example"}}}, only: "grpc_executor",
	},
	{
		name: "to a host key that the caller wrote", hosts: func(p *place) []string { return []string{p.address(), "127.0.0.1"} },
		more: map[string]inputs{"ssh_executor": {"known_hosts": "work:known_hosts"}}, only: "ssh_executor",
	},
}

// TestSecretsGoOnlyWhereTheyAreBound tries every executor with every carrier
// over every first hop: nothing connects.
func TestSecretsGoOnlyWhereTheyAreBound(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	for _, name := range []string{"ca.pem", "known_hosts"} {
		if err := os.WriteFile(filepath.Join(work, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, hop := range hops {
		to := newPlace(t, hop.encrypted)
		registry := vault(t, policy.Config{
			Databases: policy.Databases{CallerDSN: true}, SSH: policy.SSH{Hosts: []string{to.address()}},
			Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: work, Write: true}}},
		}, hop.hosts(to)...)
		for id, list := range carriers {
			if hop.only != "" && !strings.Contains(hop.only, id) {
				continue
			}
			for _, carrier := range list {
				in := with(toPlace(id, to, carrier), hop.more[id])
				out := invoke(t, registry, id, in)
				if out.Err == nil || out.Err.Type != executors.PermissionDenied {
					t.Errorf("%s of %s with %v: %+v", hop.name, id, carrier, out.Err)
				}
				if n := to.connections.Swap(0); n != 0 {
					t.Errorf("%s of %s with %v: %d connections", hop.name, id, carrier, n)
				}
			}
		}
	}
}

// TestBoundSecretsArrive shows that the carriers of the other tests work.
func TestBoundSecretsArrive(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"rest_executor", "websocket_executor", "apflow_api_executor", "mcp_executor"} {
		home := newPlace(t, false)
		registry := vault(t, policy.Config{}, home.address())
		for _, carrier := range carriers[id] {
			_, header := carrier["headers"]
			if id != "rest_executor" && !header && carrier["params"] == nil { // sent after a handshake that the server does not do
				continue
			}
			invoke(t, registry, id, toPlace(id, home, carrier))
			if got := decoded(home.received()); !strings.Contains(got, token) {
				t.Errorf("%s with %v sent %s", id, carrier, got)
			}
		}
	}
}

// decoded adds what basic authentication encodes.
func decoded(request string) string {
	for line := range strings.SplitSeq(request, "\r\n") {
		if encoded, ok := strings.CutPrefix(line, "Authorization: "); ok {
			r := &http.Request{Header: http.Header{"Authorization": {encoded}}}
			user, password, _ := r.BasicAuth()
			request += user + " " + password
		}
	}
	return request
}

// TestSecretsDoNotFollowToOtherHosts tries every carrier of rest_executor with
// every later hop: redirects, next pages and servers that redirect to a URL from
// a parameter.
func TestSecretsDoNotFollowToOtherHosts(t *testing.T) {
	t.Parallel()
	home, away := newPlace(t, false), newPlace(t, false)
	elsewhere := strings.Replace(home.URL, "127.0.0.1", "localhost", 1) // the same server by a name that is not bound
	registry := vault(t, policy.Config{}, home.address())
	var later []string
	for _, status := range []int{301, 302, 303, 307, 308} {
		later = append(later, fmt.Sprintf("%s/%d?to=%s", home.URL, status, url.QueryEscape(away.URL+"/end")))
	}
	later = append(later,
		fmt.Sprintf("%s/302?to=%s", home.URL, url.QueryEscape(fmt.Sprintf("%s/302?to=%s", home.URL, url.QueryEscape(away.URL)))),
		fmt.Sprintf("%s/307?to=%s", home.URL, url.QueryEscape(elsewhere+"/end")),
	)
	for _, carrier := range carriers["rest_executor"] {
		for _, address := range later {
			invoke(t, registry, "rest_executor", with(carrier, inputs{"url": address}))
			check(t, away, home, address, carrier)
		}
		linked := home.URL + "/list?to=" + url.QueryEscape(away.URL+"/end")
		if carrier["method"] == nil {
			invoke(t, registry, "rest_executor", with(carrier, inputs{"url": linked, "paginate": inputs{"type": "link", "items": "."}}))
			check(t, away, home, linked, carrier)
		}
	}
	for _, open := range []string{away.URL + "/?k=" + hole, away.URL + "/" + hole, away.URL + "/?k=" + "%66" + hole} {
		out := invoke(t, registry, "rest_executor", inputs{"url": home.URL + "/302", "params": inputs{"to": open}})
		if out.Err == nil || out.Err.Type != executors.PermissionDenied {
			t.Errorf("%s: %+v", open, out.Err)
		}
		check(t, away, home, open, nil)
	}
}

// TestOtherExecutorsFollowNoRedirect tries the carriers of all other executors
// over HTTP with a server that redirects everything.
func TestOtherExecutorsFollowNoRedirect(t *testing.T) {
	t.Parallel()
	away := newPlace(t, false)
	for _, status := range []int{301, 302, 303, 307, 308} {
		home := &place{Server: httptest.NewServer(http.RedirectHandler(away.URL+"/end", status))}
		t.Cleanup(home.Close)
		registry := vault(t, policy.Config{}, home.address())
		for _, id := range []string{"websocket_executor", "apflow_api_executor", "mcp_executor"} {
			for _, carrier := range carriers[id] {
				if out := invoke(t, registry, id, toPlace(id, home, carrier)); out.Err == nil || out.Err.Type == executors.PermissionDenied {
					t.Errorf("%d of %s with %v: %+v", status, id, carrier, out.Err)
				}
				if n := away.connections.Swap(0); n != 0 {
					t.Errorf("%d of %s with %v: %d connections to the other host", status, id, carrier, n)
				}
			}
		}
	}
}

// check fails the test if a server got the secret, or the first one did under
// another name.
func check(t *testing.T, away, home *place, address string, carrier inputs) {
	t.Helper()
	if got := decoded(away.received()); strings.Contains(got, token) {
		t.Errorf("%s with %v sent to the other host:\n%s", address, carrier, got)
	}
	for _, request := range strings.SplitAfter(home.received(), "\r\n\r\n") {
		if strings.Contains(request, "Host: localhost") && strings.Contains(decoded(request), token) {
			t.Errorf("%s with %v sent to another name:\n%s", address, carrier, request)
		}
	}
}

// TestSecretsThatGoToNoHost: a secret that is bound to hosts does not go to
// programs, files or mail.
func TestSecretsThatGoToNoHost(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	registry := vault(t, policy.Config{
		Command:     policy.Command{Programs: []policy.Program{{Path: program, Name: "prog"}}},
		Files:       policy.Files{Roots: map[string]policy.Root{"work": {Path: work, Write: true}}},
		Docker:      policy.Docker{Images: []string{"i:1"}},
		Connections: map[string]policy.Connection{"mail": {Kind: "smtp", Host: "127.0.0.1"}, "db": {Kind: "sqlite", DSN: filepath.Join(work, "x.db")}},
	}, "127.0.0.1", "https://api.example.com", "mail", "db")
	for _, c := range []struct {
		id string
		in inputs
	}{
		{"command_executor", inputs{"command": []string{"prog", hole}}},
		{"command_executor", inputs{"command": []string{"prog"}, "stdin": hole}},
		{"command_executor", inputs{"command": []string{"prog"}, "env": inputs{"A": hole}}},
		{"mcp_executor", inputs{"transport": "stdio", "url": "https://api.example.com", "command": []string{"prog", hole}, "operation": "list_tools"}},
		{"mcp_executor", inputs{"transport": "stdio", "url": "https://api.example.com", "command": []string{"prog"}, "env": inputs{"A": hole}, "operation": "list_tools"}},
		{"docker_executor", inputs{"image": "i:1", "command": []string{hole}}},
		{"docker_executor", inputs{"image": "i:1", "command": []string{"x"}, "env": inputs{"A": hole}}},
		{"file_writer", inputs{"file_path": "work:a", "content": hole}},
		{"send_email_executor", inputs{"to": []string{"a@example.com"}, "subject": hole, "body": "x"}},
		{"db_query", inputs{"connection": "db", "query": "select ?", "params": []any{hole}}},
		{"data_processor", inputs{"data": hole, "operation": "jq", "program": "."}},
	} {
		out := invoke(t, registry, c.id, c.in)
		if out.Err == nil || out.Err.Type != executors.PermissionDenied || !strings.Contains(out.Err.Message, "the secret TOKEN") {
			t.Errorf("%s with %v: %s, %+v", c.id, c.in, out.Result, out.Err)
		}
	}
}

// TestSecretFilesAreNotRead: in pieces they could not be redacted.
func TestSecretFilesAreNotRead(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	for _, name := range []string{"token", "password", "bearer", "key", "free.txt"} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("token", filepath.Join(work, "link")); err != nil {
		t.Skip("links can't be made here: ", err)
	}
	pol, err := policy.New(policy.Config{
		Files:   policy.Files{Roots: map[string]policy.Root{"work": {Path: work}}},
		Secrets: map[string]policy.Secret{"TOKEN": {File: filepath.Join(work, "token"), Hosts: []string{"h"}}},
		Docker:  policy.Docker{Images: []string{"i:1"}},
		Connections: map[string]policy.Connection{
			"mail": {Kind: "smtp", Host: "h", User: "u", PasswordFile: filepath.Join(work, "password")}, "peer": {Kind: "mcp", URL: "https://h/", TokenFile: filepath.Join(work, "bearer")},
			"web01": {Kind: "ssh", Host: "h", User: "u", KeyFile: filepath.Join(work, "key")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer pol.Close()
	for _, name := range []string{"token", "password", "bearer", "key", "link"} {
		if f, _, err := pol.OpenRead("work:" + name); err == nil {
			_ = f.Close()
			t.Errorf("%s can be read", name)
		}
		if _, err := pol.FilePath("work:"+name, false); err == nil {
			t.Errorf("%s can be used by name", name)
		}
	}
	f, _, err := pol.OpenRead("work:free.txt")
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if err := pol.NoSecretBelow(work); err == nil {
		t.Error("the folder can be mounted")
	}
	if err := pol.NoSecretBelow(t.TempDir()); err != nil {
		t.Error(err)
	}
}
