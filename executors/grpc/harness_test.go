package grpc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// local is a policy that allows the tests' own servers and schemas.
func local(tb testing.TB) *policy.Policy {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	return executortest.Policy(tb, policy.Config{
		Network: policy.Network{Allow: []string{"127.0.0.1"}},
		Files:   policy.Files{Roots: map[string]policy.Root{"protos": {Path: dir + "/testdata"}, "temp": {Path: tb.TempDir()}}},
	})
}

// schemas are the test types in testdata.
func schemas(tb testing.TB) *protoregistry.Files {
	tb.Helper()
	files, err := compile(context.Background(), local(tb), "protos:echo.proto")
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// server is a gRPC server with every kind of method.
type server struct {
	address     string
	connections atomic.Int64
	gone        chan struct{} // receives a value for each stream that the client closed
}

type options struct {
	certificate *peers.Certificate
	v1, v1alpha bool
	with        []rpc.ServerOption
	serve       func(*rpc.Server) // instead of the usual services
}

func start(tb testing.TB, opts options) *server {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{address: listener.Addr().String(), gone: make(chan struct{}, 100)}
	with := opts.with
	if opts.certificate != nil {
		with = append(with, rpc.Creds(credentials.NewServerTLSFromCert(&opts.certificate.TLS)))
	}
	made := rpc.NewServer(with...)
	if opts.serve != nil {
		opts.serve(made)
	} else {
		s.register(tb, made, opts)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = made.Serve(counting{listener, &s.connections})
	}()
	tb.Cleanup(func() {
		made.Stop()
		<-done
	})
	return s
}

type counting struct {
	net.Listener
	count *atomic.Int64
}

func (c counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.count.Add(1)
	}
	return conn, err
}

type both2 struct{ own *protoregistry.Files }

func (b both2) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if found, err := b.own.FindFileByPath(path); err == nil {
		return found, nil
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

func (b both2) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if found, err := b.own.FindDescriptorByName(name); err == nil {
		return found, nil
	}
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}

var _ protodesc.Resolver = both2{}

func (s *server) register(tb testing.TB, made *rpc.Server, opts options) {
	files := schemas(tb)
	grpc_health_v1.RegisterHealthServer(made, health.NewServer())
	found, err := files.FindDescriptorByName("test.v1.Echo")
	if err != nil {
		tb.Fatal(err)
	}
	methods := found.(protoreflect.ServiceDescriptor).Methods()
	desc := rpc.ServiceDesc{ServiceName: "test.v1.Echo", HandlerType: (*any)(nil), Metadata: "echo.proto"}
	for i := range methods.Len() {
		method := methods.Get(i)
		desc.Streams = append(desc.Streams, rpc.StreamDesc{
			StreamName: string(method.Name()), ClientStreams: true, ServerStreams: true,
			Handler: func(_ any, stream rpc.ServerStream) error { return s.handle(files, method, stream) },
		})
	}
	made.RegisterService(&desc, s)
	reflected := reflection.ServerOptions{Services: made, DescriptorResolver: both2{files}}
	if opts.v1 {
		grpc_reflection_v1.RegisterServerReflectionServer(made, reflection.NewServerV1(reflected))
	}
	if opts.v1alpha {
		grpc_reflection_v1alpha.RegisterServerReflectionServer(made, reflection.NewServer(reflected))
	}
}

// handle responds depending on the name of the method.
func (s *server) handle(files *protoregistry.Files, method protoreflect.MethodDescriptor, stream rpc.ServerStream) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	_ = stream.SetHeader(metadata.Pairs("x-got", strings.Join(md.Get("x-sent"), ","), "x-raw-bin", "\x00\xff"))
	stream.SetTrailer(metadata.Pairs("x-end", "over"))
	fields := method.Input().Fields()
	var notes []*dynamicpb.Message
	for {
		note := dynamicpb.NewMessage(method.Input())
		if err := stream.RecvMsg(note); err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			s.gone <- struct{}{}
			return err
		}
		notes = append(notes, note)
		if method.Name() == "Talk" {
			if err := stream.SendMsg(note); err != nil {
				return err
			}
		}
		if !method.IsStreamingClient() {
			break
		}
	}
	text := notes[0].Get(fields.ByName("text")).String()
	switch method.Name() {
	case "Unary":
		if text == "wait" {
			<-stream.Context().Done()
			s.gone <- struct{}{}
			return stream.Context().Err()
		}
		return stream.SendMsg(notes[0])
	case "Upload":
		sum := dynamicpb.NewMessage(method.Output())
		sum.Set(fields.ByName("big_count"), protoreflect.ValueOfInt64(int64(len(notes))))
		return stream.SendMsg(sum)
	case "Download":
		for i := int64(0); i < notes[0].Get(fields.ByName("big_count")).Int(); i++ {
			if err := stream.SendMsg(notes[0]); err != nil {
				s.gone <- struct{}{}
				return err
			}
		}
	case "Fail":
		return s.fail(files, text)
	}
	return nil
}

// fail returns an error with the named code and with details.
func (s *server) fail(files *protoregistry.Files, text string) error {
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(`"` + text + `"`)); err != nil {
		return err
	}
	found, err := files.FindDescriptorByName("test.v1.Detail")
	if err != nil {
		return err
	}
	own := dynamicpb.NewMessage(found.(protoreflect.MessageDescriptor))
	own.Set(own.Descriptor().Fields().ByName("why"), protoreflect.ValueOfString("because"))
	said, err := status.New(code, "said the server").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(7e9)}, wrapped{own})
	if err != nil {
		return err
	}
	return said.Err()
}

// wrapped converts a dynamic message to the old interface.
type wrapped struct{ proto.Message }

func (wrapped) Reset()         {}
func (wrapped) String() string { return "" }
func (wrapped) ProtoMessage()  {}

// result is the output as a caller decodes it.
type result struct {
	Success   bool
	Response  map[string]any
	Responses []map[string]any
	Truncated bool
	Status    struct {
		Code, Message string
		Details       []map[string]any
	}
	Headers, Trailers map[string]string
}

// caller calls grpc_executor through a registry.
type caller struct {
	tb       testing.TB
	registry *executors.Registry
}

func open(tb testing.TB, pol *policy.Policy) *caller {
	tb.Helper()
	return &caller{tb, executortest.Registry(tb, pol, New())}
}

func (d *caller) call(inputs string) (result, *executors.Error) {
	d.tb.Helper()
	outcome := executortest.Call(d.tb, d.registry, "grpc_executor", inputs)
	var got result
	if len(outcome.Result) > 0 {
		if err := json.Unmarshal(outcome.Result, &got); err != nil {
			d.tb.Fatalf("%s: %v", outcome.Result, err)
		}
	}
	return got, outcome.Err
}

// echo calls a method of the test service in plaintext.
func (d *caller) echo(address, method, more string) (result, *executors.Error) {
	d.tb.Helper()
	return d.call(`{"server": "` + address + `", "plaintext": true, "service": "test.v1.Echo", "method": "` + method + `"` + more + `}`)
}
