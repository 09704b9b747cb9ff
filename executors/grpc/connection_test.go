package grpc

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// guarded is a server that requires a token, for reflection too, and echoes the
// request metadata.
func guarded(t *testing.T, certificate *peers.Certificate, token *atomic.Value) *server {
	t.Helper()
	admit := func(srv any, stream rpc.ServerStream, _ *rpc.StreamServerInfo, handle rpc.StreamHandler) error {
		came, _ := metadata.FromIncomingContext(stream.Context())
		if strings.Join(came.Get("authorization"), ",") != "Bearer "+token.Load().(string) || strings.Join(came.Get("x-api-key"), ",") != "the-api-key" {
			return status.Error(codes.Unauthenticated, "who are you?")
		}
		_ = stream.SetHeader(metadata.Pairs("x-echo", strings.Join(came.Get("authorization"), ",")))
		return handle(srv, stream)
	}
	return start(t, options{v1: true, certificate: certificate, with: []rpc.ServerOption{rpc.StreamInterceptor(admit)}})
}

func save(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func hostPort(t *testing.T, address string) (string, int) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return host, n
}

// TestNamedConnections checks that callers can use a named connection whose
// address policy does not allow, without seeing its credentials.
func TestNamedConnections(t *testing.T) {
	t.Parallel()
	certificate := peers.NewCertificate(t)
	var token atomic.Value
	token.Store("the-first-token")
	safe, plain := guarded(t, certificate, &token), guarded(t, nil, &token)
	safeHost, safePort := hostPort(t, safe.address)
	plainHost, plainPort := hostPort(t, plain.address)
	tokenFile := save(t, "token", []byte("the-first-token\n"))
	headers := map[string]string{"X-Api-Key": "API_KEY"}
	pol, err := policy.New(policy.Config{Connections: map[string]policy.Connection{
		"shop":    {Kind: "grpc", Host: safeHost, Port: safePort, CAFile: save(t, "ca.pem", certificate.PEM), TokenFile: tokenFile, HeadersEnv: headers},
		"plain":   {Kind: "grpc", Host: plainHost, Port: plainPort, TLS: "none", TokenFile: tokenFile, HeadersEnv: headers},
		"unset":   {Kind: "grpc", Host: plainHost, Port: plainPort, TLS: "none", TokenEnv: "CHAINWRIGHT_TEST_NOT_SET"},
		"nobody":  {Kind: "grpc", Host: plainHost, Port: plainPort, TLS: "none"},
		"no_ca":   {Kind: "grpc", Host: safeHost, Port: safePort, CAFile: save(t, "ca.pem", []byte("nothing"))},
		"foreign": {Kind: "grpc", Host: safeHost, Port: safePort, TokenFile: tokenFile, HeadersEnv: headers},
		"mail":    {Kind: "smtp", Host: plainHost},
	}}, policy.WithEnvironment(func(name string) (string, bool) {
		value, ok := map[string]string{"API_KEY": "the-api-key"}[name]
		return value, ok
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pol.Close() })
	d := open(t, pol)
	unary := func(server, more string) (result, *executors.Error) {
		return d.call(fmt.Sprintf(`{"server": %q, "service": "test.v1.Echo", "method": "Unary", "request": {"text": "hello"}%s}`, server, more))
	}
	for _, name := range []string{"shop", "plain"} {
		got, failure := unary(name, `, "metadata": {"x-sent": "mine"}`)
		if failure != nil || got.Response["text"] != "hello" || got.Headers["x-got"] != "mine" {
			t.Fatalf("%s: %+v, %+v", name, got, failure)
		}
		if echo := got.Headers["x-echo"]; echo == "" || strings.Contains(echo, "the-first-token") {
			t.Errorf("%s: the token comes back as %q", name, echo)
		}
	}
	for _, c := range []struct {
		server, more string
		kind         executors.ErrorType
		field, says  string
	}{
		{"shop", `, "plaintext": true`, executors.ValidationError, "plaintext", "sets it"},
		{"shop", `, "tls": {"insecure": true}`, executors.ValidationError, "tls", "sets it"},
		{"shop", `, "metadata": {"Authorization": "Bearer mine"}`, executors.ValidationError, "metadata.authorization", "sets it"},
		{"shop", `, "metadata": {"x-api-key": "mine"}`, executors.ValidationError, "metadata.x-api-key", "sets it"},
		{"mail", "", executors.ValidationError, "server", "name of a connection"},
		{"unset", "", executors.PermissionDenied, "", "CHAINWRIGHT_TEST_NOT_SET is not set"},
		{"nobody", "", executors.AuthenticationError, "", "nobody: UNAUTHENTICATED"},
		{"no_ca", "", executors.ExecutionError, "", "contains no certificate"},
		{"foreign", "", executors.NetworkError, "", "certificate"},
		{plain.address, `, "plaintext": true`, executors.PermissionDenied, "server", "not allowed"},
	} {
		_, failure := unary(c.server, c.more)
		if failure == nil || failure.Type != c.kind || failure.Field != c.field || !strings.Contains(failure.Message, c.says) {
			t.Errorf("%s%s: %+v", c.server, c.more, failure)
		}
	}
	// A new token is used over the existing connection.
	token.Store("the-second-token")
	if _, failure := unary("plain", ""); failure == nil || failure.Type != executors.AuthenticationError {
		t.Errorf("%+v", failure)
	}
	before := plain.connections.Load()
	if err := os.WriteFile(tokenFile, []byte("the-second-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, failure := unary("plain", ""); failure != nil || strings.Contains(got.Headers["x-echo"], "the-second-token") {
		t.Errorf("%+v, %+v", got, failure)
	}
	if n := plain.connections.Load(); n != before {
		t.Errorf("%d connections more", n-before)
	}
}
