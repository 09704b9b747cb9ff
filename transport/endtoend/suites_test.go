package endtoend

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// reply is the response to one request.
type reply struct {
	ID     json.RawMessage `json:"id"`
	Result *struct {
		IsError    bool            `json:"isError"`
		Structured json.RawMessage `json:"structuredContent"`
		Tools      []tool          `json:"tools"`
	} `json:"result"`
	Error *struct {
		Code    int
		Message string
	} `json:"error"`
}

// senders is how many requests are sent at a time.
const senders = 8

// wire sends one text and returns the one reply to it.
type wire func(text []byte) (reply, error)

// opening opens what can be opened, without real destinations.
func opening(t *testing.T) []string {
	t.Helper()
	folder := t.TempDir()
	config := fmt.Sprintf("policy:\n  files: {roots: {work: {path: %q, write: true}}}\n  databases: {caller_dsn: true}\n", folder)
	if runtime.GOOS != "windows" {
		config += "  command: {programs: [{path: /bin/true}]}\n"
	}
	path := filepath.Join(t.TempDir(), "chainwright.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--config", path}
}

func overHTTP(t *testing.T) wire {
	t.Helper()
	url := serve(t, append([]string{"--stateless"}, opening(t)...)...)
	sender := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	t.Cleanup(sender.CloseIdleConnections)
	return func(text []byte) (reply, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(text))
		if err != nil {
			return reply{}, err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := sender.Do(req)
		if err != nil {
			return reply{}, err
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			return reply{}, err
		}
		var r reply
		return r, json.Unmarshal(raw, &r)
	}
}

// overStdio sends one text after the other, because a text that is not JSON is
// answered without an id.
func overStdio(t *testing.T) wire {
	t.Helper()
	cmd := exec.Command(peers.Chainwright(t), append(opening(t), "--store", "memory", "stdio")...)
	cmd.Env, cmd.Dir, cmd.Stderr = environment(t), t.TempDir(), io.Discard
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	lines := bufio.NewReader(out)
	var one sync.Mutex
	return func(text []byte) (reply, error) {
		one.Lock()
		defer one.Unlock()
		if _, err := in.Write(append(bytes.ReplaceAll(text, []byte("\n"), []byte(" ")), '\n')); err != nil {
			return reply{}, err
		}
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return reply{}, err
		}
		var r reply
		return r, json.Unmarshal(line, &r)
	}
}

// tool is a tool and its string arguments.
type tool struct {
	Name        string
	InputSchema struct {
		Properties map[string]struct {
			Type  string
			AnyOf []struct{ Type string }
		}
		Required []string
	}
}

func listed(t *testing.T, send wire) []tool {
	t.Helper()
	r, err := send([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	if err != nil || r.Result == nil {
		t.Fatalf("listing the tools: %v, %v", err, r.Error)
	}
	return r.Result.Tools
}

func toolCall(name string, arguments []byte) []byte {
	b := append([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+name+`","arguments":`), arguments...)
	return append(b, "}}"...)
}

// clear reports what is wrong with a reply that should be one clear error, or a
// result.
func (r reply) clear() string {
	switch {
	case (r.Error == nil) == (r.Result == nil):
		return "it is neither an answer nor an error"
	case r.Error != nil && r.Error.Code != -32700 && r.Error.Code != -32600:
		return fmt.Sprintf("error %d: %s", r.Error.Code, r.Error.Message)
	case r.Error != nil && (r.Error.Message == "" || strings.Contains(r.Error.Message, "\n")):
		return fmt.Sprintf("the error is %q", r.Error.Message)
	case r.Error != nil:
		return ""
	}
	var envelope struct {
		Status    string
		Error     string
		ErrorType string `json:"error_type"`
	}
	if err := json.Unmarshal(r.Result.Structured, &envelope); err != nil {
		return err.Error()
	}
	if r.Result.IsError && (envelope.Error == "" || envelope.ErrorType == "" || strings.Contains(envelope.Error, "defect")) {
		return fmt.Sprintf("the error is %s %q", envelope.ErrorType, envelope.Error)
	}
	return ""
}

// Every text of JSONTestSuite, sent as the arguments of every tool, gets one
// clear error or a result, and the server continues to serve.
func TestJSONSuite(t *testing.T) {
	t.Parallel()
	texts := peers.JSONTexts(t)
	for name, open := range map[string]func(*testing.T) wire{"HTTP": overHTTP, "stdio": overStdio} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			send := open(t)
			tools := listed(t, send)
			for _, each := range texts {
				base, text := each.Name, each.Data
				if name == "stdio" && bytes.ContainsAny(text, "\n\r") {
					continue // a line break ends the message there
				}
				for _, tool := range tools {
					r, err := send(toolCall(tool.Name, text))
					if err != nil {
						t.Fatalf("%s, %s: %v", tool.Name, base, err)
					}
					if problem := r.clear(); problem != "" {
						t.Errorf("%s, %s: %s", tool.Name, base, problem)
					}
					if strings.HasPrefix(base, "n_") && r.Error == nil {
						t.Errorf("%s, %s was taken as JSON", tool.Name, base)
					}
				}
			}
			if again := listed(t, send); len(again) != len(tools) {
				t.Errorf("%d tools of %d are left", len(again), len(tools))
			}
		})
	}
}

// Every naughty string, in every string argument of every tool, gets a result
// or one clear error, and the server continues to serve.
func TestNaughtyStrings(t *testing.T) {
	t.Parallel()
	texts := peers.NaughtyStrings(t)
	send := overHTTP(t)
	tools := listed(t, send)
	var wait sync.WaitGroup
	places := make(chan func())
	for range senders {
		wait.Go(func() {
			for try := range places {
				try()
			}
		})
	}
	for _, text := range texts {
		for _, tool := range tools {
			for place := range tool.InputSchema.Properties {
				arguments, ok := tool.with(place, text)
				if !ok {
					continue
				}
				places <- func() {
					r, err := send(toolCall(tool.Name, arguments))
					if err != nil {
						t.Errorf("%s, %s: %v", tool.Name, arguments, err)
						return
					}
					if problem := r.clear(); problem != "" {
						t.Errorf("%s, %s: %s", tool.Name, arguments, problem)
					}
				}
			}
		}
	}
	close(places)
	wait.Wait()
	if again := listed(t, send); len(again) != len(tools) {
		t.Errorf("%d tools of %d are left", len(again), len(tools))
	}
}

// with returns arguments with a text in one place and short values in all other
// required places. It returns false if the place does not accept a string.
func (t *tool) with(place, text string) (json.RawMessage, bool) {
	property := t.InputSchema.Properties[place]
	takes := property.Type == "string"
	for _, kind := range property.AnyOf {
		takes = takes || kind.Type == "string"
	}
	if !takes {
		return nil, false
	}
	arguments := map[string]any{}
	for _, name := range t.InputSchema.Required {
		switch t.InputSchema.Properties[name].Type {
		case "array":
			arguments[name] = []any{}
		case "object":
			arguments[name] = map[string]any{}
		case "integer", "number":
			arguments[name] = 1
		default:
			arguments[name] = "x"
		}
	}
	if _, ok := t.InputSchema.Properties["timeout"]; ok {
		arguments["timeout"] = 1
	}
	arguments[place] = text
	raw, err := json.Marshal(arguments)
	return raw, err == nil
}
