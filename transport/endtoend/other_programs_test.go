package endtoend

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// environment is a home of its own: no configuration, no earlier runs.
func environment(t *testing.T) []string {
	t.Helper()
	home := t.TempDir()
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "CHAINWRIGHT_") {
			env = append(env, entry)
		}
	}
	return append(env, "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home, "LOCALAPPDATA="+home, "APPDATA="+home)
}

// serve starts the program over HTTP, and returns its address.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(peers.Chainwright(t), append([]string{"--store", "memory", "serve", "--addr", "127.0.0.1:0"}, args...)...)
	cmd.Env, cmd.Dir = environment(t), t.TempDir()
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(logs)
	var url string
	for url == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the server did not start: %v", err)
		}
		var entry struct{ URL string }
		if json.Unmarshal([]byte(line), &entry) == nil {
			url = entry.URL
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, lines)
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			_ = cmd.Process.Kill()
		}
		timer := time.AfterFunc(executortest.Patience, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		<-drained
		_ = cmd.Wait() // the exit code reports the interrupt
	})
	return url
}
