package grpc

import (
	"context"
	"fmt"
	"time"

	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/chainwright/chainwright/executors"
)

// remembered is how long what a server said of itself holds.
const remembered = time.Minute

// reflections are the versions of the protocol, which differ in nothing but
// their names.
var reflections = []string{
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}

type schema struct {
	files *protoregistry.Files
	until time.Time
}

// reflect asks the server for the schema of a service.
func (o *peer) reflect(ctx context.Context, service string) (*protoregistry.Files, error) {
	if found, ok := o.known.Load(service); ok && time.Now().Before(found.(schema).until) {
		return found.(schema).files, nil
	}
	var files *protoregistry.Files
	var err error
	for _, version := range reflections {
		if files, err = o.reflectBy(ctx, version, service); status.Code(err) != codes.Unimplemented {
			break
		}
	}
	switch {
	case status.Code(err) == codes.Unimplemented:
		return nil, executors.Errorf(executors.ExecutionError, "%s does not tell its types: it has no reflection", o.target.name()).
			WithHint("give them in proto_file or descriptor_set")
	case err != nil:
		return nil, err
	}
	o.known.Clear() // of a few services at most one is called again soon
	o.known.Store(service, schema{files, time.Now().Add(remembered)})
	return files, nil
}

// asking is one exchange with a server about its schema. What it says is
// bounded in files and bytes, and every file is asked for once.
type asking struct {
	stream rpc.ClientStream
	server string
	files  map[string]*descriptorpb.FileDescriptorProto
	size   int
	weight weight
}

func (o *peer) reflectBy(ctx context.Context, version, service string) (*protoregistry.Files, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := o.conn.NewStream(ctx, &rpc.StreamDesc{ClientStreams: true, ServerStreams: true}, version)
	if err != nil {
		return nil, err
	}
	a := &asking{stream: stream, server: o.target.name(), files: map[string]*descriptorpb.FileDescriptorProto{}}
	symbol := &grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service}}
	if err := a.ask(symbol); err != nil {
		return nil, err
	}
	for missing := a.missing(); len(missing) > 0; missing = a.missing() {
		for _, name := range missing {
			file := &grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileByFilename{FileByFilename: name}}
			if err := a.ask(file); err != nil {
				return nil, err
			}
			if a.files[name] == nil {
				return nil, a.trouble("it did not give the file %q", name)
			}
		}
	}
	return a.link()
}

// link makes the files one schema. What does not fit together is no schema.
func (a *asking) link() (*protoregistry.Files, error) {
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range a.files {
		set.File = append(set.File, file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, a.trouble("its files don't fit together: %w", err)
	}
	return files, nil
}

func (a *asking) trouble(format string, args ...any) error {
	return executors.Errorf(executors.ExecutionError, "%s tells its types wrong: %w", a.server, fmt.Errorf(format, args...)).
		WithHint("give them in proto_file or descriptor_set")
}

// ask puts one question, and keeps the files of the answer.
func (a *asking) ask(question *grpc_reflection_v1.ServerReflectionRequest) error {
	if err := a.stream.SendMsg(question); err != nil && a.stream.Context().Err() != nil {
		return err
	}
	answer := &grpc_reflection_v1.ServerReflectionResponse{}
	if err := a.stream.RecvMsg(answer); err != nil {
		return err
	}
	if failed := answer.GetErrorResponse(); failed != nil {
		if codes.Code(failed.GetErrorCode()) == codes.NotFound && question.GetFileContainingSymbol() != "" {
			return executors.Errorf(executors.ValidationError, "%s has no service %q", a.server, question.GetFileContainingSymbol()).WithField("service").
				WithHint("the name has the package in it, as shop.v1.Orders")
		}
		return a.trouble("%s", failed.GetErrorMessage())
	}
	return a.keep(answer.GetFileDescriptorResponse().GetFileDescriptorProto())
}

// keep reads files, each the first time that it comes.
func (a *asking) keep(files [][]byte) error {
	for _, raw := range files {
		if a.size += len(raw); a.size > maxSchemaBytes || len(a.files) >= maxSchemaFiles {
			return a.trouble("more than %d files or %d MiB", maxSchemaFiles, maxSchemaBytes>>20)
		}
		file := &descriptorpb.FileDescriptorProto{}
		if a.weight.each == 0 {
			a.weight = weight{maxSchemaWeight, perDescriptor}
		}
		if err := a.weight.add(file.ProtoReflect().Descriptor(), raw, 0); err != nil {
			return a.trouble("a file can't be read: %w", err)
		}
		if err := (proto.UnmarshalOptions{RecursionLimit: 200}).Unmarshal(raw, file); err != nil {
			return a.trouble("a file can't be read: %w", err)
		}
		if a.files[file.GetName()] == nil {
			a.files[file.GetName()] = file
		}
	}
	return nil
}

// missing names the imports that are not there yet.
func (a *asking) missing() []string {
	var names []string
	seen := map[string]bool{}
	for _, file := range a.files {
		for _, name := range file.GetDependency() {
			if a.files[name] == nil && !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}
