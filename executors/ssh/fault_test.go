package ssh_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/internal/toxic"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/ssh"
)

func TestAgent(t *testing.T) {
	l := newLab(t)
	keyring := agent.NewKeyring()
	text, err := os.ReadFile(l.Key)
	if err != nil {
		t.Fatal(err)
	}
	key, err := xssh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := keyring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = agent.ServeAgent(keyring, conn) // until it is closed
			_ = conn.Close()
		}
	}()
	defer func() {
		_ = listener.Close()
		<-ended
	}()
	t.Setenv("SSH_AUTH_SOCK", socket)
	if out, err := l.call(t.Context(), l.direct("root", `"command": "echo in"`)); err != nil || out.Stdout != "in\n" {
		t.Errorf("%+v, %v", out, err)
	}
	if err := keyring.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.call(t.Context(), l.direct("visitor", `"command": "echo in"`)); err == nil || err.Type != executors.AuthenticationError {
		t.Errorf("without a key: %v", err)
	}
	t.Setenv("SSH_AUTH_SOCK", socket+"-gone")
	if _, err := l.call(t.Context(), l.direct("root", `"command": "echo in"`)); err == nil || err.Type != executors.AuthenticationError {
		t.Errorf("without an agent: %v", err)
	}
}

// through is a policy that reaches web01 through an address.
func (l *lab) through(tb testing.TB, address string) *policy.Policy {
	tb.Helper()
	host, port, _ := net.SplitHostPort(address)
	text, err := os.ReadFile(l.KnownHosts)
	if err != nil {
		tb.Fatal(err)
	}
	_, key, _ := strings.Cut(string(text), " ")
	known := filepath.Join(tb.TempDir(), "known_hosts")
	if err := os.WriteFile(known, fmt.Appendf(nil, "[%s]:%s %s", host, port, key), 0o600); err != nil {
		tb.Fatal(err)
	}
	number, _ := strconv.Atoi(port)
	return executortest.Policy(tb, policy.Config{
		SSH:         policy.SSH{Hosts: []string{"web01"}},
		Connections: map[string]policy.Connection{"web01": {Kind: "ssh", Host: host, Port: number, User: l.User, KeyFile: l.Key, KnownHosts: known}},
		Files:       policy.Files{Roots: map[string]policy.Root{"work": {Path: l.work, Write: true}}},
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	long := strings.Repeat("x", 5000) + "the end"
	if err := os.WriteFile(filepath.Join(l.Home, "long"), []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		more, answer string
		once         bool
	}{
		"a command":          {`"command": "cat long; : for ADDRESS"`, "the end", true},
		"a file into here":   {`"download": [{"from": "long"}]`, "the end", false},
		"a file into a file": {`"download": [{"from": "long", "path": "work:ADDRESS/long"}]`, `"size":5007`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			toxic.Faults(t, toxic.Peer{
				Address: net.JoinHostPort(l.Host, strconv.Itoa(l.Port)), Executor: "ssh_executor", Answer: c.answer, Keeps: true, Once: c.once, Grace: 10 * time.Second, Names: []string{"web01"},
				Amid: name != "a command",
				Open: func(tb testing.TB, address string) *executors.Registry {
					return executortest.Registry(tb, l.through(tb, address), ssh.New())
				},
				Inputs: func(address string) string {
					return `{"host": "web01", ` + strings.ReplaceAll(c.more, "ADDRESS", address) + `}`
				},
				Left: func(address string) []string {
					left, _ := filepath.Glob(filepath.Join(l.work, address, ".chainwright-*"))
					for _, line := range commandLines(t) {
						if strings.Contains(line, "for "+address) {
							left = append(left, line)
						}
					}
					return left
				},
			})
		})
	}
}

// TestCutWhileACommandRuns checks that a command ends on the host after its
// connection has broken.
func TestCutWhileACommandRuns(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	network := toxic.New(t, net.JoinHostPort(l.Host, strconv.Itoa(l.Port)))
	l.registry = executortest.Registry(t, l.through(t, network.Address), ssh.New())
	go func() {
		for !running(t, "3181") && t.Context().Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		network.End()
	}()
	out, err := l.call(t.Context(), `{"host": "web01", "command": "echo begun; sleep 3181", "timeout": 2}`)
	if err == nil || err.Type != executors.NetworkError || out.Success || out.Stdout != "begun\n" {
		t.Errorf("%+v, %+v", out, err)
	}
	if out, err := l.call(t.Context(), `{"host": "web01", "command": "pkill -f '^sleep 3181$'; echo again"}`); err != nil || out.Stdout != "again\n" {
		t.Errorf("the next call: %+v, %v", out, err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // it never accepts
	refused := peersAddress(t)
	l := newLab(t, func(_ *lab, cfg *policy.Config) {
		for name, address := range map[string]string{"mute": listener.Addr().String(), "closed": refused} {
			host, port, _ := net.SplitHostPort(address)
			number, _ := strconv.Atoi(port)
			c := cfg.Connections["web01"]
			c.Host, c.Port = host, number
			cfg.Connections[name] = c
			cfg.SSH.Hosts = append(cfg.SSH.Hosts, name)
		}
	})
	if _, err := l.call(t.Context(), `{"host": "closed", "command": "true"}`); err == nil || err.Type != executors.NetworkError || !err.Retryable {
		t.Errorf("%+v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := l.call(ctx, `{"host": "mute", "command": "true"}`); err == nil || err.Type != executors.TimeoutError {
		t.Errorf("%+v", err)
	}
}

// peersAddress returns an address without a listener.
func peersAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
