package grpc

import (
	"context"
	"encoding/base64"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/policy"
)

// owned are keys that the protocol sets.
var owned = map[string]bool{
	"content-type": true, "te": true, "host": true, "connection": true, "user-agent": true, "transfer-encoding": true, "upgrade": true,
	"content-length": true, "keep-alive": true, "proxy-connection": true,
}

// readMetadata validates the caller's metadata. Values of keys that end with
// -bin must be base64.
func readMetadata(given map[string]string) (metadata.MD, error) {
	sent := metadata.MD{}
	for name, value := range given {
		key, field := strings.ToLower(name), "metadata."+name
		if !plainKey(key) {
			return nil, web.Invalid("metadata", "metadata key %q: only letters, digits and -_. are allowed", name)
		}
		if strings.HasPrefix(key, "grpc-") || owned[key] {
			return nil, web.Invalid(field, "%s is not allowed: the protocol sets it", field)
		}
		if len(sent[key]) > 0 {
			return nil, web.Invalid(field, "%s is given twice with different upper and lower case", field)
		}
		if strings.HasSuffix(key, "-bin") {
			raw, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				return nil, web.Invalid(field, "%s must be base64, because its key ends with -bin: %w", field, err)
			}
			value = string(raw)
		} else if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, web.Invalid(field, "%s must be printable ASCII; for other values, use a key that ends with -bin and base64", field)
		}
		sent.Append(key, value)
	}
	return sent, nil
}

// connectionMetadata returns the metadata of an operator's connection; nil for
// a server from a caller.
func connectionMetadata(ctx context.Context, pol *policy.Policy, to target) (metadata.MD, error) {
	if to.connection == "" {
		return nil, nil
	}
	headers, err := pol.Headers(ctx, to.connection)
	if err != nil {
		return nil, err
	}
	own := metadata.MD{}
	for name := range headers {
		key := strings.ToLower(name)
		if strings.HasSuffix(key, "-bin") {
			return nil, executors.Errorf(executors.ExecutionError, "the connection %s has the header %s, which is not allowed: -bin values are not text", to.connection, key)
		}
		own.Set(key, headers.Get(name))
	}
	return own, nil
}

// joinMetadata joins the metadata of the connection and of the caller, who can't
// replace the connection's keys.
func joinMetadata(own, sent metadata.MD) (metadata.MD, error) {
	for key := range sent {
		if len(own[key]) > 0 {
			return nil, web.Invalid("metadata."+key, "metadata.%s is not allowed: the connection sets it", key)
		}
	}
	return metadata.Join(own, sent), nil
}

func plainKey(key string) bool {
	return key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// writeMetadata joins the values of each key to one string.
func writeMetadata(md metadata.MD) map[string]string {
	flat := map[string]string{}
	for key, values := range md {
		if strings.HasSuffix(key, "-bin") {
			for i, value := range values {
				values[i] = base64.StdEncoding.EncodeToString([]byte(value))
			}
		}
		flat[key] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
	}
	return flat
}
