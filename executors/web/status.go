package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// KindOf is the kind of failure that an HTTP status stands for.
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

// StatusError is the failure that a status stands for, with what the server
// says about trying again.
func StatusError(code int, header http.Header, message string) *executors.Error {
	failure := executors.Errorf(KindOf(code), "%s", message).WithCode(strconv.Itoa(code))
	switch code {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		failure.Retry(retryAfter(header.Get("Retry-After"), time.Now()))
	case http.StatusUnauthorized:
		failure.WithHint("give credentials, or check the ones given")
	}
	return failure
}

// Excerpt is the beginning of what a server said, on one line.
func Excerpt(said string) string {
	const longest = 200
	said = said[:min(len(said), 4*longest)]
	said = strings.Join(strings.Fields(strings.ToValidUTF8(said, "")), " ")
	if len(said) <= longest {
		return said
	}
	cut := longest
	for !utf8.RuneStart(said[cut]) {
		cut--
	}
	return said[:cut] + "…"
}

// OutputRoom is what the door lets through of an executor's output, less what
// everything but the content may take.
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
