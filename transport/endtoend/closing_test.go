//go:build unix

package endtoend

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// closings are the ways in which a client ends a server over stdio.
var closings = map[string]func(s *serverProcess) error{
	"end of input": func(s *serverProcess) error { return s.in.Close() },
	"SIGTERM":      func(s *serverProcess) error { return s.cmd.Process.Signal(syscall.SIGTERM) },
	"SIGKILL":      func(s *serverProcess) error { return s.cmd.Process.Kill() },
}

// busy is work in the middle of which a server is closed. NOTE stands for a
// command that notes its process, and SLEEP for one that then goes on for long.
var busy = map[string]struct {
	tool, arguments string
	processes       int    // that note themselves
	linux           bool   // elsewhere, what leaves its group is not found
	state           string // of the run; "": a direct call's
}{
	"a program":             {tool: "command_executor", arguments: `{"command":"NOTE; exec SLEEP","timeout":3000}`, processes: 1},
	"grandchildren":         {tool: "command_executor", arguments: `{"command":"(NOTE; exec SLEEP) & (NOTE; exec nohup SLEEP) >/dev/null 2>&1 & NOTE; wait","timeout":3000}`, processes: 3},
	"sessions of their own": {tool: "command_executor", arguments: `{"command":"setsid sh -c 'NOTE; exec SLEEP' >/dev/null 2>&1 & NOTE; wait","timeout":3000}`, processes: 2, linux: true},
	"what ignores SIGTERM":  {tool: "command_executor", arguments: `{"command":"trap '' TERM; NOTE; SLEEP; SLEEP","timeout":3000}`, processes: 1},
	"parallel tasks": {
		tool: "run_task_tree", processes: 3, state: "failed",
		arguments: `{"wait_seconds":0,"tasks":[{"id":"each","schemas":{"method":"command_executor"},"for_each":[1,2],"inputs":{"command":"NOTE; exec SLEEP","timeout":3000}},
			{"id":"deaf","schemas":{"method":"command_executor"},"inputs":{"command":"trap '' TERM; NOTE; SLEEP; SLEEP","timeout":3000}},
			{"id":"after","schemas":{"method":"command_executor"},"inputs":{"command":"true"},"dependencies":["each"]}]}`,
	},
	"an MCP server's program": {
		tool: "mcp_executor", processes: 1,
		arguments: `{"transport":"stdio","command":["PROGRAM","stdio","--config","CONFIG","--store","memory"],"operation":"call_tool","tool_name":"command_executor",
			"arguments":{"command":"NOTE; exec SLEEP","timeout":3000},"timeout":3000}`,
	},
}

// TestClosingLeavesNothingBehind: however a server ends, the programs that it
// started end with it. Unless it was killed, what was running is on record.
func TestClosingLeavesNothingBehind(t *testing.T) {
	for ending, closes := range closings {
		for name, work := range busy {
			t.Run(ending+"/"+name, func(t *testing.T) {
				t.Parallel()
				if _, err := os.Stat("/proc/self/environ"); err != nil && work.linux {
					t.Skip("processes that left their group are found on Linux only")
				}
				s := startBusy(t)
				s.start(work.tool, work.arguments)
				pids := s.noted(work.processes)
				require.NoError(t, closes(s))
				s.gone(pids)
				if ending == "SIGKILL" {
					return
				}
				state := "cancelled"
				if work.state != "" {
					state = work.state
				}
				require.Equal(t, []string{state}, s.recorded())
			})
		}
	}
}

// TestClosingSeveralAtOnce: calls and runs of all kinds end together.
func TestClosingSeveralAtOnce(t *testing.T) {
	t.Parallel()
	s := startBusy(t)
	processes := 0
	for _, work := range busy {
		if !work.linux {
			s.start(work.tool, work.arguments)
			processes += work.processes
		}
	}
	pids := s.noted(processes)
	require.NoError(t, s.in.Close())
	s.gone(pids)
	require.Len(t, s.recorded(), 5)
}

// serverProcess is a chainwright over stdio whose programs note their processes
// in a file.
type serverProcess struct {
	t     *testing.T
	home  home
	notes string
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	calls int
}

func startBusy(t *testing.T) *serverProcess {
	t.Helper()
	h := newHome(t, map[string]any{"policy": map[string]any{"command": map[string]any{
		"shell": true, "programs": []any{map[string]any{"path": peers.Chainwright(t)}},
	}}})
	s := &serverProcess{t: t, home: h, notes: filepath.Join(h.dir, "notes")}
	s.cmd = exec.Command(peers.Chainwright(t), "stdio")
	s.cmd.Env, s.cmd.Dir, s.cmd.Stderr = h.environment(), h.dir, os.Stderr
	var err error
	s.in, err = s.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() { _ = s.in.Close(); _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	s.out = bufio.NewReader(out)
	s.send(`{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	_, err = s.out.ReadString('\n')
	require.NoError(t, err)
	s.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return s
}

func (s *serverProcess) send(line string) {
	s.t.Helper()
	_, err := io.WriteString(s.in, line+"\n")
	require.NoError(s.t, err)
}

// start calls a tool and does not wait for the reply.
func (s *serverProcess) start(tool, arguments string) {
	s.t.Helper()
	arguments = strings.NewReplacer("\n", "", "\t", "", "NOTE", "echo $$ >>"+s.notes, "SLEEP", "sleep 1000", "PROGRAM", peers.Chainwright(s.t), "CONFIG", s.home.config).Replace(arguments)
	s.calls++
	s.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, s.calls, tool, arguments))
}

// noted waits until so many processes have noted themselves.
func (s *serverProcess) noted(n int) (pids []int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		text, _ := os.ReadFile(s.notes)
		lines := strings.Fields(string(text))
		pids = nil
		for _, line := range lines {
			if pid, err := strconv.Atoi(line); err == nil {
				pids = append(pids, pid)
			}
		}
		return len(pids) == n
	}, executortest.Patience, 10*time.Millisecond, "the programs were not started")
	return pids
}

// gone waits until the server and the processes have ended.
func (s *serverProcess) gone(pids []int) {
	s.t.Helper()
	executortest.Ends(s.t, "the server", func() {
		_, _ = io.Copy(io.Discard, s.out)
		_ = s.cmd.Wait()
	})
	for _, pid := range pids {
		require.Eventually(s.t, func() bool { return !runs(pid) }, executortest.Patience, 5*time.Millisecond, "process %d is left", pid)
	}
}

// runs reports whether a process runs. A zombie does not.
func runs(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		_, noProc := os.Stat("/proc/self/stat")
		return noProc != nil // the signal's answer counts
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// recorded returns the states of the runs on record.
func (s *serverProcess) recorded() (states []string) {
	s.t.Helper()
	out, exit := s.home.command(s.t, "runs", "--json")
	require.Zero(s.t, exit)
	var list struct{ Runs []struct{ Status string } }
	require.NoError(s.t, json.Unmarshal([]byte(out), &list), out)
	for _, run := range list.Runs {
		states = append(states, run.Status)
	}
	return states
}
