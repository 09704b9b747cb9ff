package grpc

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/internal/toxic"
	"github.com/chainwright/chainwright/executors/policy"
)

// liar is a reflection service that responds as a test says.
type liar struct {
	grpc_reflection_v1.UnimplementedServerReflectionServer
	answer func(question *grpc_reflection_v1.ServerReflectionRequest) [][]byte
}

func (l liar) ServerReflectionInfo(stream grpc_reflection_v1.ServerReflection_ServerReflectionInfoServer) error {
	for {
		question, err := stream.Recv()
		if err != nil {
			return err
		}
		files := l.answer(question)
		answer := &grpc_reflection_v1.ServerReflectionResponse{MessageResponse: &grpc_reflection_v1.ServerReflectionResponse_FileDescriptorResponse{
			FileDescriptorResponse: &grpc_reflection_v1.FileDescriptorResponse{FileDescriptorProto: files},
		}}
		if files == nil {
			answer.MessageResponse = &grpc_reflection_v1.ServerReflectionResponse_ErrorResponse{ErrorResponse: &grpc_reflection_v1.ErrorResponse{ErrorCode: 13, ErrorMessage: "no\r\n" + strings.Repeat("x", 10_000)}}
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

func file(name string, imports ...string) []byte {
	raw, _ := proto.Marshal(&descriptorpb.FileDescriptorProto{Name: &name, Dependency: imports, Syntax: proto.String("proto3")})
	return raw
}

// TestHostileReflection checks that invalid reflection responses cause an error.
func TestHostileReflection(t *testing.T) {
	t.Parallel()
	count := 0
	nested := []byte{}
	for range 20_000 { // a message in a message in a message, without end
		nested = protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), nested)
		if len(nested) > 1<<20 {
			break
		}
	}
	deep := protowire.AppendBytes(protowire.AppendTag(file("deep.proto"), 4, protowire.BytesType), nested)
	for name, answer := range map[string]func(string) [][]byte{
		"an error":     func(string) [][]byte { return nil },
		"nothing":      func(string) [][]byte { return [][]byte{} },
		"garbage":      func(string) [][]byte { return [][]byte{[]byte("\xff\xff\xff\xff garbage")} },
		"no name":      func(string) [][]byte { return [][]byte{{}} },
		"itself":       func(string) [][]byte { return [][]byte{file("a.proto", "a.proto")} },
		"a circle":     func(string) [][]byte { return [][]byte{file("a.proto", "b.proto"), file("b.proto", "a.proto")} },
		"another file": func(string) [][]byte { return [][]byte{file("a.proto", "b.proto")} },
		"ever more imports": func(string) [][]byte {
			count++
			return [][]byte{file(fmt.Sprintf("f%d.proto", count-1), fmt.Sprintf("f%d.proto", count))}
		},
		"very many":       func(string) [][]byte { return manyFiles(2000) },
		"very large":      func(string) [][]byte { return [][]byte{make([]byte, 9<<20)} },
		"very deep":       func(string) [][]byte { return [][]byte{deep} },
		"another service": func(string) [][]byte { return [][]byte{file("a.proto")} },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, options{serve: func(made *rpc.Server) {
				grpc_reflection_v1.RegisterServerReflectionServer(made, liar{answer: func(question *grpc_reflection_v1.ServerReflectionRequest) [][]byte {
					return answer(question.GetFileByFilename())
				}})
			}})
			_, failure := open(t, local(t)).echo(s.address, "Unary", "")
			if failure == nil || failure.Type != executors.ExecutionError && failure.Type != executors.ValidationError || failure.Retryable && failure.Code == "" || len(failure.Message) > 5000 {
				t.Errorf("%+v", failure)
			}
		})
	}
}

func manyFiles(n int) [][]byte {
	var files [][]byte
	for i := range n {
		files = append(files, file(fmt.Sprintf("m%d.proto", i)))
	}
	return files
}

// TestHostileProtoFiles checks that imports stay in the folder and that policy
// checks every file.
func TestHostileProtoFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pol := executortest.Policy(t, policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}, Files: policy.Files{Roots: map[string]policy.Root{"temp": {Path: dir}}}})
	d := open(t, pol)
	for i, source := range []string{
		`import "/etc/passwd";`, `import "../x.proto";`, `import "a/../../x.proto";`, `import "work:x.proto";`, `import "none.proto";`, `import "self0.proto"; import "t.proto";`,
		`syntax = "proto3"; message A { B b = 1; }`, `syntax = "proto9";`, "\x00\xff", strings.Repeat("message A {", 10_000), `option (x) = ` + strings.Repeat("{", 10_000),
		`syntax = "proto3"; message A { int32 a = 999999999999; }`,
	} {
		name := fmt.Sprintf("t%d.proto", i)
		if err := os.WriteFile(dir+"/"+name, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		_, failure := d.echo("127.0.0.1:1", "Unary", `, "proto_file": "temp:`+name+`"`)
		if failure == nil || failure.Type != executors.ValidationError && failure.Type != executors.PermissionDenied || failure.Field != "proto_file" {
			t.Errorf("%.30q: %+v", source, failure)
		}
	}
	for _, field := range []string{"proto_file", "descriptor_set"} {
		for _, path := range []string{"/etc/passwd", "temp:../x"} {
			_, failure := d.echo("127.0.0.1:1", "Unary", `, "`+field+`": "`+path+`"`)
			if failure == nil || failure.Type != executors.PermissionDenied || failure.Field != field {
				t.Errorf("%s %s: %+v", field, path, failure)
			}
		}
	}
	if err := os.WriteFile(dir+"/set", []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, failure := d.echo("127.0.0.1:1", "Unary", `, "descriptor_set": "temp:set"`); failure == nil || failure.Field != "descriptor_set" || failure.Type != executors.ValidationError {
		t.Errorf("garbage: %+v", failure)
	}
}

func TestEndlessStreams(t *testing.T) {
	t.Parallel()
	s, d := start(t, options{v1: true}), open(t, local(t))
	got, failure := d.echo(s.address, "Download", `, "max_responses": 5, "request": {"text": "x", "big_count": 1000000000}`)
	if failure != nil || !got.Success || !got.Truncated || len(got.Responses) != 5 || got.Headers["x-raw-bin"] == "" {
		t.Errorf("%+v, %+v", got, failure)
	}
	<-s.gone
	big := strings.Repeat("y", 1_000_000)
	got, failure = d.echo(s.address, "Download", `, "request": {"text": "`+big+`", "big_count": 1000000000}`)
	if failure == nil || failure.Type != executors.ExecutionError || !strings.Contains(failure.Message, "larger than") || len(got.Responses) == 0 || got.Success {
		t.Errorf("%d responses, %+v", len(got.Responses), failure)
	}
	<-s.gone
	got, failure = d.echo(s.address, "Download", `, "max_responses": 5, "request": {"big_count": 5}`)
	if failure != nil || got.Truncated || len(got.Responses) != 5 {
		t.Errorf("just as many: %+v, %+v", got, failure)
	}
}

func TestSecretsInErrors(t *testing.T) {
	t.Parallel()
	s := start(t, options{v1: true})
	cfg := policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}, Secrets: map[string]policy.Secret{"TOKEN": {Env: "TOKEN", Hosts: []string{s.address}}}}
	pol, err := policy.New(cfg, policy.WithEnvironment(func(string) (string, bool) { return "tok-en-123456", true }))
	if err != nil {
		t.Fatal(err)
	}
	defer pol.Close()
	outcome := executortest.Run(t, New(), `{"server": "`+s.address+`", "plaintext": true, "service": "test.v1.Echo", "method": "Unary", "metadata": {"x-sent": "${{ secrets.TOKEN }}"}, "request": {"text": "${{ secrets.TOKEN }}"}}`, pol)
	if outcome.Err != nil || strings.Contains(string(outcome.Result), "tok-en-123456") || strings.Count(string(outcome.Result), "[secret]") != 2 {
		t.Errorf("%s, %+v", outcome.Result, outcome.Err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	certificate := peers.NewCertificate(t)
	for name, c := range map[string]struct {
		options
		tls string
	}{
		"plaintext": {options{v1: true}, `"plaintext": true`},
		"TLS":       {options{v1: true, certificate: certificate}, `"tls": {"insecure": true}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			toxic.Faults(t, toxic.Peer{
				Address: start(t, c.options).address, Executor: "grpc_executor", Answer: "the end", Secret: "tok-en", Keeps: true,
				Open: func(tb testing.TB, _ string) *executors.Registry { return executortest.Registry(tb, local(tb), New()) },
				Inputs: func(address string) string {
					return fmt.Sprintf(`{"server": %q, "service": "test.v1.Echo", "method": "Download", "metadata": {"authorization": "tok-en"}, %s, "request": {"text": %q, "big_count": 3}}`,
						address, c.tls, strings.Repeat("x", 3000)+"the end")
				},
			})
		})
	}
}

func TestCancelReachesTheServer(t *testing.T) {
	t.Parallel()
	s := start(t, options{v1: true})
	d := open(t, local(t))
	if _, failure := d.echo(s.address, "Unary", ""); failure != nil { // its types are cached from now on
		t.Fatal(failure)
	}
	resolved, refused := d.registry.ResolveInputs("grpc_executor", []byte(`{"server": "`+s.address+`", "plaintext": true, "service": "test.v1.Echo", "method": "Unary", "request": {"text": "wait"}}`))
	if refused != nil {
		t.Fatal(refused)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	outcome := d.registry.Invoke(ctx, "grpc_executor", &executors.Call{Inputs: resolved, Attempt: 1}, time.Minute)
	if outcome.Err == nil || outcome.Err.Type != executors.TimeoutError {
		t.Errorf("%+v", outcome.Err)
	}
	<-s.gone
	if n := s.connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func FuzzSchemas(f *testing.F) {
	f.Add(file("a.proto", "b.proto"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a := &reflector{files: map[string]*descriptorpb.FileDescriptorProto{}}
		if err := a.keep([][]byte{raw}); err != nil {
			return
		}
		if files, err := a.link(); err == nil {
			_, _ = newMethod(files, input{Service: "a.B", Method: "C"})
		}
	})
}
