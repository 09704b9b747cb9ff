package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/shorten"
)

// KindOf returns the error type of an HTTP status.
func KindOf(code int) executors.ErrorType {
	switch code {
	case http.StatusUnauthorized:
		return executors.AuthenticationError
	case http.StatusForbidden:
		return executors.PermissionDenied
	case http.StatusNotFound:
		return executors.NotFound
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return executors.TimeoutError
	}
	return executors.ExecutionError
}

// StatusError returns the error of an HTTP status, with the server's
// Retry-After if another attempt may succeed. A 429, and a 503 that says when to
// come back, is a refusal to begin.
func StatusError(code int, header http.Header, message string) *executors.Error {
	failure := executors.Errorf(KindOf(code), "%s", message).WithCode(strconv.Itoa(code))
	failure.Status = code
	failure.Refused = code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable && header.Get("Retry-After") != ""
	switch code {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		failure.Retry(retryAfter(header.Get("Retry-After"), time.Now()))
	case http.StatusUnauthorized:
		failure.WithHint("set credentials, or check the ones that were sent")
	}
	return failure
}

// Excerpt returns the beginning of a server's text, on one line.
func Excerpt(said string) string {
	return shorten.Line(said, 200)
}

// OutputRoom returns how many bytes of content fit into an executor's output,
// with space left for the rest of the output.
func OutputRoom(limits policy.Limits, id string) int {
	most := int64(10 << 20)
	if limits.OutputBytes > 0 {
		most = limits.OutputBytes
	}
	if own := limits.Executors[id].OutputBytes; own > 0 {
		most = own
	}
	return int(max(most-2*MaxHeaderBytes, most/4))
}
