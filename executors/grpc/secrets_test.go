package grpc

import (
	"path/filepath"
	"strings"
	"testing"

	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestEchoedSecretsAreRedacted calls a server that echoes the secret in headers,
// trailers, messages and errors.
func TestEchoedSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	parrot := func(_ any, stream rpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		given := strings.Join(md.Get("x-key"), "")
		lines := strings.Split(executortest.Echo(given), "\n")
		pairs := metadata.MD{"x-said": lines, "x-said-bin": {given, "user:" + given}}
		_ = stream.SetHeader(pairs)
		stream.SetTrailer(pairs)
		return status.Error(codes.PermissionDenied, strings.Join(lines, "\n"))
	}
	s := start(t, options{v1: true})
	refusing := start(t, options{serve: func(made *rpc.Server) {
		made.RegisterService(&rpc.ServiceDesc{ServiceName: "test.v1.Echo", HandlerType: (*any)(nil), Streams: []rpc.StreamDesc{{StreamName: "Unary", ClientStreams: true, ServerStreams: true, Handler: parrot}}}, s)
	}})
	protos, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	cfg := policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}, Files: policy.Files{Roots: map[string]policy.Root{"protos": {Path: protos}}}}
	vault := executortest.NewVault(t, cfg, executortest.BoundTo(s.address, refusing.address), New())
	for address, fails := range map[string]bool{s.address: false, refusing.address: true} {
		outcome := vault.Call("grpc_executor", map[string]any{
			"server": address, "plaintext": true, "service": "test.v1.Echo", "method": "Unary", "proto_file": "protos:echo.proto",
			"metadata": map[string]any{"x-sent": executortest.Hole, "x-key": executortest.Hole}, "request": map[string]any{"text": executortest.Hole},
		})
		if (outcome.Err != nil) != fails || strings.Count(string(outcome.Result), "[secret]") < 2 {
			t.Errorf("%s, %+v", outcome.Result, outcome.Err)
		}
	}
}
