package mcp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

type message struct {
	ID     any            `json:"id"`
	Method string         `json:"method"`
	Params map[string]any `json:"params"`
}

// answer returns the response of a server of a revision with a handshake.
func answer(revision string, m message) object {
	switch m.Method {
	case "initialize":
		return object{"result": object{"protocolVersion": revision, "capabilities": object{"tools": object{}}, "serverInfo": object{"name": "old", "version": "1"}}}
	case "tools/list":
		if m.Params["cursor"] == nil {
			return object{"result": object{"tools": []object{{"name": "add", "inputSchema": object{"type": "object"}}}, "nextCursor": "2"}}
		}
		return object{"result": object{"tools": []object{{"name": "second", "inputSchema": object{"type": "object"}}}}}
	case "tools/call":
		if m.Params["name"] == "long" {
			return object{"result": object{"content": []object{{"type": "text", "text": strings.Repeat("x", 5000) + "the end"}}}}
		}
		return object{"result": object{"content": []object{{"type": "text", "text": "done"}}, "extra": 1}}
	}
	return object{"error": object{"code": -32601, "message": "no such method"}}
}

// old starts a server of one revision, with or without SSE.
func old(t *testing.T, revision string, events bool) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m message
		if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&m) != nil {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		if m.ID == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		if m.Method != "initialize" && m.Method != "server/discover" && r.Header.Get("Mcp-Session-Id") != "s1" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		reply := answer(revision, m)
		reply["jsonrpc"], reply["id"] = "2.0", m.ID
		text, _ := json.Marshal(reply)
		if m.Method == "initialize" {
			w.Header().Set("Mcp-Session-Id", "s1")
		}
		if events {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = fmt.Fprintf(w, ": hello\n\nevent: message\ndata: %s\n\n", text)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestRevisionsWithAHandshake(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	for _, revision := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		for _, events := range []bool{false, true} {
			base := object{"transport": "http", "url": old(t, revision, events)}
			out, err := d.call(t.Context(), with(base, object{"operation": "list_tools"}))
			if err != nil || out.ProtocolVersion != revision || !strings.Contains(string(out.Result), "add") || !strings.Contains(string(out.Result), "second") {
				t.Errorf("%s, events %v: %+v, %v", revision, events, out, err)
			}
			out, err = d.call(t.Context(), with(base, object{"operation": "call_tool", "tool_name": "add"}))
			if err != nil || !strings.Contains(string(out.Result), `"extra":1`) {
				t.Errorf("%s: %s, %v", revision, out.Result, err)
			}
			out, err = d.call(t.Context(), with(base, object{"operation": "get_prompt", "prompt_name": "x"}))
			if err == nil || out.ErrorCode != -32601 || err.Code != "-32601" {
				t.Errorf("%s: %+v, %+v", revision, out, err)
			}
		}
	}
}

// counting counts the requests to a handler.
func counting(t *testing.T, handler http.HandlerFunc) (string, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, &n
}

func TestMisbehavingServers(t *testing.T) {
	t.Parallel()
	d := newCaller(t, policy.Config{})
	elsewhere, reached := counting(t, func(http.ResponseWriter, *http.Request) {})
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		err     executors.ErrorType
	}{
		"unauthorized": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, executors.AuthenticationError},
		"forbidden":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, executors.PermissionDenied},
		"overloaded":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, ""},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}, executors.NetworkError},
		"no JSON":        {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, ""},
		"nothing at all": {func(http.ResponseWriter, *http.Request) {}, ""},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, ""},
		"endless events": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for {
				if _, err := io.WriteString(w, "data: "+strings.Repeat("x", 1000)+"\n"); err != nil {
					return
				}
			}
		}, ""},
		"a cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"jsonrpc"`)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := counting(t, c.handler)
			out, err := d.call(t.Context(), object{"transport": "http", "url": url, "operation": "list_tools", "headers": object{"X-Api-Key": "hidden"}, "timeout": 5})
			if err == nil || c.err != "" && err.Type != c.err {
				t.Errorf("%+v, %+v", out, err)
			}
		})
	}
	if reached.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// TestForgottenSessions checks that a lost session is initialized again.
func TestForgottenSessions(t *testing.T) {
	t.Parallel()
	var sessions, calls atomic.Int64
	url, _ := counting(t, func(w http.ResponseWriter, r *http.Request) {
		var m message
		_ = json.NewDecoder(r.Body).Decode(&m)
		current := fmt.Sprint("s", sessions.Load())
		switch {
		case m.Method == "initialize":
			current = fmt.Sprint("s", sessions.Add(1))
			w.Header().Set("Mcp-Session-Id", current)
		case m.ID == nil:
			w.WriteHeader(http.StatusAccepted)
			return
		case m.Method == "tools/call" && r.Header.Get("Mcp-Session-Id") != current:
			w.WriteHeader(http.StatusNotFound)
			return
		case m.Method == "tools/call":
			calls.Add(1)
		}
		reply := answer("2025-06-18", m)
		reply["jsonrpc"], reply["id"] = "2.0", m.ID
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(reply)
	})
	d := newCaller(t, policy.Config{})
	base := object{"transport": "http", "url": url, "operation": "call_tool", "tool_name": "add"}
	for range 3 {
		if _, err := d.call(t.Context(), base); err != nil {
			t.Fatal(err)
		}
		if calls.Load() == 1 {
			sessions.Add(1) // a restart
		}
	}
	if calls.Load() != 3 || sessions.Load() != 3 {
		t.Errorf("%d calls, %d sessions", calls.Load(), sessions.Load())
	}
}

// script starts a shell script as a server over stdio.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil { //nolint:gosec // the file is a program
		t.Fatal(err)
	}
	return path
}

const greet = `
while read -r line; do
	id=$(printf %s "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
	case $line in
	*'"initialize"'*) echo '{"jsonrpc":"2.0","id":'$id',"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}}' ;;
	*server/discover*) echo '{"jsonrpc":"2.0","id":'$id',"error":{"code":-32601,"message":"no"}}' ;;
	*tools/*) LAST ;;
	esac
done
`

func TestMisbehavingPrograms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text    string
		err     executors.ErrorType
		says    string
		message string
	}{
		"it ends at once":         {"echo why >&2; exit 3", executors.ExecutionError, "", "ended with exit code 3 before it answered: why"},
		"it ends with more lines": {"echo first >&2; echo why >&2; echo >&2; exit 4", executors.ExecutionError, "", "ended with exit code 4 before it answered: why"},
		"it ends without a word":  {"exit 0", executors.ExecutionError, "", "ended with exit code 0 before it answered: it wrote nothing to stderr"},
		"it reads, then ends":     {"read -r line; echo why >&2; exit 5", executors.ExecutionError, "", "exit code 5 before it answered: why"},
		"it is killed":            {"echo why >&2; kill -9 $$", executors.ExecutionError, "", "was ended by signal 9 before it answered: why"},
		"it says nothing":         {"sleep 3191", executors.TimeoutError, "", ""},
		"it writes without end":   {"cat /dev/zero", executors.ExecutionError, "", ""},
		"it ends in a call":       {strings.ReplaceAll(greet, "LAST", "echo why >&2; exit 1"), executors.ExecutionError, "why", "ended with exit code 1 before it answered: why"},
		"it hangs in a call":      {strings.ReplaceAll(greet, "LAST", "echo hangs >&2; sleep 3192"), executors.TimeoutError, "hangs", ""},
		"a line without an end":   {strings.ReplaceAll(greet, "LAST", "tr '\\000' x </dev/zero"), executors.ExecutionError, "", ""},
		"noise before an answer":  {"echo Hello; echo '{'; " + strings.ReplaceAll(greet, "LAST", `echo '{"jsonrpc":"2.0","id":'$id',"result":{"tools":[]}}'`), "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := script(t, c.text)
			d := newCaller(t, policy.Config{}, program)
			out, err := d.call(t.Context(), object{"transport": "stdio", "command": []string{program}, "operation": "list_tools", "timeout": 3})
			if c.err == "" && err != nil || c.err != "" && (err == nil || err.Type != c.err) || !strings.Contains(out.Stderr, c.says) {
				t.Errorf("%+v, %+v", out, err)
			}
			if err != nil && !strings.Contains(err.Message, c.message) {
				t.Errorf("%v; want %s", err, c.message)
			}
			if closeErr := d.registry.Close(); closeErr != nil {
				t.Error(closeErr)
			}
			if left := processes(t, program); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// TestListsAsSent checks that lists are passed on as the server sends them, with
// the pages joined.
func TestListsAsSent(t *testing.T) {
	t.Parallel()
	tools := []string{
		`{"name":"a","inputSchema":{"type":"object","anyOf":[{"required":["x"]},{"required":["y"]}],"minProperties":1,"dependentRequired":{"x":["y"]},"properties":{"x":{"type":"string"},"y":{"anyOf":[{"type":"string"},{"type":"null"}]}}}}`,
		`{"name":"b","inputSchema":{"type":"object"},"icons":[{"src":"https://example.com/i.png"}],"execution":{"taskSupport":"optional"}}`,
		`{"name":"c","inputSchema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"z":{"type":"integer","maximum":12345678901234567890}},"patternProperties":{"^p":{}},"additionalProperties":false},"outputSchema":{"type":"object","oneOf":[{}]},"annotations":{"x-own":1}}`,
	}
	for operation, name := range map[string]string{"list_tools": "tools", "list_resources": "resources", "list_prompts": "prompts"} {
		reply := func(list, more string) string {
			return `echo '{"jsonrpc":"2.0","id":'$id',"result":{"` + name + `":[` + list + `]` + more + `}}'`
		}
		last := `case $line in *cursor*) ` + reply(tools[2], `,"own":true`) + ` ;; *) ` + reply(tools[0]+","+tools[1], `,"nextCursor":"2"`) + ` ;; esac`
		program := script(t, strings.NewReplacer("LAST", last, "tools/*", name+"/*", `"capabilities":{"tools":{}}`, `"capabilities":{"`+name+`":{}}`).Replace(greet))
		d := newCaller(t, policy.Config{}, program)
		out, err := d.call(t.Context(), object{"transport": "stdio", "command": []string{program}, "operation": operation})
		var got map[string]json.RawMessage
		if err != nil || json.Unmarshal(out.Result, &got) != nil {
			t.Fatalf("%s: %s, %+v", operation, out.Result, err)
		}
		if string(got[name]) != "["+strings.Join(tools, ",")+"]" || string(got["own"]) != "true" || len(got) != 2 {
			t.Errorf("%s: %s", operation, out.Result)
		}
	}
}

// TestCancelledCalls checks that a cancelled call ends at once and that the
// program ends with the executor.
func TestCancelledCalls(t *testing.T) {
	t.Parallel()
	program := script(t, strings.ReplaceAll(greet, "LAST", "echo called >&2; sleep 3193"))
	d := newCaller(t, policy.Config{}, program)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(500*time.Millisecond, cancel)
	var err *executors.Error
	executortest.Ends(t, "a cancelled call", func() {
		_, err = d.call(ctx, object{"transport": "stdio", "command": []string{program}, "operation": "list_tools", "timeout": 600})
	})
	if err == nil || err.Type != executors.Cancelled {
		t.Errorf("%+v", err)
	}
}

// processes returns the command lines that contain a word.
func processes(t *testing.T, word string) []string {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		if line, err := os.ReadFile(entry); err == nil && strings.Contains(string(line), word) {
			found = append(found, string(line))
		}
	}
	return found
}
