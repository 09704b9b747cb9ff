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

// Failure says why an exchange gave no whole answer. The name is what the
// exchange is called in messages; a policy's refusal is about the input url.
func Failure(ctx context.Context, name string, err error) *executors.Error {
	var typed *executors.Error
	switch {
	case errors.As(err, &typed):
		return typed
	case asDenied(err):
		return Denied(err)
	}
	// What HTTP clients wrap an error in repeats the address, with the query: a
	// secret may be in it.
	var addressed *url.Error
	if errors.As(err, &addressed) {
		err = addressed.Err
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return executors.Errorf(executors.Cancelled, "%s: cancelled: %w", name, context.Cause(ctx))
	case ctx.Err() != nil, isTimeout(err):
		return executors.Errorf(executors.TimeoutError, "%s: no whole answer within the time-out: %w", name, err).
			WithField("timeout").Retry(0)
	}
	if reason, hint := CertificateProblem(err); reason != "" {
		return executors.Errorf(executors.NetworkError, "%s: %s: %w", name, reason, err).WithHint(hint)
	}
	reason := "the exchange broke off"
	var dns *net.DNSError
	var dial *net.OpError
	switch {
	case errors.As(err, &dns):
		reason = "the host name can't be resolved"
	case errors.As(err, &dial) && dial.Op == "dial":
		reason = "no connection"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		reason = "the connection was closed before the answer was whole"
	}
	return executors.Errorf(executors.NetworkError, "%s: %s: %w", name, reason, err).Retry(0)
}

func isTimeout(err error) bool {
	var timed net.Error
	return errors.As(err, &timed) && timed.Timeout()
}

// CertificateProblem names what is wrong with TLS, empty where that is not
// what failed. Another attempt would end
// the same way.
func CertificateProblem(err error) (reason, hint string) {
	const unchecked = "verify: false goes on without checking the certificate; only for hosts that you know"
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var bad x509.CertificateInvalidError
	var other *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &unknown):
		return "the server's certificate is not from an authority that is trusted here", unchecked
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
