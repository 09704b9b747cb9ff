package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// Failure returns the error of an exchange without a complete response. The
// name is what messages call the exchange. A refusal by the policy names the
// input url.
func Failure(ctx context.Context, name string, err error) *executors.Error {
	var typed *executors.Error
	switch {
	case errors.As(err, &typed):
		return typed
	case asDenied(err):
		return Denied(err)
	}
	// HTTP clients wrap errors with the URL, whose query may hold a secret.
	var addressed *url.Error
	if errors.As(err, &addressed) {
		err = addressed.Err
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return executors.Errorf(executors.Cancelled, "%s: cancelled: %w", name, context.Cause(ctx))
	case ctx.Err() != nil, isTimeout(err):
		return executors.Errorf(executors.TimeoutError, "%s: no complete response within the timeout: %w", name, err).
			WithField("timeout").Retry(0)
	}
	if reason, hint := CertificateProblem(err); reason != "" {
		return executors.Errorf(executors.NetworkError, "%s: %s: %w", name, reason, err).WithHint(hint)
	}
	reason := "the connection failed"
	var dns *net.DNSError
	var dial *net.OpError
	switch {
	case errors.As(err, &dns):
		reason = "the host name can't be resolved"
	case errors.As(err, &dial) && dial.Op == "dial":
		reason = "no connection"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		reason = "the connection was closed before the response was complete"
	}
	return executors.Errorf(executors.NetworkError, "%s: %s: %w", name, reason, err).Retry(0)
}

func isTimeout(err error) bool {
	var timed net.Error
	return errors.As(err, &timed) && timed.Timeout()
}

// CertificateProblem returns what is wrong with TLS and what to do about it, or
// empty strings if TLS is not what failed. Another attempt would fail too.
func CertificateProblem(err error) (reason, hint string) {
	const unchecked = "verify: false skips the check of the certificate; use it only for hosts that you trust"
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var bad x509.CertificateInvalidError
	var other *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &unknown):
		return "the server's certificate is not from a trusted authority", unchecked
	case errors.As(err, &host):
		return "the server's certificate is for another host", unchecked
	case errors.As(err, &bad) && bad.Reason == x509.Expired:
		return "the server's certificate has expired or is not valid yet", unchecked
	case errors.As(err, &bad), errors.As(err, &other):
		return "the server's certificate is not valid", unchecked
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the server does not speak TLS at this port", "try http:// or another port"
	case errors.As(err, &alert), strings.Contains(err.Error(), "tls: "):
		return "the TLS handshake failed", ""
	}
	return "", ""
}
