package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chainwright/chainwright/executors/executortest"
)

// panes counts the terminals: each has a server of its own, because one that is
// about to end takes no new session.
var panes atomic.Int64

// tmuxCommand returns a command for the tmux server of the script's last pane.
func tmuxCommand(ts *testscript.TestScript, args ...string) *exec.Cmd {
	cmd := exec.Command("tmux", append([]string{"-S", filepath.Join(ts.Getenv("WORK"), "tmux"+ts.Getenv("PANE")), "-f", os.DevNull}, args...)...) //nolint:gosec // by the test
	for _, name := range []string{"HOME", "PATH", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CHAINWRIGHT_LLM_PROVIDER", "CHAINWRIGHT_POLICY_NETWORK_ALLOW", "GORACE"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C.UTF-8", "TERM=xterm")
	cmd.Dir = ts.Getenv("WORK")
	return cmd
}

// pane starts a command in a terminal of tmux: pane COLUMNS LINES COMMAND. The
// terminal shows "the end" after it.
func pane(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 || neg {
		ts.Fatalf("usage: pane COLUMNS LINES COMMAND")
	}
	_ = tmuxCommand(ts, "kill-server").Run() // that of the pane before, if there is one
	ts.Setenv("PANE", fmt.Sprint(panes.Add(1)))
	end := tmuxCommand(ts, "kill-server")
	ts.Defer(func() { _ = end.Run() })
	out, err := tmuxCommand(ts, "new-session", "-d", "-x", args[0], "-y", args[1], args[2]+"; echo the end; exec sleep 600").CombinedOutput()
	if err != nil {
		ts.Fatalf("starting tmux: %v\n%s", err, out)
	}
}

// seen waits until the terminal shows a text, and prints what it shows: seen
// TEXT. Escape sequences of colours are included.
func seen(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: seen TEXT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), executortest.Patience)
	defer cancel()
	for {
		out, err := tmuxCommand(ts, "capture-pane", "-e", "-p").CombinedOutput()
		if err != nil {
			ts.Fatalf("reading the terminal: %v\n%s", err, out)
		}
		if strings.Contains(string(out), args[0]) {
			fmt.Fprint(ts.Stdout(), string(out))
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("the terminal does not show %q, but\n%s", args[0], out)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// keys types keys at the terminal: keys NAME.
func keys(ts *testscript.TestScript, _ bool, args []string) {
	if out, err := tmuxCommand(ts, append([]string{"send-keys"}, args...)...).CombinedOutput(); err != nil {
		ts.Fatalf("typing: %v\n%s", err, out)
	}
}
