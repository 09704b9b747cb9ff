package builtin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// closedPort returns an address at which nothing listens.
func closedPort(t *testing.T) (host string, port int, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	at := listener.Addr().(*net.TCPAddr)
	return "127.0.0.1", at.Port, at.String()
}

// The circuit breaker opens for every executor that dials: calls to a closed port
// soon fail at once, all with the same error.
func TestBreakerOpensForEveryExecutor(t *testing.T) {
	t.Parallel()
	for name, inputs := range map[string]string{
		"rest_executor":          `{"url": "http://ADDRESS/"}`,
		"scrape_executor":        `{"url": "http://ADDRESS/"}`,
		"websocket_executor":     `{"url": "ws://ADDRESS/", "message": "hello"}`,
		"apflow_api_executor":    `{"base_url": "http://ADDRESS", "method": "tasks.list", "params": {}}`,
		"mcp_executor":           `{"transport": "http", "url": "http://ADDRESS/mcp", "operation": "list_tools"}`,
		"grpc_executor":          `{"server": "ADDRESS", "service": "a.B", "method": "C", "plaintext": true}`,
		"ssh_executor":           `{"host": "shell", "command": "true"}`,
		"send_email_executor":    `{"to": ["ann@example.com"], "subject": "x", "body": "x"}`,
		"db_query on PostgreSQL": `{"connection": "pg", "query": "select 1"}`,
		"db_query on MariaDB":    `{"connection": "maria", "query": "select 1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, _, _ := strings.Cut(name, " ")
			host, port, address := closedPort(t)
			keys := t.TempDir()
			pol := executortest.Policy(t, policy.Config{
				Network: policy.Network{Allow: []string{"127.0.0.1"}},
				SSH:     policy.SSH{Hosts: []string{"shell"}},
				Breaker: policy.Breaker{Failures: 3, Longest: time.Hour},
				Connections: map[string]policy.Connection{
					"shell": {Kind: "ssh", Host: host, Port: port, User: "ann", KnownHosts: write(t, keys, "known_hosts", ""), PasswordFile: write(t, keys, "password", "not to be sent")},
					"mail":  {Kind: "smtp", Host: host, Port: port, TLS: "none", From: "bob@example.com"},
					"pg":    {Kind: "postgres", DSN: fmt.Sprintf("postgres://ann@%s/x?sslmode=disable", address)},
					"maria": {Kind: "mysql", DSN: fmt.Sprintf("ann@tcp(%s)/x", address)},
				},
			})
			registry := executortest.Registry(t, pol, builtin.All()...)
			call := strings.ReplaceAll(inputs, "ADDRESS", address)
			for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) { // gRPC waits before it dials again
				out := executortest.Call(t, registry, id, call)
				if out.Err == nil || out.Err.Type != executors.NetworkError {
					t.Fatalf("%+v", out.Err)
				}
				if out.Err.Code == executors.CodeLeftAlone {
					said := out.Err.Message
					if !out.Err.Retryable || out.Err.RetryAfter <= 0 || !strings.Contains(said, address) || !strings.Contains(said, "refused") || out.Err.Hint == "" {
						t.Errorf("%+v", out.Err)
					}
					return
				}
				if time.Since(begun) > executortest.Patience {
					t.Fatalf("the circuit breaker did not open: %+v", out.Err)
				}
			}
		})
	}
}

// The circuit breaker closes again once the server is back. Errors of a reachable
// server don't open it.
func TestBreakerCloses(t *testing.T) {
	t.Parallel()
	for range 10 { // another program may take the free port
		if breakerCloses(t) {
			return
		}
	}
	t.Error("no port stayed free")
}

func breakerCloses(t *testing.T) bool {
	t.Helper()
	_, _, address := closedPort(t)
	pol := executortest.Policy(t, policy.Config{
		Network: policy.Network{Allow: []string{"127.0.0.1"}},
		Breaker: policy.Breaker{Failures: 2, Longest: 20 * time.Millisecond},
	})
	registry := executortest.Registry(t, pol, builtin.All()...)
	inputs, err := json.Marshal(map[string]string{"url": "http://" + address})
	if err != nil {
		t.Fatal(err)
	}
	get := func() *executors.Error { return executortest.Call(t, registry, "rest_executor", string(inputs)).Err }
	for range 3 {
		if err := get(); err == nil {
			t.Fatal("a call to a closed port succeeded")
		}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "reachable, but failing")
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	defer func() {
		_ = server.Close()
		<-done
	}()
	begun := time.Now()
	for failed := get(); failed == nil || failed.Code != "500"; failed = get() {
		if time.Since(begun) > executortest.Patience {
			t.Fatalf("the circuit breaker did not close: %+v", failed)
		}
	}
	for range 20 { // HTTP errors don't count as failures to connect
		if failed := get(); failed == nil || failed.Code != "500" {
			t.Fatalf("%+v", failed)
		}
	}
	return true
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
