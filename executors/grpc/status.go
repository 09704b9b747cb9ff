package grpc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // so that the usual details can be read
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/chainwright/chainwright/executors"
)

// maxDetails bounds the details of an error.
const maxDetails = 64 << 10

// state is how a call ended, as the server has it.
type state struct {
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Details []json.RawMessage `json:"details,omitempty"`
}

// name is a code as the protocol's documentation writes it.
func name(code codes.Code) string {
	var b strings.Builder
	for i, r := range code.String() {
		if i > 0 && r >= 'A' && r <= 'Z' && code != codes.OK {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

// both finds types that the server told, and those that are known anyway.
type both struct{ *dynamicpb.Types }

func (b both) FindMessageByName(name protoreflect.FullName) (protoreflect.MessageType, error) {
	if found, err := b.Types.FindMessageByName(name); err == nil {
		return found, nil
	}
	return protoregistry.GlobalTypes.FindMessageByName(name)
}

func (b both) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	if found, err := b.Types.FindMessageByURL(url); err == nil {
		return found, nil
	}
	return protoregistry.GlobalTypes.FindMessageByURL(url)
}

// newState reads a status with its details: by their types where these are
// known, and otherwise as they came.
func newState(said *status.Status, types *dynamicpb.Types) state {
	s := state{Code: name(said.Code()), Message: said.Message()}
	left := maxDetails
	for _, detail := range said.Proto().GetDetails() {
		raw, err := protojson.MarshalOptions{Resolver: both{types}}.Marshal(detail)
		if err != nil {
			raw, _ = json.Marshal(map[string]string{"@type": strings.ToValidUTF8(detail.GetTypeUrl(), "\uFFFD"), "base64": base64.StdEncoding.EncodeToString(detail.GetValue())})
		}
		if left -= len(raw); left < 0 {
			break
		}
		s.Details = append(s.Details, raw)
	}
	return s
}

// failure is an error of the library's, or of the server's, for the caller.
func (o *peer) failure(ctx context.Context, err error) error {
	var typed *executors.Error
	if errors.As(err, &typed) {
		return typed
	}
	said := status.Convert(err)
	if refused := o.refused.Load(); refused != nil && said.Code() == codes.Unavailable {
		failure := executors.AsError(*refused)
		failure.Field = "server"
		return failure
	}
	message := said.Message()
	if cut := strings.LastIndex(message, "Error while dialing: "); cut >= 0 {
		message = "no connection: " + message[cut+len("Error while dialing: "):]
	}
	kind := executors.ExecutionError
	switch said.Code() {
	case codes.Unauthenticated:
		kind = executors.AuthenticationError
	case codes.PermissionDenied:
		kind = executors.PermissionDenied
	case codes.NotFound:
		kind = executors.NotFound
	case codes.DeadlineExceeded:
		kind = executors.TimeoutError
	case codes.Canceled:
		if ctx.Err() != nil {
			kind = executors.Cancelled
		}
	case codes.Unavailable:
		kind = executors.NetworkError
	}
	failure := executors.Errorf(kind, "%s: %s: %s", o.target.name(), name(said.Code()), message).WithCode(name(said.Code()))
	switch said.Code() {
	case codes.ResourceExhausted:
		if strings.Contains(message, "message larger than max") { // it would be again
			return failure.WithHint("ask for less in the request")
		}
		failure.Retry(0)
	case codes.DeadlineExceeded, codes.Aborted:
		failure.Retry(0)
	case codes.Unavailable:
		if !misunderstood(message) {
			return failure.Retry(0)
		}
		failure.WithHint("plaintext: true is for servers without TLS, tls.ca for ones whose authority is not known here")
	}
	return failure
}

// misunderstood tells a server that does not speak TLS as we do from a
// connection that broke in the handshake. The library has only texts.
func misunderstood(message string) bool {
	if strings.Contains(message, "first record does not look like") {
		return true
	}
	if !strings.Contains(message, "handshake failed") {
		return false
	}
	for _, broken := range []string{"EOF", "connection reset by peer", "broken pipe", "deadline exceeded", "i/o timeout", "closed network connection"} {
		if strings.HasSuffix(strings.TrimRight(message, `"`), broken) {
			return false
		}
	}
	return true
}
