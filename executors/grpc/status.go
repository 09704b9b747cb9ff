package grpc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // registers the standard error details
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// maxDetails is the largest total size of error details, in bytes.
const maxDetails = 64 << 10

// state is the gRPC status of a call.
type state struct {
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Details []json.RawMessage `json:"details,omitempty"`
}

// name returns a code in the notation of the gRPC documentation, such as
// NOT_FOUND.
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

// resolver resolves types of the server's schema and registered types.
type resolver struct{ *dynamicpb.Types }

func (b resolver) FindMessageByName(name protoreflect.FullName) (protoreflect.MessageType, error) {
	if found, err := b.Types.FindMessageByName(name); err == nil {
		return found, nil
	}
	return protoregistry.GlobalTypes.FindMessageByName(name)
}

func (b resolver) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	if found, err := b.Types.FindMessageByURL(url); err == nil {
		return found, nil
	}
	return protoregistry.GlobalTypes.FindMessageByURL(url)
}

// newState converts a status. Details of unknown types are kept as base64.
func newState(st *status.Status, types *dynamicpb.Types) state {
	s := state{Code: name(st.Code()), Message: st.Message()}
	left := maxDetails
	for _, detail := range st.Proto().GetDetails() {
		raw, err := protojson.MarshalOptions{Resolver: resolver{types}}.Marshal(detail)
		if err != nil {
			raw = plainjson.Must(map[string]string{"@type": strings.ToValidUTF8(detail.GetTypeUrl(), "\uFFFD"), "base64": base64.StdEncoding.EncodeToString(detail.GetValue())})
		}
		if left -= len(raw); left < 0 {
			break
		}
		s.Details = append(s.Details, raw)
	}
	return s
}

// failure converts an error to the executor's error.
func (o *peer) failure(ctx context.Context, err error) error {
	var typed *executors.Error
	if errors.As(err, &typed) {
		return typed
	}
	st := status.Convert(err)
	if refused := o.refused.Load(); refused != nil && st.Code() == codes.Unavailable {
		failure := executors.AsError(*refused)
		failure.Field = "server"
		return failure
	}
	message := st.Message()
	if cut := strings.LastIndex(message, "Error while dialing: "); cut >= 0 {
		message = "no connection: " + message[cut+len("Error while dialing: "):]
	}
	kind := executors.ExecutionError
	switch st.Code() {
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
	failure := executors.Errorf(kind, "%s: %s: %s", o.target.name(), name(st.Code()), message).WithCode(name(st.Code()))
	switch st.Code() {
	case codes.ResourceExhausted:
		if strings.Contains(message, "message larger than max") { // a retry would fail, too
			return failure.WithHint("request less data")
		}
		failure.Retry(0)
	case codes.DeadlineExceeded, codes.Aborted:
		failure.Retry(0)
	case codes.Unavailable:
		if !tlsMismatch(message) {
			return failure.Retry(0)
		}
		failure.WithHint("for servers without TLS, set plaintext to true; for a private certificate authority, set tls.ca")
	}
	return failure
}

// tlsMismatch reports whether a handshake failed because of the TLS settings,
// not because the connection broke. The library returns only texts.
func tlsMismatch(message string) bool {
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
