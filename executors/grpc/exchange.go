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
	"github.com/chainwright/chainwright/executors/telemetry"
)

// exchange is one call in flight.
type exchange struct {
	method          *method
	most            int // largest number of responses
	room            int // bytes left for responses in the output
	progress        func(executors.Progress)
	responses       []json.RawMessage
	header, trailer metadata.MD
	truncated       bool
}

// run sends the requests and receives the responses at the same time, for every
// kind of method.
func (x *exchange) run(ctx context.Context, conn *rpc.ClientConn, sent metadata.MD) error {
	telemetry.Inject(ctx, func(key, value string) {
		if len(sent[key]) == 0 {
			sent.Set(key, value)
		}
	})
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
			err = failed // a request could not be sent: the status from the server is a consequence
		}
	default: // the response is complete: stop sending
		cancel()
		<-sending //nolint:errcheck // only waits for the goroutine
	}
	if errors.Is(err, errEnough) {
		x.truncated = true
		return nil
	}
	return err
}

var errEnough = errors.New("max_responses reached")

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
			return executors.Errorf(executors.ExecutionError, "encoding a response as JSON failed: %w", err)
		}
		var compact bytes.Buffer // protojson adds random white space
		if err := json.Compact(&compact, written); err != nil {
			return executors.Errorf(executors.ExecutionError, "encoding a response as JSON failed: %w", err)
		}
		if err := strictjson.Check(compact.Bytes()); err != nil {
			return executors.Errorf(executors.ExecutionError, "a response is invalid: %w", err)
		}
		if x.room -= compact.Len() + 1; x.room < 0 {
			return executors.Errorf(executors.ExecutionError, "the responses are larger than the limit of a result").
				WithHint("lower max_responses, or request less data")
		}
		x.responses = append(x.responses, compact.Bytes())
		x.progress(executors.Progress{Done: float64(len(x.responses)), Message: "responses"})
		if !x.method.IsStreamingServer() {
			return nil
		}
	}
}
