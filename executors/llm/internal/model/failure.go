package model

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/shorten"
)

// Error codes besides HTTP statuses.
const (
	CodeRefusal   = "refusal"       // the model declined
	CodeBadReply  = "bad_reply"     // the reply is invalid, also after repairs
	CodeLength    = "length"        // the reply exceeds max_tokens
	CodeEmpty     = "empty_reply"   // the reply has no text
	CodeNoChoices = "empty_choices" // the response has no reply
	CodeCut       = "cut_stream"    // the stream ended before the reply did
	CodeStalled   = "stalled"       // the stream stopped sending
	CodeCeiling   = "ceiling"       // a ceiling is reached
	CodeOpen      = "breaker_open"  // the circuit breaker is open
	CodeNone      = "no_provider"   // no model is configured
)

// Upstream is an error as an endpoint reported it.
type Upstream struct {
	// Status is the HTTP status, or the one that the body of a successful response
	// has as the error's code; 0: neither.
	Status  int
	Code    string // the endpoint's own code, such as insufficient_quota
	Message string
}

// Failure converts an endpoint's error response. The message is limited in length
// and contains no credentials.
func Failure(who string, up Upstream, x *Exchange, keys ...string) *executors.Error {
	message := who + " returned " + strings.TrimSpace(strconv.Itoa(up.Status)+" "+http.StatusText(up.Status))
	if up.Status == 0 || up.Status == http.StatusOK {
		message = who + " reported an error during its reply"
	}
	if up.Status == http.StatusMisdirectedRequest && x.Status >= 300 && x.Status < 400 {
		up.Status = x.Status
		message = who + " redirects; redirects are not followed because the key would be sent along"
	}
	if said := Clean(up.Message, keys...); said != "" {
		message += ": " + said
	}
	code := strconv.Itoa(up.Status)
	if up.Status == 0 || up.Status == http.StatusOK {
		code = Clean(up.Code, keys...)
	}
	err := executors.Errorf(web.KindOf(up.Status), "%s", message).WithCode(code)
	err.Status = up.Status
	switch {
	case strings.Contains(up.Code, "insufficient_quota"), strings.Contains(up.Code, "billing"):
		return err.WithHint("the account has no credit left; a retry does not help")
	case tooMuch(up):
		return err.WithHint("send a shorter prompt, or choose a model with a longer context")
	case transient(up):
		return err.Retry(x.RetryAfter)
	case up.Status == http.StatusUnauthorized:
		return err.WithHint("the operator must set a valid key: OPENAI_API_KEY or ANTHROPIC_API_KEY")
	case up.Status == http.StatusNotFound:
		return err.WithHint("check the model's name and the operator's base URL")
	}
	return err
}

// tooMuch reports whether a prompt does not fit into the model's context.
func tooMuch(up Upstream) bool {
	said := strings.ReplaceAll(strings.ToLower(up.Code+" "+up.Message), "_", " ")
	return up.Status == http.StatusRequestEntityTooLarge || strings.Contains(said, "context length") || strings.Contains(said, "context size") ||
		strings.Contains(said, "context window") || strings.Contains(said, "prompt is too long")
}

func transient(up Upstream) bool {
	switch up.Status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return true
	case 0, http.StatusOK: // an error in the body of a successful response
		said := strings.NewReplacer("_", " ", "-", " ").Replace(strings.ToLower(up.Code + " " + up.Message))
		for _, words := range []string{"overloaded", "rate limit", "too many requests", "try again"} {
			if strings.Contains(said, words) {
				return true
			}
		}
		code := strings.ToLower(up.Code)
		for _, word := range []string{"server_error", "api_error", "timeout", "unavailable", "exhausted"} {
			if strings.Contains(code, word) {
				return true
			}
		}
	}
	return up.Status >= 500
}

// Broken converts the error of an incomplete HTTP exchange.
func Broken(ctx context.Context, who string, err error, keys ...string) *executors.Error {
	var typed *executors.Error
	var stalled *Stalled
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	var cert *tls.CertificateVerificationError
	var timed net.Error
	var broken lost
	said := Clean(err.Error(), keys...)
	switch {
	case errors.As(err, &typed):
		return typed
	case errors.As(context.Cause(ctx), &stalled):
		return executors.Errorf(executors.TimeoutError, "%s: %w", who, stalled).WithCode(CodeStalled).Retry(0)
	case errors.Is(ctx.Err(), context.Canceled):
		return executors.Errorf(executors.Cancelled, "%s: cancelled", who)
	case ctx.Err() != nil:
		return executors.Errorf(executors.TimeoutError, "%s: no complete response in time", who).Retry(0)
	case errors.Is(err, tooLong{}):
		return executors.Errorf(executors.ExecutionError, "%s: %w", who, tooLong{})
	case errors.As(err, &cert):
		return executors.Errorf(executors.NetworkError, "%s: the certificate is not valid: %s", who, said)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return executors.Errorf(executors.NetworkError, "%s: the connection was closed before the response was complete", who).Retry(0)
	case errors.As(err, &timed) && timed.Timeout():
		return executors.Errorf(executors.TimeoutError, "%s: no connection or no response in time: %s", who, said).Retry(0)
	case errors.As(err, &timed):
		return executors.Errorf(executors.NetworkError, "%s: the request failed: %s", who, said).Retry(0)
	case errors.As(err, &broken):
		return executors.Errorf(executors.NetworkError, "%s: the connection broke before the response was complete: %s", who, said).Retry(0)
	case errors.As(err, &syntax), errors.As(err, &shape):
		return executors.Errorf(executors.ExecutionError, "%s sent invalid JSON: %s", who, said)
	}
	return executors.Errorf(executors.ExecutionError, "%s: %s", who, said)
}

// credentials matches keys of model endpoints, bearer tokens and URL passwords.
var credentials = regexp.MustCompile(`(?i)\b(sk|pk|rk|key|gsk|xai|hf)[-_][A-Za-z0-9*_-]{6,}|bearer\s+\S+|://[^/\s@]+@`)

// longestSaid is the limit of an endpoint's message, in bytes.
const longestSaid = 400

// Clean returns an endpoint's text for an error: on one line, cut to 400 bytes,
// and without the given keys and anything that looks like a key.
func Clean(text string, keys ...string) string {
	text = shorten.First(text, 16*longestSaid)
	for _, key := range keys {
		if key != "" {
			text = strings.ReplaceAll(text, key, "[key]")
		}
	}
	return shorten.Line(credentials.ReplaceAllString(text, "[key]"), longestSaid)
}
