package mcp_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// flood is a server that completes the handshake and then responds as the test
// says. It reports when a call's connection has ended.
func flood(t *testing.T, pour func(w io.Writer, m message)) (url string, left chan struct{}) {
	t.Helper()
	left = make(chan struct{}, 10_000)
	url, _ = counting(t, func(w http.ResponseWriter, r *http.Request) {
		var m message
		if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&m) != nil {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		if m.ID == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		if m.Method == "initialize" || m.Method == "server/discover" {
			reply := answer("2025-06-18", m)
			reply["jsonrpc"], reply["id"] = "2.0", m.ID
			text, _ := json.Marshal(reply)
			_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
			return
		}
		defer func() { left <- struct{}{} }()
		pour(w, m)
	})
	return url, left
}

// TestOutputsOverHTTP covers endless responses and responses that are not UTF-8.
func TestOutputsOverHTTP(t *testing.T) { // not parallel: it measures memory
	var sent atomic.Int64
	pages := 0
	x := strings.Repeat("x", 10_000)
	for name, c := range map[string]struct {
		pour      func(w io.Writer, m message)
		operation string
		kind      executors.ErrorType
		says      string
		most      uint64
	}{
		"a list of endless pages": {func(w io.Writer, m message) {
			pages++
			_, _ = fmt.Fprintf(w, `data: {"jsonrpc":"2.0","id":%v,"result":{"tools":[],"nextCursor":"%d"}}`+"\n\n", m.ID, pages)
		}, "list_tools", executors.ExecutionError, "more than 1000 pages", 200 << 20},
		"large pages": {func(w io.Writer, m message) {
			pages++
			_, _ = fmt.Fprintf(w, `data: {"jsonrpc":"2.0","id":%v,"result":{"tools":[{"name":"a","description":"%s","inputSchema":{"type":"object"}}],"nextCursor":"%d"}}`+"\n\n", m.ID, strings.Repeat(x, 10), pages)
		}, "list_tools", executors.ExecutionError, "longer than", 400 << 20},
		"an event that does not end": {func(w io.Writer, _ message) {
			executortest.Pour(w, []byte("data: "+x+"\n"), &sent)
		}, "call_tool", executors.ExecutionError, "longer than", 300 << 20},
		"a line that does not end": {func(w io.Writer, _ message) {
			_, _ = io.WriteString(w, "data: ")
			executortest.Pour(w, []byte(x), &sent)
		}, "call_tool", executors.ExecutionError, "longer than", 300 << 20},
		"notes without end": {func(w io.Writer, _ message) {
			executortest.Pour(w, []byte(`data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"`+x+`"}}`+"\n\n"), &sent)
		}, "call_tool", executors.ExecutionError, "longer than", 300 << 20},
		"a result that is too long": {func(w io.Writer, m message) {
			_, _ = fmt.Fprintf(w, `data: {"jsonrpc":"2.0","id":%v,"result":{"content":[{"type":"text","text":"%s"}]}}`+"\n\n", m.ID, strings.Repeat(x, 1000))
		}, "call_tool", executors.ExecutionError, "longer than", 300 << 20},
		"a result that is no UTF-8": {func(w io.Writer, m message) {
			_, _ = fmt.Fprintf(w, `data: {"jsonrpc":"2.0","id":%v,"result":{"content":[{"type":"text","text":"a%sb\ud83d"}]}}`+"\n\n", m.ID, "\xff\xfe")
		}, "call_tool", "", "", 100 << 20},
		"more answers than one": {func(w io.Writer, m message) {
			for range 5 {
				_, _ = fmt.Fprintf(w, `data: {"jsonrpc":"2.0","id":%v,"result":{"content":[]}}`+"\n\n", m.ID)
			}
		}, "call_tool", "", "", 100 << 20},
		"an answer on many lines": {func(w io.Writer, m message) {
			_, _ = fmt.Fprintf(w, ": a comment\r\nevent: message\r\nid: 7\r\ndata: {\"jsonrpc\":\"2.0\",\r\ndata:\"id\":%v,\r\ndata:  \"result\":{\"content\":[]}}\r\n\r\n", m.ID)
		}, "call_tool", "", "", 100 << 20},
		"a result that is deep": {func(w io.Writer, m message) {
			_, _ = fmt.Fprintf(w, `data: {"jsonrpc":"2.0","id":%v,"result":{"content":[],"structuredContent":%s}}`+"\n\n", m.ID, strings.Repeat("[", 9000)+strings.Repeat("]", 9000))
		}, "call_tool", executors.ExecutionError, "is invalid", 100 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			sent.Store(0)
			url, left := flood(t, c.pour)
			d := newCaller(t, policy.Config{})
			inputs := object{"transport": "http", "url": url, "operation": c.operation, "timeout": 20}
			if c.operation == "call_tool" {
				inputs["tool_name"] = "x"
			}
			var failed *executors.Error
			var result json.RawMessage
			var warnings []string
			spent := executortest.Spent(func() {
				out, err := d.call(t.Context(), inputs)
				failed, result, warnings = err, out.Result, out.Warnings
			})
			if c.kind == "" && failed != nil || c.kind != "" && (failed == nil || failed.Type != c.kind || !strings.Contains(failed.Message, c.says)) || !utf8.Valid(result) {
				t.Errorf("%.300s, %+v", result, failed)
			}
			if (len(warnings) > 0) != (name == "a result that is no UTF-8") {
				t.Errorf("warnings: %q", warnings)
			}
			if spent > c.most || sent.Load() > 32<<20 {
				t.Errorf("it took %d MiB for %d that were sent", spent>>20, sent.Load()>>20)
			}
			t.Logf("%d MiB for %d: %+v", spent>>20, sent.Load()>>20, failed)
			select {
			case <-left:
			case <-time.After(executortest.Patience):
				t.Error("the server still sends")
			}
		})
	}
}

// TestOutputsOverStdio covers programs that write endlessly to standard output
// or standard error.
func TestOutputsOverStdio(t *testing.T) { // not parallel: it measures memory
	reply := `printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"a\377b"}]}}\n' "$id"`
	for name, c := range map[string]struct {
		last string // what it does when a tool is called
		kind executors.ErrorType
		says string
	}{
		"an endless line":         {"tr '\\000' x </dev/zero", executors.ExecutionError, ""},
		"endless lines":           {"yes 'MARK'", executors.TimeoutError, ""},
		"endless notes":           {`yes '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"MARK"}}'`, executors.TimeoutError, ""},
		"an endless other output": {"yes MARK >&2 & sleep 0.2; " + reply, "", ""},
		"bytes":                   {"head -c 100000 /dev/urandom; echo; " + reply, "", ""},
		"bytes beside it":         {"head -c 100000 /dev/urandom >&2; " + reply, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			mark := rand.Text()
			program := script(t, strings.ReplaceAll(greet, "LAST", strings.ReplaceAll(c.last, "MARK", mark)))
			d := newCaller(t, policy.Config{}, program)
			var out json.RawMessage
			var failed *executors.Error
			spent := executortest.Spent(func() {
				got, err := d.call(t.Context(), object{"transport": "stdio", "command": []string{program}, "operation": "call_tool", "tool_name": "x", "timeout": 3})
				out, failed = got.Result, err
				if (len(got.Warnings) > 0) != (err == nil) { // the reply is not UTF-8
					t.Errorf("warnings: %q", got.Warnings)
				}
				if len(got.Stderr) > 10_000 || !utf8.ValidString(got.Stderr) {
					t.Errorf("%d bytes of its other output", len(got.Stderr))
				}
			})
			if c.kind == "" && (failed != nil || !strings.Contains(string(out), "a\uFFFDb")) || c.kind != "" && (failed == nil || failed.Type != c.kind) {
				t.Errorf("%.300s, %+v", out, failed)
			}
			t.Logf("%d MiB: %+v", spent>>20, failed)
			if err := d.registry.Close(); err != nil {
				t.Error(err)
			}
			if left := append(processes(t, program), processes(t, mark)...); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}
