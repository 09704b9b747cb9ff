package grpc

import (
	"encoding/base64"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/web"
)

// owned are the keys that the protocol itself sets.
var owned = map[string]bool{
	"content-type": true, "te": true, "host": true, "connection": true, "user-agent": true, "transfer-encoding": true, "upgrade": true,
	"content-length": true, "keep-alive": true, "proxy-connection": true,
}

// readMetadata checks what goes along with a call: a value under a key that
// ends with -bin is base64.
func readMetadata(given map[string]string) (metadata.MD, error) {
	sent := metadata.MD{}
	for name, value := range given {
		key, field := strings.ToLower(name), "metadata."+name
		if !plainKey(key) {
			return nil, web.Invalid("metadata", "metadata key %q: only letters, digits and -_. are allowed", name)
		}
		if strings.HasPrefix(key, "grpc-") || owned[key] {
			return nil, web.Invalid(field, "%s can't be given: the protocol sets it", field)
		}
		if len(sent[key]) > 0 {
			return nil, web.Invalid(field, "%s is given twice, in different cases", field)
		}
		if strings.HasSuffix(key, "-bin") {
			raw, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				return nil, web.Invalid(field, "%s is not base64, which keys with -bin carry: %w", field, err)
			}
			value = string(raw)
		} else if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, web.Invalid(field, "%s has characters in it that are not printable ASCII; a key with -bin carries any, as base64", field)
		}
		sent.Append(key, value)
	}
	return sent, nil
}

// connectionMetadata is what goes along with every call to a connection; nil
// for a server of a caller's.
func connectionMetadata(pol *policy.Policy, to target) (metadata.MD, error) {
	if to.connection == "" {
		return nil, nil
	}
	headers, err := pol.Headers(to.connection)
	if err != nil {
		return nil, err
	}
	own := metadata.MD{}
	for name := range headers {
		key := strings.ToLower(name)
		if strings.HasSuffix(key, "-bin") {
			return nil, executors.Errorf(executors.ExecutionError, "the connection %s has the header %s, whose values are not text", to.connection, key)
		}
		own.Set(key, headers.Get(name))
	}
	return own, nil
}

// along puts what the caller sends beside what the connection does, which it
// can't replace.
func along(own, sent metadata.MD) (metadata.MD, error) {
	for key := range sent {
		if len(own[key]) > 0 {
			return nil, web.Invalid("metadata."+key, "metadata.%s can't be given: the connection brings its own", key)
		}
	}
	return metadata.Join(own, sent), nil
}

func plainKey(key string) bool {
	return key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// writeMetadata gives each key one text.
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
