package grpc

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestDefinition(t *testing.T) {
	t.Parallel()
	e := New()
	defer e.Close()
	executortest.Check(t, e)
}

// TestCalls runs every kind of method with types from every source.
func TestCalls(t *testing.T) {
	t.Parallel()
	pol := local(t)
	set := &descriptorpb.FileDescriptorSet{}
	files := schemas(t)
	files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
		return true
	})
	raw, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := pol.Dir("temp:.")
	if err != nil {
		dir, err = pol.Dir("temp:")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/echo.binpb", raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		opts   options
		source string
	}{
		"reflection v1":      {options{v1: true}, ""},
		"reflection v1alpha": {options{v1alpha: true}, ""},
		"proto file":         {options{}, `, "proto_file": "protos:echo.proto"`},
		"descriptor set":     {options{}, `, "descriptor_set": "temp:echo.binpb"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := start(t, c.opts), open(t, pol)
			note := `{"text": "grüße", "big_count": "9007199254740993", "data": "AP8=", "kind": "KIND_URGENT", "inside": [{"text": "x"}]}`
			got, failure := d.echo(s.address, "Unary", c.source+`, "metadata": {"X-Sent": "a b"}, "request": `+note)
			if failure != nil {
				t.Fatalf("%+v", failure)
			}
			inner := map[string]any{"text": "x", "bigCount": "0", "data": "", "kind": "KIND_UNKNOWN", "inside": []any{}}
			want := map[string]any{"text": "grüße", "bigCount": "9007199254740993", "data": "AP8=", "kind": "KIND_URGENT", "inside": []any{inner}}
			if !got.Success || !reflect.DeepEqual(got.Response, want) || got.Status.Code != "OK" || got.Headers["x-got"] != "a b" || got.Headers["x-raw-bin"] != "AP8=" || got.Trailers["x-end"] != "over" {
				t.Errorf("unary: %+v", got)
			}
			got, failure = d.echo(s.address, "Download", c.source+`, "request": {"bigCount": 3, "text": "t"}`)
			if failure != nil || len(got.Responses) != 3 || got.Responses[2]["text"] != "t" || got.Truncated {
				t.Errorf("download: %+v, %+v", got, failure)
			}
			got, failure = d.echo(s.address, "Upload", c.source+`, "request": [{}, {"text": "b"}, {}]`)
			if failure != nil || got.Response["bigCount"] != "3" {
				t.Errorf("upload: %+v, %+v", got, failure)
			}
			got, failure = d.echo(s.address, "Talk", c.source+`, "request": [{"text": "a"}, {"text": "b"}]`)
			if failure != nil || len(got.Responses) != 2 || got.Responses[1]["text"] != "b" || got.Trailers["x-end"] != "over" {
				t.Errorf("talk: %+v, %+v", got, failure)
			}
			if n := s.connections.Load(); n != 1 {
				t.Errorf("%d connections for four calls", n)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s, d := start(t, options{v1: true}), open(t, local(t))
	for code, c := range map[string]struct {
		kind  executors.ErrorType
		retry bool
	}{
		"UNAUTHENTICATED": {executors.AuthenticationError, false}, "PERMISSION_DENIED": {executors.PermissionDenied, false}, "NOT_FOUND": {executors.NotFound, false},
		"INVALID_ARGUMENT": {executors.ExecutionError, false}, "UNAVAILABLE": {executors.NetworkError, true}, "DEADLINE_EXCEEDED": {executors.TimeoutError, true},
		"RESOURCE_EXHAUSTED": {executors.ExecutionError, true}, "ABORTED": {executors.ExecutionError, true}, "INTERNAL": {executors.ExecutionError, false},
		"DATA_LOSS": {executors.ExecutionError, false}, "CANCELLED": {executors.ExecutionError, false},
	} {
		got, failure := d.echo(s.address, "Fail", `, "request": {"text": "`+code+`"}`)
		shown := strings.Replace(code, "CANCELLED", "CANCELED", 1)
		if failure == nil || failure.Type != c.kind || failure.Code != shown || failure.Retryable != c.retry || !strings.Contains(failure.Message, "said the server") {
			t.Errorf("%s: %+v", code, failure)
		}
		details := got.Status.Details
		if got.Success || got.Status.Code != shown || got.Status.Message != "said the server" || got.Trailers["x-end"] != "over" || len(details) != 2 ||
			details[0]["retryDelay"] != "7s" || details[1]["why"] != "because" {
			t.Errorf("%s: %+v", code, got)
		}
	}
}

func TestInvalidInputs(t *testing.T) {
	t.Parallel()
	s, d := start(t, options{v1: true}), open(t, local(t))
	for _, c := range []struct{ method, more, field, message string }{
		{"Nope", ``, "method", "Unary, Download"},
		{"Unary", `, "request": []`, "request", "must be an object"},
		{"Unary", `, "request": {"nope": 1}`, "request", "nope"},
		{"Unary", `, "request": {"big_count": "x"}`, "request", "big"},
		{"Upload", `, "request": [{}, {"nope": 1}]`, "request[1]", "nope"},
		{"Unary", `, "request": {}, "proto_file": "protos:echo.proto", "descriptor_set": "x"`, "descriptor_set", "combined"},
		{"Unary", `, "metadata": {"a b": "c"}`, "metadata", "metadata key"},
		{"Unary", `, "metadata": {"a": "b\r\nc: d"}`, "metadata.a", "printable"},
		{"Unary", `, "metadata": {":authority": "x"}`, "metadata", "metadata key"},
		{"Unary", `, "metadata": {"grpc-timeout": "1S"}`, "metadata.grpc-timeout", "protocol"},
		{"Unary", `, "metadata": {"Host": "x"}`, "metadata.Host", "protocol"},
		{"Unary", `, "metadata": {"a-bin": "%"}`, "metadata.a-bin", "base64"},
		{"Unary", `, "tls": {}`, "tls", "plaintext"},
	} {
		_, failure := d.echo(s.address, c.method, c.more)
		if failure == nil || failure.Type != executors.ValidationError || failure.Field != c.field || !strings.Contains(failure.Message, c.message) {
			t.Errorf("%s %s: %+v", c.method, c.more, failure)
		}
	}
	_, failure := d.call(`{"server": "` + s.address + `", "plaintext": true, "service": "test.v1.None", "method": "X"}`)
	if failure == nil || failure.Type != executors.ValidationError || failure.Field != "service" {
		t.Errorf("no such service: %+v", failure)
	}
	bare := start(t, options{})
	_, failure = d.echo(bare.address, "Unary", ``)
	if failure == nil || failure.Type != executors.ExecutionError || !strings.Contains(failure.Message, "does not support reflection") || !strings.Contains(failure.Hint, "proto_file") {
		t.Errorf("no reflection: %+v", failure)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	d := open(t, executortest.Policy(t, policy.Config{}))
	for _, server := range []string{
		"unix:///var/run/docker.sock", "unix:docker.sock", "dns:///127.0.0.1:1", "passthrough:///127.0.0.1:1", "xds:///x", "127.0.0.1", "", ":1", "127.0.0.1:", "http://127.0.0.1:1",
		"a@127.0.0.1:1", "127.0.0.1:1/x", "127.0.0.1:1?x", "[fe80::1%eth0]:1", "unix-abstract:x",
	} {
		_, failure := d.echo(server, "Unary", ``)
		if failure == nil || failure.Field != "server" || failure.Type != executors.ValidationError && failure.Type != executors.PermissionDenied {
			t.Errorf("%q: %+v", server, failure)
		}
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "2130706433", "0x7f.1"} {
		_, failure := d.echo(host+":50051", "Unary", ``)
		if failure == nil || failure.Type != executors.PermissionDenied || failure.Field != "server" || failure.Hint == "" || failure.Retryable {
			t.Errorf("%s: failure = %+v; want permission_denied for server, with a hint", host, failure)
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certificate := peers.NewCertificate(t)
	s, d := start(t, options{v1: true, certificate: certificate}), open(t, local(t))
	ca, err := json.Marshal(string(certificate.PEM))
	if err != nil {
		t.Fatal(err)
	}
	const call = `, "service": "grpc.health.v1.Health", "method": "Check"`
	for _, tls := range []string{`{"ca": ` + string(ca) + `}`, `{"ca": ` + string(ca) + `, "server_name": "localhost"}`, `{"insecure": true}`} {
		got, failure := d.call(`{"server": "` + s.address + `", "tls": ` + tls + call + `}`)
		if failure != nil || got.Response["status"] != "SERVING" {
			t.Errorf("%.40s: %+v, %+v", tls, got, failure)
		}
	}
	for _, tls := range []string{`{}`, `{"ca": ` + string(ca) + `, "server_name": "other.example"}`} {
		_, failure := d.call(`{"server": "` + s.address + `", "tls": ` + tls + call + `}`)
		if failure == nil || failure.Type != executors.NetworkError || failure.Retryable || !strings.Contains(failure.Message, "certificate") {
			t.Errorf("%.40s: %+v", tls, failure)
		}
	}
	plain := start(t, options{v1: true})
	_, failure := d.call(`{"server": "` + plain.address + `"` + call + `}`)
	if failure == nil || failure.Type != executors.NetworkError || !strings.Contains(failure.Hint, "plaintext") {
		t.Errorf("no TLS there: %+v", failure)
	}
	for tls, field := range map[string]string{`{"ca": "-----BEGIN nothing"}`: "tls.ca", `{"ca": "/etc/passwd"}`: "tls.ca", `{"server_name": "a b"}`: "tls.server_name"} {
		if _, failure := d.call(`{"server": "` + s.address + `", "tls": ` + tls + call + `}`); failure == nil || failure.Field != field {
			t.Errorf("%s: %+v", tls, failure)
		}
	}
}
