package grpc

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// raw is a message that is sent byte for byte.
func raw(fields ...[]byte) *wrapperspb.BytesValue {
	message := new(wrapperspb.BytesValue)
	message.ProtoReflect().SetUnknown(bytes.Join(fields, nil))
	return message
}

// text returns a note with the given bytes as its text.
func text(content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), content)
}

// inside returns a note inside a note.
func inside(note []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), note)
}

// TestOutputs covers responses that are too large, too large when decoded, or
// not UTF-8.
func TestOutputs(t *testing.T) { // not parallel: it measures memory
	deep := text([]byte("bottom"))
	for len(deep) < 100_000 {
		deep = inside(deep)
	}
	for name, c := range map[string]struct {
		method  string
		respond func(stream rpc.ServerStream) error
		kind    executors.ErrorType
		says    string
	}{
		"a large message": {"Unary", func(s rpc.ServerStream) error { return s.SendMsg(raw(text(make([]byte, 64<<20)))) }, executors.ExecutionError, "larger than"},
		"many messages in one": {"Unary", func(s rpc.ServerStream) error {
			return s.SendMsg(raw(bytes.Repeat(inside(nil), 4<<20)))
		}, executors.ExecutionError, "larger than"},
		"many numbers": {"Unary", func(s rpc.ServerStream) error {
			return s.SendMsg(raw(bytes.Repeat([]byte{2 << 3, 1}, 4<<20)))
		}, executors.ExecutionError, "larger than"},
		"a deep message": {"Unary", func(s rpc.ServerStream) error { return s.SendMsg(raw(deep)) }, executors.ExecutionError, "too deep"},
		"a rather deep message": {"Unary", func(s rpc.ServerStream) error {
			note := text([]byte("bottom"))
			for range 40 {
				note = inside(note)
			}
			return s.SendMsg(raw(note))
		}, executors.ExecutionError, "is invalid"},
		"no UTF-8":      {"Unary", func(s rpc.ServerStream) error { return s.SendMsg(raw(text([]byte("a\xffb")))) }, executors.ExecutionError, "UTF-8"},
		"no message":    {"Unary", func(s rpc.ServerStream) error { return s.SendMsg(raw([]byte("\xff\xff\xff"))) }, executors.ExecutionError, ""},
		"large headers": {"Unary", func(s rpc.ServerStream) error { return s.SendHeader(metadata.Pairs("x", strings.Repeat("x", 1<<20))) }, executors.ExecutionError, ""},
		"a stream of heavy messages": {"Download", func(s rpc.ServerStream) error {
			for {
				if err := s.SendMsg(raw(bytes.Repeat(inside(nil), 50_000))); err != nil {
					return err
				}
			}
		}, executors.ExecutionError, "larger than"},
		"a small message": {"Unary", func(s rpc.ServerStream) error {
			return s.SendMsg(raw(text([]byte("fine")), inside(inside(text([]byte("too"))))))
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, options{serve: func(made *rpc.Server) {
				desc := rpc.ServiceDesc{ServiceName: "test.v1.Echo", HandlerType: (*any)(nil)}
				for _, method := range []string{"Unary", "Download"} {
					desc.Streams = append(desc.Streams, rpc.StreamDesc{StreamName: method, ClientStreams: true, ServerStreams: true, Handler: func(_ any, stream rpc.ServerStream) error {
						if err := stream.RecvMsg(new(wrapperspb.StringValue)); err != nil && err != io.EOF {
							return err
						}
						return c.respond(stream)
					}})
				}
				made.RegisterService(&desc, struct{}{})
			}})
			d := open(t, local(t))
			var got result
			var failed *executors.Error
			spent := executortest.Spent(func() {
				got, failed = d.echo(s.address, c.method, `, "proto_file": "protos:echo.proto", "timeout": 60`)
			})
			if c.kind == "" && (failed != nil || got.Response["text"] != "fine") || c.kind != "" && (failed == nil || failed.Type != c.kind || failed.Retryable || !strings.Contains(failed.Message, c.says)) {
				out, _ := json.Marshal(got)
				t.Errorf("%.300s, %+v", out, failed)
			}
			if spent > 700<<20 {
				t.Errorf("it took %d MiB", spent>>20)
			}
		})
	}
}

// TestHeavyTypes covers small descriptors that would need a lot of memory.
func TestHeavyTypes(t *testing.T) { // not parallel: it measures memory
	message := protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), nil)
	heavy := append(file("heavy.proto"), bytes.Repeat(message, 3<<20)...)
	s := start(t, options{serve: func(made *rpc.Server) {
		grpc_reflection_v1.RegisterServerReflectionServer(made, liar{answer: func(*grpc_reflection_v1.ServerReflectionRequest) [][]byte { return [][]byte{heavy} }})
	}})
	d := open(t, local(t))
	var failed *executors.Error
	spent := executortest.Spent(func() { _, failed = d.echo(s.address, "Unary", "") })
	if failed == nil || failed.Type != executors.ExecutionError || spent > 200<<20 {
		t.Errorf("%d MiB: %+v", spent>>20, failed)
	}
}
