package grpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	maxSchemaFiles = 500
	maxSchemaBytes = 8 << 20
	// maxSchemaWeight and perDescriptor limit the memory of a schema, in bytes.
	maxSchemaWeight, perDescriptor = 128 << 20, 256
)

// method is the method to call, with its requests.
type method struct {
	protoreflect.MethodDescriptor
	types    *dynamicpb.Types
	requests []proto.Message
}

func (m *method) path() string { return fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()) }

// fromFiles loads the schema from the files in the input; nil: none is given.
func fromFiles(ctx context.Context, pol *policy.Policy, in input) (*protoregistry.Files, error) {
	switch {
	case in.DescriptorSet != "":
		data, err := readFile(pol, "descriptor_set", in.DescriptorSet, maxSchemaBytes)
		if err != nil {
			return nil, err
		}
		set := &descriptorpb.FileDescriptorSet{}
		if err := proto.Unmarshal(data, set); err != nil || len(set.File) == 0 || len(set.File) > maxSchemaFiles {
			return nil, web.Invalid("descriptor_set", "descriptor_set must contain 1 to %d file descriptors; make it with protoc --descriptor_set_out --include_imports", maxSchemaFiles)
		}
		files, err := protodesc.NewFiles(set)
		if err != nil {
			return nil, web.Invalid("descriptor_set", "descriptor_set is invalid: %w", err)
		}
		return files, nil
	case in.ProtoFile != "":
		return compile(ctx, pol, in.ProtoFile)
	}
	return nil, nil //nolint:nilnil // no schema is not an error
}

// compile compiles a proto file. Imports must be in its folder, and policy must
// allow them like the file itself.
func compile(ctx context.Context, pol *policy.Policy, given string) (*protoregistry.Files, error) {
	at := strings.LastIndexAny(given, `/\:`) + 1
	folder, count, size := given[:at], 0, int64(0)
	compiler := protocompile.Compiler{
		MaxParallelism: 1,
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: func(name string) (io.ReadCloser, error) {
			if path.IsAbs(name) || path.Clean(name) != name || strings.HasPrefix(name, "..") || strings.ContainsAny(name, `\:`) {
				return nil, fmt.Errorf("the import %q is outside the folder", name)
			}
			data, err := readFile(pol, "proto_file", folder+name, maxSchemaBytes)
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					return nil, protoregistry.NotFound
				}
				return nil, err
			}
			count++
			if size += int64(len(data)); count > maxSchemaFiles || size > maxSchemaBytes {
				return nil, fmt.Errorf("the imports exceed %d files or %d MiB", maxSchemaFiles, maxSchemaBytes>>20)
			}
			return io.NopCloser(bytes.NewReader(data)), nil
		}}),
	}
	if _, err := readFile(pol, "proto_file", given, maxSchemaBytes); err != nil {
		return nil, err
	}
	compiled, err := compiler.Compile(ctx, given[at:])
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, web.Invalid("proto_file", "proto_file does not compile: %w", err)
	}
	set, seen := &descriptorpb.FileDescriptorSet{}, map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	for _, file := range compiled {
		add(file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, web.Invalid("proto_file", "proto_file is invalid: %w", err)
	}
	return files, nil
}

// newMethod finds the method and decodes the requests with its types.
func newMethod(files *protoregistry.Files, in input) (*method, error) {
	found, err := files.FindDescriptorByName(protoreflect.FullName(in.Service))
	service, ok := found.(protoreflect.ServiceDescriptor)
	if err != nil || !ok {
		return nil, web.Invalid("service", "unknown service %q; use the full name with the package, for example shop.v1.Orders", in.Service)
	}
	descriptor := service.Methods().ByName(protoreflect.Name(in.Method))
	if descriptor == nil {
		return nil, web.Invalid("method", "%s has no method %q; methods are %s", service.FullName(), in.Method, methods(service))
	}
	m := &method{MethodDescriptor: descriptor, types: dynamicpb.NewTypes(files)}
	messages := []any{in.Request}
	if list, isList := in.Request.([]any); isList {
		if !descriptor.IsStreamingClient() {
			return nil, web.Invalid("request", "request must be an object: %s takes one message", in.Method)
		}
		messages = list
	} else if in.Request == nil {
		messages[0] = map[string]any{}
	}
	for i, each := range messages {
		field := "request"
		if descriptor.IsStreamingClient() {
			field = fmt.Sprintf("request[%d]", i)
		}
		raw, err := plainjson.Marshal(each)
		if err != nil {
			return nil, web.Invalid(field, "%s could not be encoded: %w", field, err)
		}
		message := dynamicpb.NewMessage(descriptor.Input())
		if err := (protojson.UnmarshalOptions{Resolver: m.types}).Unmarshal(raw, message); err != nil {
			return nil, web.Invalid(field, "%s is not a valid %s: %w", field, descriptor.Input().FullName(), err)
		}
		m.requests = append(m.requests, message)
	}
	return m, nil
}

// methods lists up to 30 methods of a service.
func methods(service protoreflect.ServiceDescriptor) string {
	const most = 30
	var names []string
	for i := range min(service.Methods().Len(), most) {
		names = append(names, string(service.Methods().Get(i).Name()))
	}
	return shorten.Names(names, service.Methods().Len())
}
