package grpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// exchange is one call under way.
type exchange struct {
	method          *method
	most            int // responses
	room            int // bytes that they may still take in the output
	progress        func(executors.Progress)
	responses       []json.RawMessage
	header, trailer metadata.MD
	truncated       bool
}

// run sends and receives side by side, for every kind of method alike.
func (x *exchange) run(ctx context.Context, conn *rpc.ClientConn, sent metadata.MD) error {
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(ctx, sent))
	defer cancel()
	desc := &rpc.StreamDesc{ClientStreams: x.method.IsStreamingClient(), ServerStreams: x.method.IsStreamingServer()}
	stream, err := conn.NewStream(ctx, desc, x.method.path(), rpc.ForceCodecV2(newWeighing(x.room)))
	if err != nil {
		return err
	}
	sending := make(chan error, 1)
	go func() { sending <- x.send(stream) }()
	err = x.receive(stream)
	if !errors.Is(err, errEnough) {
		x.header, _ = stream.Header()
		x.trailer = stream.Trailer()
	}
	select {
	case failed := <-sending:
		if failed != nil && !errors.Is(failed, io.EOF) {
			err = failed // a message that can't be sent: what came back is only that it was not
		}
	default: // after a whole answer nothing is left to send
		cancel()
		<-sending //nolint:errcheck // it was told to stop
	}
	if errors.Is(err, errEnough) {
		x.truncated = true
		return nil
	}
	return err
}

var errEnough = errors.New("as many responses as were asked for")

func (x *exchange) send(stream rpc.ClientStream) error {
	for _, each := range x.method.requests {
		if err := stream.SendMsg(each); err != nil {
			return err
		}
	}
	return stream.CloseSend()
}

func (x *exchange) receive(stream rpc.ClientStream) error {
	for {
		message := dynamicpb.NewMessage(x.method.Output())
		if err := stream.RecvMsg(message); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if len(x.responses) == x.most {
			x.header, _ = stream.Header()
			return errEnough
		}
		written, err := protojson.MarshalOptions{EmitDefaultValues: true, Resolver: x.method.types}.Marshal(message)
		if err != nil {
			return executors.Errorf(executors.ExecutionError, "a response can't be written as JSON: %w", err)
		}
		var compact bytes.Buffer // the library puts in white space at random
		if err := json.Compact(&compact, written); err != nil {
			return executors.Errorf(executors.ExecutionError, "a response can't be written as JSON: %w", err)
		}
		if err := strictjson.Check(compact.Bytes()); err != nil {
			return executors.Errorf(executors.ExecutionError, "a response can't be read: %w", err)
		}
		if x.room -= compact.Len() + 1; x.room < 0 {
			return executors.Errorf(executors.ExecutionError, "the responses are larger than what a result may hold").
				WithHint("ask for fewer with max_responses, or for less in the request")
		}
		x.responses = append(x.responses, compact.Bytes())
		x.progress(executors.Progress{Done: float64(len(x.responses)), Message: "responses"})
		if !x.method.IsStreamingServer() {
			return nil
		}
	}
}
