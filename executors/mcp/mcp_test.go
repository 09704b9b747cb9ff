package mcp_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/mcp"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, mcp.New())
}

// caller calls the executor through a registry with a policy.
type caller struct {
	t        *testing.T
	registry *executors.Registry
}

func newCaller(t *testing.T, cfg policy.Config, programs ...string) *caller {
	t.Helper()
	cfg.Network.Allow = append(cfg.Network.Allow, "127.0.0.1")
	for _, path := range programs {
		cfg.Command.Programs = append(cfg.Command.Programs, policy.Program{Path: path, Env: []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"}})
	}
	return &caller{t, executortest.Registry(t, executortest.Policy(t, cfg), mcp.New())}
}

func (d *caller) call(ctx context.Context, inputs map[string]any, onProgress ...func(executors.Progress)) (mcp.Output, *executors.Error) {
	d.t.Helper()
	raw, err := json.Marshal(inputs)
	if err != nil {
		d.t.Fatal(err)
	}
	resolved, refused := d.registry.ResolveInputs("mcp_executor", raw)
	if refused != nil {
		return mcp.Output{}, refused
	}
	call := &executors.Call{Inputs: resolved, Attempt: 1}
	if len(onProgress) > 0 {
		call.OnProgress = onProgress[0]
	}
	outcome := d.registry.Invoke(ctx, "mcp_executor", call, 0)
	var out mcp.Output
	if len(outcome.Result) > 0 {
		if err := json.Unmarshal(outcome.Result, &out); err != nil {
			d.t.Fatalf("the result %s: %v", outcome.Result, err)
		}
	}
	return out, outcome.Err
}

type object = map[string]any

func with(base object, more object) object {
	all := object{}
	for _, each := range []object{base, more} {
		for key, value := range each {
			all[key] = value
		}
	}
	return all
}

// exercise runs every operation on the reference server.
func exercise(t *testing.T, d *caller, base object) {
	t.Helper()
	for _, c := range []struct {
		inputs object
		says   string
		err    executors.ErrorType
	}{
		{object{"operation": "list_tools"}, `"name":"echo"`, ""},
		{object{"operation": "call_tool", "tool_name": "echo", "arguments": object{"message": "Köln \u2028 <b>"}}, "Köln", ""},
		{object{"operation": "list_resources"}, `"uri":`, ""},
		{object{"operation": "list_prompts"}, `"name":"simple-prompt"`, ""},
		{object{"operation": "get_prompt", "prompt_name": "args-prompt", "arguments": object{"city": "Oslo"}}, "Oslo", ""},
		{object{"operation": "read_resource", "resource_uri": "demo://resource/dynamic/text/1"}, "demo://resource/dynamic/text/1", ""},
		{object{"operation": "call_tool", "tool_name": "no-such-tool"}, "", executors.ExecutionError},
		{object{"operation": "call_tool", "tool_name": "echo"}, "", executors.ExecutionError},
		{object{"operation": "read_resource", "resource_uri": "demo://nowhere"}, "", ""},
	} {
		out, err := d.call(t.Context(), with(base, c.inputs))
		if c.says == "" {
			if err == nil || err.Type == executors.TimeoutError || out.Success {
				t.Errorf("%v: %+v, %+v", c.inputs, out, err)
			}
			continue
		}
		if err != nil || !strings.Contains(string(out.Result), c.says) || out.Server.Name == "" || out.ProtocolVersion == "" {
			t.Errorf("%v: %s, %+v", c.inputs, out.Result, err)
		}
	}
	var mu sync.Mutex
	var reports []executors.Progress
	_, err := d.call(t.Context(), with(base, object{"operation": "call_tool", "tool_name": "trigger-long-running-operation", "arguments": object{"duration": 1, "steps": 4}}),
		func(p executors.Progress) {
			mu.Lock()
			defer mu.Unlock()
			reports = append(reports, p)
		})
	mu.Lock()
	defer mu.Unlock()
	if err != nil || len(reports) < 3 || reports[0].Total != 4 {
		t.Errorf("progress: %+v, %v", reports, err)
	}
}

func TestEverythingOverStdio(t *testing.T) {
	t.Parallel()
	program := peers.FindProgram(t, "mcp-server-everything").Path
	d := newCaller(t, policy.Config{}, program)
	exercise(t, d, object{"transport": "stdio", "command": []string{program, "stdio"}})
}

func TestEverythingOverHTTP(t *testing.T) {
	t.Parallel()
	program := peers.FindProgram(t, "mcp-server-everything").Path
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	serve(t, address, exec.Command(program, "streamableHttp"), "PORT="+port)
	exercise(t, newCaller(t, policy.Config{}), object{"transport": "http", "url": "http://" + address + "/mcp"})
}

// TestThisServer calls this program's own server in the newest revision.
func TestThisServer(t *testing.T) {
	t.Parallel()
	path := peers.Chainwright(t)
	home := t.TempDir()
	d := newCaller(t, policy.Config{}, path)
	stdio := object{"transport": "stdio", "command": []string{path, "stdio"}, "env": object{"HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}}
	address := freeAddress(t)
	serve(t, address, exec.Command(path, "serve", "--addr", address), "HOME="+home, "XDG_DATA_HOME="+home+"/http")
	for _, base := range []object{stdio, {"transport": "http", "url": "http://" + address + "/mcp"}} {
		out, err := d.call(t.Context(), with(base, object{"operation": "call_tool", "tool_name": "data_processor", "arguments": object{"data": []int{1, 2, 4}, "operation": "sum"}}))
		if err != nil || out.ProtocolVersion != "2026-07-28" || out.Server.Name != "chainwright" || !strings.Contains(string(out.Result), `"result":7`) {
			t.Errorf("%+v, %v", out, err)
		}
		out, err = d.call(t.Context(), with(base, object{"operation": "call_tool", "tool_name": "data_processor", "arguments": object{"data": 1, "operation": "nonsense"}}))
		if err == nil || err.Type != executors.ExecutionError || len(out.Result) == 0 || out.Error == "" {
			t.Errorf("a tool that fails: %+v, %v", out, err)
		}
		if out, err := d.call(t.Context(), with(base, object{"operation": "list_tools"})); err != nil || !strings.Contains(string(out.Result), "run_task_tree") {
			t.Errorf("%+v, %v", out, err)
		}
	}
	t.Run("faults", func(t *testing.T) {
		faults(t, address, "/mcp", `"operation": "call_tool", "tool_name": "data_processor", "arguments": {"data": ["`+strings.Repeat("x", 5000)+`the end"], "operation": "unique"}`, "the end")
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// serve runs a server until the test ends. It returns when the server is ready.
func serve(t *testing.T, address string, command *exec.Cmd, env ...string) {
	t.Helper()
	command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	var said strings.Builder
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	for begin := time.Now(); time.Since(begin) < executortest.Patience; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
	}
	_ = command.Process.Kill()
	_ = command.Wait()
	t.Fatalf("%s does not answer: %s", command.Path, said.String())
}

func TestInvalidInputs(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("cat")
	if err != nil {
		t.Skipf("not installed: %v", err)
	}
	d := newCaller(t, policy.Config{}, program)
	for _, c := range []struct {
		inputs object
		err    executors.ErrorType
		field  string
	}{
		{object{"transport": "http", "operation": "list_tools"}, executors.ValidationError, "url"},
		{object{"transport": "stdio", "operation": "list_tools"}, executors.ValidationError, "command"},
		{object{"transport": "http", "url": "http://127.0.0.1/", "operation": "call_tool"}, executors.ValidationError, "tool_name"},
		{object{"transport": "http", "url": "http://127.0.0.1/", "operation": "list_tools", "command": []string{"cat"}}, executors.ValidationError, "command"},
		{object{"transport": "http", "url": "http://127.0.0.1/", "operation": "list_tools", "headers": object{"Mcp-Session-Id": "x"}}, executors.ValidationError, "headers.Mcp-Session-Id"},
		{object{"transport": "http", "url": "file:///etc/passwd", "operation": "list_tools"}, executors.ValidationError, "url"},
		{object{"transport": "http", "url": "http://10.0.0.1/", "operation": "list_tools"}, executors.PermissionDenied, "url"},
		{object{"transport": "http", "url": "http://169.254.169.254/latest", "operation": "list_tools"}, executors.PermissionDenied, "url"},
		{object{"transport": "http", "url": "http://[::ffff:169.254.169.254]/", "operation": "list_tools"}, executors.PermissionDenied, "url"},
		{object{"transport": "http", "url": "http://127.0.0.1/", "operation": "list_tools", "headers": object{"A": "b\r\nC: d"}}, executors.ValidationError, ""},
		{object{"transport": "stdio", "command": []string{"/bin/sh", "-c", "id"}, "operation": "list_tools"}, executors.PermissionDenied, "command"},
		{object{"transport": "stdio", "command": []string{"cat"}, "env": object{"LD_PRELOAD": "/tmp/x.so"}, "operation": "list_tools"}, executors.PermissionDenied, ""},
		{object{"transport": "stdio", "command": []string{"cat"}, "cwd": "/etc", "operation": "list_tools"}, executors.PermissionDenied, "cwd"},
		{object{"transport": "stdio", "command": []string{"cat"}, "operation": "list_tools", "url": "http://127.0.0.1/"}, executors.ValidationError, "url"},
		{object{"transport": "http", "url": "http://127.0.0.1/", "operation": "get_prompt", "prompt_name": "x", "arguments": object{"a": []int{1}}}, "", ""},
	} {
		_, err := d.call(t.Context(), c.inputs)
		if err == nil || c.err != "" && err.Type != c.err || c.field != "" && err.Field != c.field {
			t.Errorf("%v: %+v", c.inputs, err)
		}
	}
	closed := newCaller(t, policy.Config{})
	if _, err := closed.call(t.Context(), object{"transport": "stdio", "command": []string{"cat"}, "operation": "list_tools"}); err == nil || err.Type != executors.PermissionDenied || !strings.Contains(err.Hint, "policy.command.programs") {
		t.Errorf("closed: %+v", err)
	}
}

// TestReadOnly checks that a read-only server allows only reads over HTTP.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	server := old(t, "2025-06-18", false)
	d := newCaller(t, policy.Config{ReadOnly: true})
	base := object{"transport": "http", "url": server}
	if _, err := d.call(t.Context(), with(base, object{"operation": "list_tools"})); err != nil {
		t.Error(err)
	}
	if _, err := d.call(t.Context(), with(base, object{"operation": "call_tool", "tool_name": "add"})); err == nil || err.Type != executors.PermissionDenied {
		t.Error(err)
	}
}
