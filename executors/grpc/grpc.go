// Package grpc implements grpc_executor. It is not a stable API.
// The executor calls gRPC methods whose types are loaded at run time, and pools
// connections. Servers are not trusted: their schemas and messages are limited in
// size.
package grpc

import (
	"context"
	"embed"
	"encoding/json"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
)

//go:embed definition.yaml
var files embed.FS

// Executor is grpc_executor. It pools connections; Close closes them.
type Executor struct {
	executors.Executor
	open *pool
}

// New returns grpc_executor. It connects on the first call.
func New() *Executor {
	e := &Executor{open: newPool()}
	e.Executor = executors.New(executors.MustLoad(files), e.call)
	return e
}

// Close closes all connections.
func (e *Executor) Close() error { return e.open.close() }

type input struct {
	Server        string            `json:"server"`
	Service       string            `json:"service"`
	Method        string            `json:"method"`
	Request       any               `json:"request"`
	ProtoFile     string            `json:"proto_file"`
	DescriptorSet string            `json:"descriptor_set"`
	Metadata      map[string]string `json:"metadata"`
	Plaintext     bool              `json:"plaintext"`
	TLS           *tlsInput         `json:"tls"`
	MaxResponses  int               `json:"max_responses"`
	Timeout       float64           `json:"timeout"` // applied by the registry
}

// output has Response for a unary response and Responses for a stream.
type output struct {
	Success   bool              `json:"success"`
	Response  json.RawMessage   `json:"response,omitempty"`
	Responses []json.RawMessage `json:"responses,omitempty"`
	Truncated bool              `json:"truncated,omitempty"`
	Status    state             `json:"status"`
	Headers   map[string]string `json:"headers"`
	Trailers  map[string]string `json:"trailers"`
}

// call runs one call. After a server error, the output has the status and the
// responses so far.
func (e *Executor) call(ctx context.Context, call *executors.Call, in input) (*output, error) {
	to, err := newTarget(call.Policy, in)
	if err != nil {
		return nil, err
	}
	sent, err := readMetadata(in.Metadata)
	if err != nil {
		return nil, err
	}
	own, err := connectionMetadata(ctx, call.Policy, to)
	if err != nil {
		return nil, err
	}
	if sent, err = joinMetadata(own, sent); err != nil {
		return nil, err
	}
	if in.ProtoFile != "" && in.DescriptorSet != "" {
		return nil, web.Invalid("descriptor_set", "proto_file and descriptor_set can't be combined; use one of them")
	}
	known, err := fromFiles(ctx, call.Policy, in)
	if err != nil {
		return nil, err
	}
	var method *method
	if known != nil { // find errors in the request before connecting
		if method, err = newMethod(known, in); err != nil {
			return nil, err
		}
	}
	peer, err := e.open.get(call.Policy, to)
	if err != nil {
		return nil, err
	}
	defer e.open.put(peer)
	if method == nil {
		if known, err = peer.reflect(metadata.NewOutgoingContext(ctx, own), in.Service); err != nil {
			e.open.dropUnreachable(peer, err)
			return nil, peer.failure(ctx, err)
		}
		if method, err = newMethod(known, in); err != nil {
			return nil, err
		}
	}
	x := &exchange{method: method, most: in.MaxResponses, room: web.OutputRoom(call.Policy.Limits(), "grpc_executor"), progress: call.Progress}
	failed := x.run(ctx, peer.conn, sent)
	out := &output{Truncated: x.truncated, Headers: writeMetadata(x.header), Trailers: writeMetadata(x.trailer)}
	if method.IsStreamingServer() {
		out.Responses = x.responses
	} else if len(x.responses) == 1 {
		out.Response = x.responses[0]
	}
	e.open.dropUnreachable(peer, failed)
	if failed == nil {
		out.Success, out.Status = true, state{Code: name(codes.OK)}
		return out, nil
	}
	st, isStatus := status.FromError(failed)
	if !isStatus { // an error of this package, or of the context
		st = status.FromContextError(failed)
	}
	out.Status = newState(st, method.types)
	return out, peer.failure(ctx, failed)
}
