package policy_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/policy/breaker"
)

func TestHeadersOfConnections(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-a-file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := open(t, policy.Config{Connections: map[string]policy.Connection{
		"shop":    {Kind: "grpc", Host: "h", TokenEnv: "TOKEN", HeadersEnv: map[string]string{"X-Api-Key": "KEY"}},
		"file":    {Kind: "mcp", URL: "https://h/", TokenFile: file},
		"plain":   {Kind: "grpc", Host: "h"},
		"unset":   {Kind: "grpc", Host: "h", TokenEnv: "UNSET"},
		"short":   {Kind: "grpc", Host: "h", TokenEnv: "SHORT"},
		"injects": {Kind: "mcp", URL: "https://h/", HeadersEnv: map[string]string{"X-Team": "INJECTS"}},
	}}, environment(map[string]string{"TOKEN": "the-token", "KEY": "the-api-key", "SHORT": "abc", "INJECTS": "a\r\nX-Other: b"}))
	// A value that is set at the start is redacted before it is used.
	if text := p.RedactString("the-token, the-api-key, from-a-file"); strings.Contains(text, "the-") || strings.Contains(text, "from-a-file") {
		t.Errorf("not redacted: %s", text)
	}
	for name, want := range map[string][2]string{"shop": {"Bearer the-token", "the-api-key"}, "file": {"Bearer from-a-file", ""}, "plain": {}} {
		got, err := p.Headers(t.Context(), name)
		if err != nil || got.Get("Authorization") != want[0] || got.Get("X-Api-Key") != want[1] {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, says := range map[string]string{"unset": "UNSET is not set", "short": "fewer than 8", "injects": "can't be sent", "none": "no connection"} {
		if _, err := p.Headers(t.Context(), name); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "abc") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Both dial functions use the breaker, and spellings of a host are one destination.
func TestBreaker(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	for name, c := range map[string]struct {
		cfg   policy.Breaker
		after int // 0: never
	}{
		"the default":    {policy.Breaker{}, 10},
		"3 and 1 minute": {policy.Breaker{Failures: 3, Longest: time.Minute}, 3},
		"off":            {policy.Breaker{Failures: 3, Off: true}, 0},
	} {
		p := open(t, policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}, Breaker: c.cfg})
		doors := []func(context.Context, string, string) (net.Conn, error){p.DialContext, p.DialTrusted}
		opened := 0
		for i := range 12 {
			_, err := doors[i%2](t.Context(), "tcp", address)
			if errors.As(err, new(*breaker.Open)) && opened == 0 {
				opened = i
			}
		}
		if opened != c.after {
			t.Errorf("%s: open after %d", name, opened)
		}
	}
	closed := open(t, policy.Config{Breaker: policy.Breaker{Failures: 1, Longest: time.Hour}})
	for range 5 {
		if _, err := closed.DialContext(t.Context(), "tcp", address); !errors.As(err, new(*policy.Denied)) {
			t.Errorf("a refused dial counts as a failure: %v", err)
		}
	}
}
