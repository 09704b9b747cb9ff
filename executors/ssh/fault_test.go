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
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
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

// proxied is a lab whose connection goes by way of a proxy.
func proxied(t *testing.T) (*lab, *peers.Proxy) {
	t.Helper()
	var proxy *peers.Proxy
	l := newLab(t, func(l *lab, cfg *policy.Config) {
		proxy = peers.StartProxy(l.t, net.JoinHostPort(l.Host, strconv.Itoa(l.Port)))
		host, port, _ := net.SplitHostPort(proxy.Addr)
		text, err := os.ReadFile(l.KnownHosts)
		if err != nil {
			l.t.Fatal(err)
		}
		_, key, _ := strings.Cut(string(text), " ")
		known := filepath.Join(l.work, "proxy_hosts")
		if err := os.WriteFile(known, fmt.Appendf(nil, "[%s]:%s %s", host, port, key), 0o600); err != nil {
			l.t.Fatal(err)
		}
		number, _ := strconv.Atoi(port)
		cfg.Connections["web01"] = policy.Connection{Kind: "ssh", Host: host, Port: number, User: l.User, KeyFile: l.Key, KnownHosts: known}
	})
	return l, proxy
}

func TestCutInMidAnswer(t *testing.T) {
	t.Parallel()
	l, proxy := proxied(t)
	go func() {
		for !running(t, "3181") && t.Context().Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		proxy.Cut()
	}()
	out, err := l.call(t.Context(), `{"host": "web01", "command": "echo begun; sleep 3181", "timeout": 2}`)
	if err == nil || err.Type != executors.NetworkError || out.Success {
		t.Errorf("%+v, %+v", out, err)
	}
	if out, err := l.call(t.Context(), `{"host": "web01", "command": "pkill -f '^sleep 3181$'; echo again"}`); err != nil || out.Stdout != "again\n" {
		t.Errorf("the next call: %+v, %v", out, err)
	}
	proxy.Cut()
	proxy.CutAfter(600)
	if _, err := l.call(t.Context(), `{"host": "web01", "command": "true"}`); err == nil || err.Type != executors.NetworkError {
		t.Errorf("cut in the handshake: %+v", err)
	}
}

// A host that says nothing more costs the time-out and not longer.
func TestSilence(t *testing.T) {
	t.Parallel()
	l, proxy := proxied(t)
	if _, err := l.call(t.Context(), `{"host": "web01", "command": "true"}`); err != nil {
		t.Fatal(err)
	}
	proxy.Hold(true)
	begin := time.Now()
	if _, err := l.call(t.Context(), `{"host": "web01", "command": "true", "timeout": 0.5}`); err == nil || err.Type != executors.TimeoutError {
		t.Errorf("%+v", err)
	}
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
	proxy.Hold(false)
	if _, err := l.call(t.Context(), `{"host": "web01", "command": "true"}`); err != nil {
		t.Errorf("afterwards: %v", err)
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

// peersAddress is one that nobody listens at.
func peersAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
