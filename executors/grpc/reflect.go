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

// schemaTTL is how long a schema from reflection is cached.
const schemaTTL = time.Minute

// reflections are the methods of both versions of the reflection protocol,
// which are otherwise identical.
var reflections = []string{
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}

type schema struct {
	files *protoregistry.Files
	until time.Time
}

// reflect returns the schema of a service from server reflection.
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
		return nil, executors.Errorf(executors.ExecutionError, "%s does not support reflection", o.target.name()).
			WithHint("set proto_file or descriptor_set")
	case err != nil:
		return nil, err
	}
	o.known.Clear() // calls rarely alternate between services
	o.known.Store(service, schema{files, time.Now().Add(schemaTTL)})
	return files, nil
}

// reflector is one reflection stream. It requests each file once and limits the
// number of files and bytes.
type reflector struct {
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
	a := &reflector{stream: stream, server: o.target.name(), files: map[string]*descriptorpb.FileDescriptorProto{}}
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
				return nil, a.invalid("the file %q is missing", name)
			}
		}
	}
	return a.link()
}

// link builds one schema from the files. It fails if they do not match.
func (a *reflector) link() (*protoregistry.Files, error) {
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range a.files {
		set.File = append(set.File, file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, a.invalid("its files do not match: %w", err)
	}
	return files, nil
}

func (a *reflector) invalid(format string, args ...any) error {
	return executors.Errorf(executors.ExecutionError, "invalid reflection response from %s: %w", a.server, fmt.Errorf(format, args...)).
		WithHint("set proto_file or descriptor_set")
}

// ask sends one request and keeps the files of the response.
func (a *reflector) ask(question *grpc_reflection_v1.ServerReflectionRequest) error {
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
				WithHint("use the full name with the package, for example shop.v1.Orders")
		}
		return a.invalid("%s", failed.GetErrorMessage())
	}
	return a.keep(answer.GetFileDescriptorResponse().GetFileDescriptorProto())
}

// keep decodes files; duplicates are ignored.
func (a *reflector) keep(files [][]byte) error {
	for _, raw := range files {
		if a.size += len(raw); a.size > maxSchemaBytes || len(a.files) >= maxSchemaFiles {
			return a.invalid("more than %d files or %d MiB", maxSchemaFiles, maxSchemaBytes>>20)
		}
		file := &descriptorpb.FileDescriptorProto{}
		if a.weight.each == 0 {
			a.weight = weight{maxSchemaWeight, perDescriptor}
		}
		if err := a.weight.add(file.ProtoReflect().Descriptor(), raw, 0); err != nil {
			return a.invalid("invalid file: %w", err)
		}
		if err := (proto.UnmarshalOptions{RecursionLimit: 200}).Unmarshal(raw, file); err != nil {
			return a.invalid("invalid file: %w", err)
		}
		if a.files[file.GetName()] == nil {
			a.files[file.GetName()] = file
		}
	}
	return nil
}

// missing returns the imports that have not been received.
func (a *reflector) missing() []string {
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
