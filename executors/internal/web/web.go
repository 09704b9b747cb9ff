// Package web holds what the executors share that send requests to a caller's
// URL: it checks URLs and headers, reads bodies, and explains failures. The
// policy checks each address when it is dialled.
package web

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// Invalid returns a validation_error about one input.
func Invalid(field, format string, args ...any) *executors.Error {
	return executors.Errorf(executors.ValidationError, format, args...).WithField(field)
}

// CheckURL parses a URL as ParseURL does and asks the policy whether it is allowed. It comes from
// the input url or from a server's response. The default schemes are http and
// https.
func CheckURL(pol *policy.Policy, raw string, schemes ...string) (*url.URL, error) {
	if len(schemes) == 0 {
		schemes = []string{"http", "https"}
	}
	target, err := pol.CheckURL(encode(raw), schemes...)
	if err != nil {
		if mistake := misread(raw, schemes); mistake != nil {
			return nil, mistake
		}
		return nil, Denied(err)
	}
	if target.User != nil {
		return nil, Invalid("url", "url contains a user name or password; set them in auth or headers, where they are not logged")
	}
	target.Fragment, target.RawFragment = "", ""
	return target, nil
}

// misread returns why a URL is not valid, or nil if it is.
func misread(raw string, schemes []string) error {
	target, err := ParseURL(raw)
	switch {
	case err != nil:
		return Invalid("url", "url must be an %s address; got one that can't be read", strings.Join(schemes, " or "))
	case !slices.Contains(schemes, target.Scheme):
		return Invalid("url", "url must begin with %s://; got the scheme %q", strings.Join(schemes, ":// or "), target.Scheme)
	case target.Hostname() == "":
		return Invalid("url", "url has no host")
	}
	return nil
}

// Denied returns the error of a refusal by the policy. Its field is url unless
// the refusal names another one.
func Denied(err error) *executors.Error {
	refused := executors.AsError(err)
	if refused.Field == "" {
		refused.Field = "url"
	}
	return refused
}

// FromServer returns the error of a URL that a server gave. A validation_error
// becomes an execution_error, because the input is not at fault.
func FromServer(where string, err error) error {
	refused := *executors.AsError(err)
	refused.Message = where + ": " + refused.Message
	if refused.Type == executors.ValidationError {
		refused.Type, refused.Field = executors.ExecutionError, ""
	}
	return &refused
}

// SameHost reports whether two URLs have the same scheme, host and port. It also
// allows a change from http to https at the default ports.
func SameHost(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) {
		return false
	}
	if from.Scheme == to.Scheme {
		return port(from) == port(to)
	}
	return from.Scheme == "http" && port(from) == "80" && port(to) == "443"
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// WithoutQuery returns a URL for messages and logs, without its query, which may
// hold a secret.
func WithoutQuery(u *url.URL) string {
	shown := *u
	shown.RawQuery, shown.ForceQuery = "", false
	return shown.String()
}

// Scalar returns a string, number or boolean as text for a header or a form, and
// "" for any other value.
func Scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// asDenied reports whether an error wraps a refusal by the policy.
func asDenied(err error) bool {
	var refused *policy.Denied
	return errors.As(err, &refused)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
