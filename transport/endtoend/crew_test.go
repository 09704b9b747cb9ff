package endtoend

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

// counter is a peer that counts the requests by method and path, and takes a
// while for each.
type counter struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string]int
}

// took returns a random time from 20 to 220 ms.
func took() time.Duration { return time.Duration(20+rand.IntN(200)) * time.Millisecond }

// newCounter returns a peer. Each request takes as long as lasts returns.
func newCounter(t *testing.T, lasts func() time.Duration) *counter {
	c := &counter{calls: map[string]int{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.calls[r.Method+" "+r.URL.Path]++
		c.mu.Unlock()
		time.Sleep(lasts())
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"path": %q}`, r.URL.Path)
	}))
	t.Cleanup(c.Close)
	return c
}

// crew are servers over one store, which are killed and started again.
type crew struct {
	t         *testing.T
	program   string
	settings  string
	more      []string // arguments of each server
	addresses []string
	folders   []string // the home of each server, which its next process has too
	mu        sync.Mutex
	running   []*exec.Cmd
}

func newCrew(t *testing.T, n int, settings map[string]any) *crew {
	t.Helper()
	return newCrewOf(t, n, settings, peers.Chainwright(t))
}

// newCrewOf returns servers of a program, with more arguments.
func newCrewOf(t *testing.T, n int, settings map[string]any, program string, more ...string) *crew {
	t.Helper()
	c := &crew{t: t, program: program, more: more, settings: filepath.Join(t.TempDir(), "settings.yaml"), running: make([]*exec.Cmd, n)}
	trees := t.TempDir()
	for name, tree := range savedParts() {
		text, err := json.Marshal(tree)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(trees, name+".json"), text, 0o600))
	}
	settings["trees"] = trees
	text, err := yaml.Marshal(settings)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(c.settings, text, 0o600))
	for i := range n {
		c.addresses, c.folders = append(c.addresses, freeAddress(t)), append(c.folders, t.TempDir())
		c.start(i)
	}
	for _, address := range c.addresses {
		require.Eventually(t, func() bool {
			conn, err := net.Dial("tcp", address)
			return err == nil && conn.Close() == nil
		}, executortest.Patience, 10*time.Millisecond, "no server at %s", address)
	}
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, cmd := range c.running {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return c
}

// start starts a server. Each one has a data folder of its own.
func (c *crew) start(i int) {
	h := home{dir: c.folders[i], config: c.settings}
	cmd := exec.Command(c.program, append([]string{"serve", "--stateless", "--addr", c.addresses[i]}, c.more...)...)
	cmd.Env, cmd.Dir, cmd.Stderr = h.environment(), h.dir, &logged{t: c.t, name: strconv.Itoa(i)}
	require.NoError(c.t, cmd.Start())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running[i] = cmd
}

// kill kills a server and starts another one at its address.
func (c *crew) kill(i int) {
	c.mu.Lock()
	cmd := c.running[i]
	c.mu.Unlock()
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	c.start(i)
}

// signal sends a signal to a server.
func (c *crew) signal(i int, s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	require.NoError(c.t, c.running[i].Process.Signal(s))
}

// call calls a tool at whichever server answers. The call may be made several
// times.
func (c *crew) call(first int, tool string, arguments any) map[string]any {
	end := time.Now().Add(2 * executortest.Patience)
	for i := first; ; i++ {
		envelope, err := c.try(c.addresses[i%len(c.addresses)], tool, arguments)
		if err == nil {
			return envelope
		}
		if time.Now().After(end) {
			c.t.Errorf("%s: no server answers: %v", tool, err)
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *crew) try(address, tool string, arguments any) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	conn, err := client.HTTP(ctx, "http://"+address+"/mcp", client.Options{Name: "crew", Version: "1", Revision: revision})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	text, err := conn.Call(ctx, tool, arguments)
	if err != nil {
		return nil, err
	}
	var envelope map[string]any
	if err := json.Unmarshal(text, &envelope); err != nil {
		return nil, err
	}
	return envelope, nil
}

// logged writes what a server says of runs to the log of the test.
type logged struct {
	t    *testing.T
	name string
}

func (l *logged) Write(p []byte) (int, error) {
	if strings.Contains(string(p), `"level":"error"`) {
		fmt.Fprintf(os.Stderr, "server %s: %s", l.name, p)
	}
	return len(p), nil
}
