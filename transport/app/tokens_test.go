package app_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/transport/app"
)

// Tokens that can't be used are refused by their keys: what can be known before
// by New, the values by Serve. Handler then answers nothing.
func TestTokenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	roots := policy.Config{Audit: policy.Audit{Off: true}}
	roots.Files.Roots = map[string]policy.Root{"all": {Path: dir}}
	own := strings.Repeat("own.", 8)
	for want, c := range map[string]struct {
		atNew  bool
		tokens []app.Token
		more   []app.Option
	}{
		`got ""`:                     {true, []app.Token{{Value: "x"}}, nil},
		`got "a"`:                    {true, []app.Token{{Name: "a", Value: "x"}, {Name: "a", Value: "y"}}, nil},
		"both a value and a file":    {true, []app.Token{{Name: "a", Value: "x", File: "y"}}, nil},
		`no scope "tools:write"`:     {true, []app.Token{{Name: "a", Value: "x", Scopes: []string{"tools:write"}}}, nil},
		`no scope "tool:"`:           {true, []app.Token{{Name: "a", Value: "x", Scopes: []string{"tool:"}}}, nil},
		`no tool "rest_executer"`:    {true, []app.Token{{Name: "a", Value: "x", Scopes: []string{"tool:rest_executer"}}}, nil},
		`no toolset "wbe"`:           {true, []app.Token{{Name: "a", Value: "x", Scopes: []string{"toolset:wbe"}}}, nil},
		"http.tokens.a.scopes":       {true, []app.Token{{Name: "a", Value: "x", Scopes: []string{}}}, nil},
		"http.tokens.a.file":         {true, []app.Token{{Name: "a", File: file("reached", "x")}}, []app.Option{app.WithPolicy(roots)}},
		"http.tokens.b is empty":     {false, []app.Token{{Name: "a", Value: "x"}, {Name: "b"}}, nil},
		"http.tokens.c is empty":     {false, []app.Token{{Name: "c", File: file("empty", " \n")}}, nil},
		"visible ASCII":              {false, []app.Token{{Name: "a", File: file("spaced", "two words")}}, nil},
		"longer than 4096":           {false, []app.Token{{Name: "a", File: file("long", strings.Repeat("x", 4097))}}, nil},
		"missing":                    {false, []app.Token{{Name: "a", File: filepath.Join(dir, "missing")}}, nil},
		"the same as http.tokens.a":  {false, []app.Token{{Name: "a", Value: "x"}, {Name: "b", File: file("same", "x\n")}}, nil},
		"the same as the server's":   {false, []app.Token{{Name: "a", Value: own}}, nil},
		"http.tokens.short has 1 ch": {false, []app.Token{{Name: "short", Value: "x"}}, nil},
	} {
		opts := slices.Concat(unrecorded, []app.Option{app.WithHTTP(app.HTTP{Token: own, Tokens: c.tokens})}, c.more)
		if c.atNew {
			if _, err := app.New(t.Context(), opts...); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", want, err)
			}
			continue
		}
		server := open(t, opts...)
		if err := server.Serve(t.Context(), "0.0.0.0:0"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if strings.Contains(want, "short") {
			continue
		}
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/healthz", nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: the handler answers %d", want, w.Code)
		}
	}
}

// A token in a file opens the server, with its scopes.
func TestTokenFromFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := open(t, append(slices.Clone(unrecorded), app.WithHTTP(app.HTTP{Stateless: true, Tokens: []app.Token{{Name: "ci", File: path, Scopes: []string{"tools:call"}}}}))...)
	for token, want := range map[string]int{"secret": http.StatusForbidden, "other": http.StatusUnauthorized} {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: got %d %s", token, w.Code, w.Body)
		}
	}
}

// A token follows its file at once, wherever the file leads. One that can't be
// used is refused, and opens nothing.
func TestTokensFollowTheirFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, other := filepath.Join(dir, "token"), filepath.Join(dir, "other")
	write := func(path, text string) {
		t.Helper()
		next := path + ".next" // as secret stores replace files
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, path); err != nil {
			t.Fatal(err)
		}
	}
	pad := strings.Repeat("x", 32)
	write(path, "first"+pad)
	write(other, "other"+pad)
	server := open(t, append(slices.Clone(unrecorded), app.WithHTTP(app.HTTP{Stateless: true, Tokens: []app.Token{{Name: "ci", File: path}, {Name: "b", File: other}}}))...)
	handler := server.Handler()
	status := func(token string) int {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+strings.TrimSuffix(token+pad, "!"+pad))
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), pad) {
			t.Errorf("the reply repeats a token: %s", w.Body)
		}
		return w.Code
	}
	for _, c := range []struct {
		name           string
		change         func()
		works, refused []string
	}{
		{"at the start", func() {}, []string{"first", "other"}, []string{"second", ""}},
		{"replaced", func() { write(path, "second"+pad+"\n") }, []string{"second", "other"}, []string{"first", ""}},
		{"too short", func() { write(path, "third") }, []string{"other"}, []string{"second", "third!", ""}}, // the mark: without the padding
		{"repaired", func() { write(path, "third"+pad) }, []string{"third", "other"}, []string{"second"}},
		{"the same as another", func() { write(other, "third"+pad) }, []string{"third"}, []string{"other"}},
		{"one removed", func() { _ = os.Remove(path) }, []string{"third"}, []string{"first", "second", ""}}, // b has it now
		{"all removed", func() { _ = os.Remove(other) }, nil, []string{"third", "other", ""}},
		{"made again", func() { write(path, "fourth"+pad) }, []string{"fourth"}, []string{"third", ""}},
	} {
		c.change()
		for want, tokens := range map[int][]string{http.StatusOK: c.works, http.StatusUnauthorized: c.refused} {
			for _, token := range tokens {
				if got := status(token); got != want {
					t.Errorf("%s: %q: got %d, want %d", c.name, token, got, want)
				}
			}
		}
	}
}

// The audit trail names the token of a call, and never holds its value, whatever
// the caller sends.
func TestTheAuditTrailNamesTheToken(t *testing.T) {
	t.Parallel()
	dir, value := t.TempDir(), strings.Repeat("t0ken-", 6)
	server := open(t, app.WithDataDir(dir), app.WithStore("memory"), app.WithoutBuiltin(), app.WithExecutors(write),
		app.WithHTTP(app.HTTP{Stateless: true, Tokens: []app.Token{{Name: "ci", Value: value}}}))
	for _, token := range []string{value, "wrong"} {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/mcp",
			strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write","arguments":{"text":"`+value+`"}}}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), value) {
			t.Errorf("the reply repeats the token: %s", w.Body)
		}
	}
	if err := server.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"audit.jsonl", "audit.kept.jsonl"} {
		trail, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.Count(string(trail), "\n") != 1 || !strings.Contains(string(trail), `"principal":"ci"`) || strings.Contains(string(trail), value) {
			t.Errorf("%s: %s, %v", name, trail, err)
		}
	}
}
