package cli

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestServeAnswersAndStopsWhenToldTo starts the program as a process, as an
// operator does.
func TestServeAnswersAndStopsWhenToldTo(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there is no interrupt to send to a child on Windows")
	}
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "chainwright", "serve", "--addr", "127.0.0.1:0", "--store", "memory")
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME=", "XDG_CONFIG_HOME=")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	url := ""
	lines := bufio.NewScanner(stderr)
	for url == "" && lines.Scan() {
		var line struct{ URL string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line), lines.Text())
		url = line.URL
	}
	require.NotEmpty(t, url, "it never said where it serves")
	client := http.Client{Timeout: 10 * time.Second}
	for _, path := range []string{"/healthz", "/readyz"} {
		answer, err := client.Get(strings.TrimSuffix(url, "/mcp") + path)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode, path)
	}

	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	for lines.Scan() { // the rest of its output
	}
	require.NoError(t, cmd.Wait(), "a server that is asked to stop ends without an error")
}
