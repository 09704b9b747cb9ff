// Package grpc is grpc_executor: one call of a gRPC method whose types are
// learned at run time. Connections are kept and reused. Servers are hostile:
// what they say of themselves and what they send is bounded.
package grpc

import (
	"context"
	"embed"
	"encoding/json"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/web"
)

//go:embed definition.yaml
var files embed.FS

// Executor is grpc_executor. It keeps connections; Close ends them.
type Executor struct {
	executors.Executor
	open *pool
}

// New makes grpc_executor. Nothing is dialled before the first call.
func New() *Executor {
	e := &Executor{open: newPool()}
	e.Executor = executors.New(executors.MustLoad(files), e.call)
	return e
}

// Close ends all connections.
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
	Timeout       float64           `json:"timeout"` // applied by the door
}

// output has Response for a method that gives one, and Responses for one that
// streams them.
type output struct {
	Success   bool              `json:"success"`
	Response  json.RawMessage   `json:"response,omitempty"`
	Responses []json.RawMessage `json:"responses,omitempty"`
	Truncated bool              `json:"truncated,omitempty"`
	Status    state             `json:"status"`
	Headers   map[string]string `json:"headers"`
	Trailers  map[string]string `json:"trailers"`
}

// call has the status and what came so far beside an error of the server's.
func (e *Executor) call(ctx context.Context, call *executors.Call, in input) (*output, error) {
	to, err := newTarget(call.Policy, in)
	if err != nil {
		return nil, err
	}
	sent, err := readMetadata(in.Metadata)
	if err != nil {
		return nil, err
	}
	own, err := connectionMetadata(call.Policy, to)
	if err != nil {
		return nil, err
	}
	if sent, err = along(own, sent); err != nil {
		return nil, err
	}
	if in.ProtoFile != "" && in.DescriptorSet != "" {
		return nil, web.Invalid("descriptor_set", "proto_file and descriptor_set are given together; give one")
	}
	known, err := fromFiles(ctx, call.Policy, in)
	if err != nil {
		return nil, err
	}
	var method *method
	if known != nil { // mistakes in the request come to light before anything is dialled
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
			e.open.doubt(peer, err)
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
	e.open.doubt(peer, failed)
	if failed == nil {
		out.Success, out.Status = true, state{Code: name(codes.OK)}
		return out, nil
	}
	said, isStatus := status.FromError(failed)
	if !isStatus { // ours, or the context's end
		said = status.FromContextError(failed)
	}
	out.Status = newState(said, method.types)
	return out, peer.failure(ctx, failed)
}
