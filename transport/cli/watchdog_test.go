package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

// deafMark is the line on stderr when a call of deaf begins.
const deafMark = "the call has begun"

// deaf is an executor whose calls never return.
var deaf = executors.New(executors.MustParse(`
id: deaf
title: Deaf
description: Never returns.
toolset: own
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
timeout: {default: 600, ceiling: 600}
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {}}
`), func(context.Context, *executors.Call, struct{}) (struct{}, error) {
	fmt.Fprintln(os.Stderr, deafMark)
	select {}
})

// stuck is an executor whose Close never returns.
type stuck struct{ executors.Executor }

func (stuck) Close() error { select {} }

const (
	hello    = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}` + "\n"
	deafCall = hello + `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"deaf","arguments":{}}}` + "\n"
	deafTree = `{"tasks":[{"schemas":{"method":"deaf"}},{"schemas":{"method":"deaf"},"for_each":"${{ [1, 2] }}"}]}`
	deafRun  = hello + `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"run_task_tree","arguments":` + deafTree + `}}` + "\n"
)

// TestTheProcessEnds: the process ends by itself after a signal, at the end of
// stdin and at the end of a command, whatever calls and executors do. If
// something keeps it from stopping, it says so and ends with exit code 4.
func TestTheProcessEnds(t *testing.T) {
	t.Parallel()
	signalled := func(signal os.Signal) func(*process) {
		return func(p *process) { require.NoError(p.t, p.cmd.Process.Signal(signal)) }
	}
	term, interrupt := signalled(syscall.SIGTERM), signalled(os.Interrupt)
	eof := func(p *process) { require.NoError(p.t, p.stdin.Close()) }
	none := func(*process) {}
	serve := []string{"serve", "--addr", "127.0.0.1:0"}
	list := `{"jsonrpc":"2.0","id":3,"method":"tools/list"}` + "\n"
	ping := `{"jsonrpc":"2.0","id":4,"method":"ping"}` + "\n"
	// Their replies are more than pipes hold. A ping is answered before the next
	// message is read, so the reading stops.
	unread := hello + strings.Repeat(list, 200) + strings.Repeat(ping, 200)
	for name, c := range map[string]struct {
		program string
		args    []string
		stdin   string
		until   string // the text on stderr or stdout to wait for
		stop    func(*process)
		code    int
	}{
		"call, end of stdin":      {"chainwright-deaf", []string{"stdio"}, deafCall, deafMark, eof, exitDone},
		"call, SIGTERM":           {"chainwright-deaf", []string{"stdio"}, deafCall, deafMark, term, exitDone},
		"tree, end of stdin":      {"chainwright-deaf", []string{"stdio"}, deafRun, deafMark, eof, exitDone},
		"tree, SIGTERM":           {"chainwright-deaf", []string{"stdio"}, deafRun, deafMark, term, exitDone},
		"call over HTTP, SIGTERM": {"chainwright-deaf", serve, "", deafMark, term, exitDone},
		"run, interrupt":          {"chainwright-deaf", []string{"run", "tree.json"}, "", deafMark, interrupt, exitInterrupted},
		"run, SIGTERM":            {"chainwright-deaf", []string{"run", "tree.json"}, "", deafMark, term, exitInterrupted},
		"call command, interrupt": {"chainwright-deaf", []string{"call", "deaf"}, "", deafMark, interrupt, exitInterrupted},
		"stuck, end of stdin":     {"chainwright-stuck", []string{"stdio"}, hello, `"result"`, eof, exitStuck},
		"stuck, SIGTERM":          {"chainwright-stuck", []string{"stdio"}, hello, `"result"`, term, exitStuck},
		"stuck with a call":       {"chainwright-stuck", []string{"stdio"}, deafCall, deafMark, eof, exitStuck},
		"stuck over HTTP":         {"chainwright-stuck", serve, "", deafMark, interrupt, exitStuck},
		"stdout is not read":      {"chainwright", []string{"stdio"}, unread, "", eof, exitDone},
		"stuck after a command":   {"chainwright-stuck", []string{"executors"}, "", "", none, exitStuck},
		"stuck after a run":       {"chainwright-stuck", []string{"run", "tree.json"}, "", deafMark, term, exitStuck},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && !strings.Contains(name, "stdin") {
				t.Skip("there is no signal to send to a child on Windows")
			}
			p := startProcess(t, strings.HasPrefix(name, "stdout is not read"), c.program, c.args...)
			_, err := io.WriteString(p.stdin, c.stdin)
			require.NoError(t, err)
			p.await(c.until)
			c.stop(p)
			text := p.rest()
			require.Equal(t, c.code, p.cmd.ProcessState.ExitCode(), text)
			require.Equal(t, c.code == exitStuck, strings.Contains(text, "stopping took longer than"), text)
		})
	}
}

// process is a program that a test has started.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner // of stdout and stderr
}

// startProcess starts a program. If it is mute, its stdout is not read.
func startProcess(t *testing.T, mute bool, name string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), executortest.Patience)
	t.Cleanup(cancel)
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "tree.json"), []byte(deafTree), 0o600))
	grace := "100ms"
	if mute { // its replies are given up after 5 seconds, so the watchdog has to be more patient
		grace = "10s"
	}
	p := &process{t: t, cmd: exec.CommandContext(ctx, name, args...)}
	p.cmd.Dir = home
	p.cmd.Env = append(os.Environ(), "HOME="+home, "USERPROFILE="+home, "APPDATA="+home, "LOCALAPPDATA="+home, "XDG_DATA_HOME=", "XDG_CONFIG_HOME=",
		"CHAINWRIGHT_GRACE="+grace, "CHAINWRIGHT_STORE=memory", "CHAINWRIGHT_LLM_PROVIDER=none")
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, in, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { out.Close() })
	p.cmd.Stdout, p.cmd.Stderr = in, in
	if mute {
		unread, stdout, err := os.Pipe()
		require.NoError(t, err)
		t.Cleanup(func() { unread.Close(); stdout.Close() })
		p.cmd.Stdout = stdout
	}
	require.NoError(t, p.cmd.Start())
	require.NoError(t, in.Close())
	p.lines = bufio.NewScanner(out)
	return p
}

// await reads the output up to a text. It makes a call to the address at which
// the process serves.
func (p *process) await(text string) {
	p.t.Helper()
	for text != "" && p.lines.Scan() {
		line := p.lines.Text()
		if strings.Contains(line, text) {
			return
		}
		if _, after, found := strings.Cut(line, `"url":"`); found {
			url, _, _ := strings.Cut(after, `"`)
			c, err := client.HTTP(p.t.Context(), url, client.Options{Name: "t", Version: "1"})
			require.NoError(p.t, err)
			p.t.Cleanup(func() { _ = c.Close() })
			go func() { _, _ = c.Call(p.t.Context(), "deaf", map[string]any{}) }() // never answered
		}
	}
	if text != "" {
		p.t.Fatalf("the output ended without %q", text)
	}
}

// rest waits for the end of the process and returns the rest of its output.
func (p *process) rest() string {
	var text strings.Builder
	for p.lines.Scan() {
		text.WriteString(p.lines.Text() + "\n")
	}
	_ = p.cmd.Wait() // the exit code is checked
	return text.String()
}
