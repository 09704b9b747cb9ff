package app_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/transport/app"
)

// open returns a server that is closed at the end of the test.
func open(t *testing.T, opts ...app.Option) *app.App {
	t.Helper()
	server, err := app.New(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server
}

// Without options everything dangerous is closed, and the records and the audit
// trail are files in the data folder.
func TestDefaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := open(t, app.WithDataDir(dir), app.WithExecutors(shout))
	for _, id := range []string{"command_executor", "docker_executor", "ssh_executor", "file_writer", "db_query"} {
		if _, closed := server.Registry().Closed(id); !closed {
			t.Errorf("%s is open", id)
		}
	}
	res := chain.Call(t.Context(), server.Runner(), "shout", []byte(`{"text": "hello"}`), chain.CallOptions{})
	if string(res.Result) != `{"text":"HELLO"}` {
		t.Fatalf("%s, %v", res.Result, res.Err)
	}
	if err := server.Close(t.Context()); err != nil { // flushes the records
		t.Error(err)
	}
	for _, name := range []string{"runs.db", "audit.jsonl"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestWithoutBuiltin(t *testing.T) {
	t.Parallel()
	server := open(t, append(unrecorded, app.WithoutBuiltin(), app.WithExecutors(shout))...)
	if _, ok := server.Registry().Lookup("rest_executor"); ok {
		t.Error("a built-in executor is there")
	}
	if _, ok := server.Registry().Lookup("shout"); !ok {
		t.Error("the program's own executor is missing")
	}
}

// An invalid setting is named in the error, and nothing is left running.
func TestSettingErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	unaudited := policy.Config{Audit: policy.Audit{Off: true}}
	exposed := unaudited
	exposed.Files.Roots = map[string]policy.Root{"all": {Path: dir, Write: true}}
	for want, opts := range map[string][]app.Option{
		"store":              {app.WithPolicy(unaudited), app.WithStore("mysql://x")},
		"policy":             {app.WithStore("memory"), app.WithPolicy(policy.Config{Confirm: "sometimes", Audit: policy.Audit{Off: true}})},
		"data_dir":           {app.WithPolicy(exposed), app.WithDataDir(filepath.Join(dir, "data"))},
		"executors_dir":      {app.WithPolicy(exposed), app.WithStore("memory"), app.WithExecutorsDir(filepath.Join(dir, "mine"))},
		"selection of tools": append(unrecorded, app.WithSelection(app.Selection{Tools: []string{"no_such_tool"}})),
	} {
		_, err := app.New(t.Context(), opts...)
		var setting *app.SettingError
		if !errors.As(err, &setting) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Without a token, other machines get no access: Serve refuses the address, and
// Handler the request.
func TestOtherMachinesNeedAToken(t *testing.T) {
	t.Parallel()
	server := open(t, unrecorded...)
	if err := server.Serve(t.Context(), "0.0.0.0:0"); !errors.Is(err, app.ErrNoToken) {
		t.Errorf("serving every address: %v", err)
	}
	for address, want := range map[string]int{"127.0.0.1": http.StatusOK, "192.0.2.1": http.StatusForbidden} {
		r := httptest.NewRequest(http.MethodGet, "http://localhost/healthz", nil)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(address)}))
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("a request that arrives at %s gets %d, not %d", address, w.Code, want)
		}
	}
}

// Serve ends with its context, and Close may be called more than once.
func TestServeAndClose(t *testing.T) {
	t.Parallel()
	server := open(t, unrecorded...)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- server.Serve(ctx, "127.0.0.1:0") }()
	stop()
	if err := <-served; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for range 2 {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}
