//go:build unix

package docker_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/docker"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/internal/toxic"
	"github.com/chainwright/chainwright/executors/policy"
)

// faults covers network faults between the executor and a remote engine.
func faults(t *testing.T, l *lab) {
	toxic.Faults(t, toxic.Peer{
		Address: relay(t, strings.TrimPrefix(l.engine.DaemonHost(), "unix://")), Executor: "docker_executor", Answer: "the end",
		Keeps: true, Once: true, Mid: 3000, Names: []string{"container engine", "tool:1"}, Grace: 20 * time.Second,
		Open: func(tb testing.TB, address string) *executors.Registry {
			return executortest.Registry(tb, executortest.Policy(tb, policy.Config{Docker: policy.Docker{Images: []string{"tool:1"}, Host: "tcp://" + address}}), docker.New())
		},
		Inputs: func(address string) string {
			return fmt.Sprintf(`{"image": "tool:1", "command": ["echo", "for %s", %q]}`, address, strings.Repeat("x", 5000)+"the end")
		},
		Left: func(address string) []string {
			var left []string
			for _, each := range l.containers(t) {
				if strings.Contains(each.Command, "for "+address) {
					left = append(left, string(each.State)+" "+each.Names[0])
				}
			}
			return left
		},
	})
}

// gone covers an engine that is unreachable when the container is removed.
func gone(t *testing.T, l *lab) {
	network := toxic.New(t, relay(t, strings.TrimPrefix(l.engine.DaemonHost(), "unix://")))
	away := &lab{engine: l.engine, registry: executortest.Registry(t, executortest.Policy(t,
		policy.Config{Docker: policy.Docker{Images: []string{"tool:1"}, Host: "tcp://" + network.Address}}), docker.New())}
	go func() {
		for t.Context().Err() == nil && !running(l) {
			time.Sleep(10 * time.Millisecond)
		}
		network.Down()
	}()
	_, err := away.call(t.Context(), t, `"command": ["sleep", "60"]`)
	if err == nil || err.Type != executors.NetworkError || err.Retryable || !strings.Contains(err.Hint, "still exists") {
		t.Errorf("%+v", err)
	}
	network.Up(t)
	if _, err := away.call(t.Context(), t, `"command": "echo"`); err != nil {
		t.Errorf("afterwards: %+v", err)
	}
	if left := l.containers(t); len(left) > 0 {
		t.Errorf("left behind: %+v", left)
	}
}

// relay returns a TCP address that forwards to a socket.
func relay(t *testing.T, socket string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ends sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		ends.Wait()
	})
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_, _ = to.Close(), from.Close()
	}
	ends.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("unix", socket)
			if err != nil {
				_ = from.Close()
				continue
			}
			ends.Go(func() { pass(to, from) })
			ends.Go(func() { pass(from, to) })
		}
	})
	return listener.Addr().String()
}
