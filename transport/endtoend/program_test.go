package endtoend

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

// home is a user who has only the given configuration.
type home struct {
	dir, config string
	variables   []string // added to the environment of the test
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
	// The settings of the user who runs the tests are not used.
	own := slices.DeleteFunc(os.Environ(), func(each string) bool { return strings.HasPrefix(each, "CHAINWRIGHT_") })
	return append(append(own, h.variables...), "HOME="+h.dir, "XDG_DATA_HOME="+h.dir, "XDG_CONFIG_HOME="+h.dir,
		"LOCALAPPDATA="+h.dir, "APPDATA="+h.dir, "USERPROFILE="+h.dir, "CHAINWRIGHT_CONFIG="+h.config)
}

// command runs the program to its end and returns its output.
func (h home) command(t *testing.T, arguments ...string) (stdout string, exit int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), peers.Chainwright(t), arguments...)
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

// revision is the revision of most of these tests: in it, the client is
// notified of changes without a subscription.
const revision = "2025-11-25"

// stdio starts the program on stdin and stdout and connects to it.
func (h home) stdio(t *testing.T) *client.Client {
	t.Helper()
	return h.connect(t, "", client.Options{})
}

// connect connects to a URL, or starts the program on stdin and stdout.
func (h home) connect(t *testing.T, url string, opts client.Options) *client.Client {
	t.Helper()
	opts.Name, opts.Version = "endtoend", "1"
	if opts.Revision == "" {
		opts.Revision = revision
	}
	path := peers.Chainwright(t)
	var c *client.Client
	var err error
	if url != "" {
		c, err = client.HTTP(t.Context(), url, opts)
	} else {
		c, err = client.Stdio(t.Context(), func(ctx context.Context) *exec.Cmd {
			cmd := exec.CommandContext(ctx, path, "stdio")
			cmd.Env = h.environment()
			return cmd
		}, nil, opts)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.Equal(t, opts.Revision, c.Revision())
	return c
}

// told connects over stdio, and signals changes of the tools.
func (h home) told(t *testing.T) (c *client.Client, changed chan struct{}) {
	t.Helper()
	changed = make(chan struct{}, 100)
	return h.connect(t, "", client.Options{OnToolsChanged: func() { changed <- struct{}{} }}), changed
}

// published returns the names of the tools that a server lists.
func published(t *testing.T, c *client.Client) (names []string) {
	t.Helper()
	list, err := c.Tools(t.Context())
	require.NoError(t, err)
	for _, tool := range list {
		names = append(names, tool.Name)
	}
	return names
}

// serve starts the program on a free loopback port.
func (h home) serve(t *testing.T) (url string) {
	t.Helper()
	address := freeAddress(t)
	cmd := exec.Command(peers.Chainwright(t), "serve", "--addr", address)
	cmd.Env, cmd.Dir = h.environment(), h.dir
	serving(t, cmd, address)
	return "http://" + address + "/mcp"
}

// http starts the program on a free loopback port and connects to it.
func (h home) http(t *testing.T) (c *client.Client, url string) {
	t.Helper()
	url = h.serve(t)
	return h.connect(t, url, client.Options{}), url
}

// freeAddress returns a loopback address without a listener.
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
	}, executortest.Patience, 10*time.Millisecond, "%s does not listen", cmd.Path)
}

// call calls a tool and returns its envelope.
func call(ctx context.Context, t *testing.T, c *client.Client, tool string, arguments any) map[string]any {
	t.Helper()
	text, err := c.Call(ctx, tool, arguments)
	require.NoError(t, err)
	var envelope map[string]any
	require.NoError(t, json.Unmarshal(text, &envelope), string(text))
	return envelope
}
