package conformance

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// program builds the real program once, and gives its path.
var program = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "chainwright-conformance-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "chainwright")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	build := exec.Command("go", "build", "-o", path, "../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	return path, build.Run()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func built(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatalf("building the program: %v", err)
	}
	return path
}

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

// serve starts the real program over HTTP, and gives its address.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(built(t), append([]string{"--store", "memory", "serve", "--addr", "127.0.0.1:0"}, args...)...)
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
		timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		<-drained
		_ = cmd.Wait() // an interrupt is told by the exit code
	})
	return url
}
