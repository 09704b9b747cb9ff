package model

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/lazyregexp"
	"github.com/chainwright/chainwright/executors/web"
)

// Codes of failures that are not an HTTP status.
const (
	CodeRefusal   = "refusal"       // the model declined
	CodeBadReply  = "bad_reply"     // the reply is not what was asked for, repairs included
	CodeLength    = "length"        // the reply does not fit into its bound
	CodeEmpty     = "empty_reply"   // there is no text in the reply
	CodeNoChoices = "empty_choices" // there is no reply in the response
	CodeCut       = "cut_stream"    // the stream ended before the model did
	CodeStalled   = "stalled"       // the stream went silent
	CodeCeiling   = "ceiling"       // what may be spent is spent
	CodeOpen      = "breaker_open"  // the endpoint failed too often just now
	CodeNone      = "no_provider"   // there is no model to ask
)

// Upstream is what an endpoint said about a failure, as far as the client
// library tells.
type Upstream struct {
	Status  int    // of HTTP; 0 where the failure came in another way
	Code    string // the endpoint's own: insufficient_quota, overloaded_error
	Message string
}

// Failure turns an endpoint's refusal into an error for callers. The text is
// bounded and holds no credentials, whatever the endpoint echoed.
func Failure(who string, up Upstream, x *Exchange, keys ...string) *executors.Error {
	message := who + " answered " + strings.TrimSpace(strconv.Itoa(up.Status)+" "+http.StatusText(up.Status))
	if up.Status == 0 || up.Status == http.StatusOK {
		message = who + " reported a failure in the middle of its answer"
	}
	if up.Status == http.StatusMisdirectedRequest && x.Status < 400 {
		up.Status = x.Status
		message = who + " redirects, which is not followed: it would take the key along"
	}
	if said := Clean(up.Message, keys...); said != "" {
		message += ": " + said
	}
	err := executors.Errorf(web.KindOf(up.Status), "%s", message).WithCode(strconv.Itoa(up.Status))
	if up.Code != "" && (up.Status == 0 || up.Status == http.StatusOK) {
		err.WithCode(Clean(up.Code, keys...))
	}
	switch {
	case strings.Contains(up.Code, "insufficient_quota"), strings.Contains(up.Code, "billing"):
		return err.WithHint("the account has no credit left; trying again does not help")
	case transient(up):
		return err.Retry(x.RetryAfter)
	case up.Status == http.StatusUnauthorized:
		return err.WithHint("the operator sets the key: OPENAI_API_KEY or ANTHROPIC_API_KEY")
	case up.Status == http.StatusNotFound:
		return err.WithHint("check the model's name and the operator's base URL")
	}
	return err
}

func transient(up Upstream) bool {
	switch up.Status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return true
	case 0, http.StatusOK: // an error event in a stream
		for _, word := range []string{"overloaded", "rate_limit", "server_error", "api_error", "timeout"} {
			if strings.Contains(up.Code, word) {
				return true
			}
		}
	}
	return up.Status >= 500
}

// Broken turns an exchange that broke off into an error for callers.
func Broken(ctx context.Context, who string, err error, keys ...string) *executors.Error {
	var typed *executors.Error
	var stalled *Stalled
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	var cert *tls.CertificateVerificationError
	var timed net.Error
	said := Clean(err.Error(), keys...)
	switch {
	case errors.As(err, &typed):
		return typed
	case errors.As(context.Cause(ctx), &stalled):
		return executors.Errorf(executors.TimeoutError, "%s: %w", who, stalled).WithCode(CodeStalled).Retry(0)
	case errors.Is(ctx.Err(), context.Canceled):
		return executors.Errorf(executors.Cancelled, "%s: cancelled", who)
	case ctx.Err() != nil:
		return executors.Errorf(executors.TimeoutError, "%s: no whole answer in time", who).Retry(0)
	case errors.Is(err, errTooLong):
		return executors.Errorf(executors.ExecutionError, "%s: %w", who, errTooLong)
	case errors.As(err, &cert):
		return executors.Errorf(executors.NetworkError, "%s: the certificate is not valid: %s", who, said)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return executors.Errorf(executors.NetworkError, "%s: the connection was closed before the answer was whole", who).Retry(0)
	case errors.As(err, &timed) && timed.Timeout():
		return executors.Errorf(executors.TimeoutError, "%s: no connection or no answer in time: %s", who, said).Retry(0)
	case errors.As(err, &timed):
		return executors.Errorf(executors.NetworkError, "%s: the exchange failed: %s", who, said).Retry(0)
	case errors.As(err, &syntax), errors.As(err, &shape):
		return executors.Errorf(executors.ExecutionError, "%s sent what is not the JSON of a reply: %s", who, said)
	}
	return executors.Errorf(executors.ExecutionError, "%s: %s", who, said)
}

// credentials are the forms that keys of model endpoints have.
var credentials = lazyregexp.New(`(?i)\b(sk|pk|rk|key|gsk|xai|hf)[-_][A-Za-z0-9*_-]{6,}|bearer\s+\S+|://[^/\s@]+@`)

// longestSaid is how much of an endpoint's own words is passed on.
const longestSaid = 400

// Clean is an endpoint's text for an error: one line, bounded, without the
// given keys and without what looks like one.
func Clean(text string, keys ...string) string {
	text = strings.ToValidUTF8(text[:min(len(text), 16*longestSaid)], "")
	for _, key := range keys {
		if key != "" {
			text = strings.ReplaceAll(text, key, "[key]")
		}
	}
	text = strings.Join(strings.Fields(credentials().ReplaceAllString(text, "[key]")), " ")
	if len(text) <= longestSaid {
		return text
	}
	end := longestSaid
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
