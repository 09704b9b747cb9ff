package endtoend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// program is the path of the built program; TestMain builds it once.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "chainwright")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		program = filepath.Join(dir, "chainwright")
		if runtime.GOOS == "windows" {
			program += ".exe"
		}
		build := exec.Command("go", "build", "-o", program, "github.com/chainwright/chainwright")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, text)
			return 1
		}
		return m.Run()
	}())
}

// home is a user who has nothing but the given configuration.
type home struct {
	dir, config string
	variables   []string // of the environment, beside those of the test
}

func newHome(t *testing.T, configuration map[string]any) home {
	t.Helper()
	h := home{dir: t.TempDir()}
	text, err := yaml.Marshal(configuration)
	require.NoError(t, err)
	h.config = filepath.Join(h.dir, "settings.yaml")
	require.NoError(t, os.WriteFile(h.config, text, 0o600))
	return h
}

func (h home) environment() []string {
	// Settings of whoever runs the tests are not this user's.
	own := slices.DeleteFunc(os.Environ(), func(each string) bool { return strings.HasPrefix(each, "CHAINWRIGHT_") })
	return append(append(own, h.variables...), "HOME="+h.dir, "XDG_DATA_HOME="+h.dir, "XDG_CONFIG_HOME="+h.dir,
		"LOCALAPPDATA="+h.dir, "APPDATA="+h.dir, "USERPROFILE="+h.dir, "CHAINWRIGHT_CONFIG="+h.config)
}

// command runs the program to its end and returns what it printed.
func (h home) command(t *testing.T, arguments ...string) (stdout string, exit int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, arguments...)
	cmd.Env, cmd.Dir = h.environment(), h.dir
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	t.Logf("chainwright %q: exit %d\n%s", arguments, cmd.ProcessState.ExitCode(), problems.String())
	return out.String(), cmd.ProcessState.ExitCode()
}

// stdio starts the program on stdin and stdout and shakes hands with it.
func (h home) stdio(t *testing.T) *client.Client {
	t.Helper()
	c := client.NewClient(h.wire())
	require.NoError(t, c.Start(t.Context()))
	return handshake(t, c)
}

// wire is the program on stdin and stdout, to be started by a client.
func (h home) wire() *transport.Stdio {
	start := func(ctx context.Context, name string, environment, arguments []string) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, name, arguments...)
		cmd.Env = environment // and nothing of the test's own beside it
		return cmd, nil
	}
	return transport.NewStdioWithOptions(program, h.environment(), []string{"stdio"}, transport.WithCommandFunc(start))
}

// serve starts the program on a free loopback port.
func (h home) serve(t *testing.T) (url string) {
	t.Helper()
	address := freeAddress(t)
	cmd := exec.Command(program, "serve", "--addr", address)
	cmd.Env, cmd.Dir = h.environment(), h.dir
	serving(t, cmd, address)
	return "http://" + address + "/mcp"
}

// http starts the program on a free loopback port and shakes hands with it.
func (h home) http(t *testing.T) (c *client.Client, url string) {
	t.Helper()
	url = h.serve(t)
	c, err := client.NewStreamableHttpClient(url, transport.WithHTTPTimeout(2*time.Minute))
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context()))
	return handshake(t, c), url
}

// freeAddress is a loopback address that nobody listens at.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// serving starts a server that ends with the test, and returns when it listens.
func serving(t testing.TB, cmd *exec.Cmd, address string) {
	t.Helper()
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, 20*time.Second, 10*time.Millisecond, "%s does not listen", cmd.Path)
}

func handshake(t *testing.T, c *client.Client) *client.Client {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	_, err := c.Initialize(t.Context(), mcp.InitializeRequest{Params: mcp.InitializeParams{
		ProtocolVersion: "2025-11-25", ClientInfo: mcp.Implementation{Name: "endtoend", Version: "1"},
	}})
	require.NoError(t, err)
	return c
}

// call calls a tool and returns its envelope.
func call(ctx context.Context, t *testing.T, c *client.Client, tool string, arguments any) map[string]any {
	t.Helper()
	answer, err := c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}})
	require.NoError(t, err)
	require.NotEmpty(t, answer.Content)
	text, ok := answer.Content[0].(mcp.TextContent)
	require.True(t, ok)
	var envelope map[string]any
	require.NoError(t, json.Unmarshal([]byte(text.Text), &envelope), text.Text)
	return envelope
}
