// Package web is what the executors that go to addresses of callers' share:
// which addresses and headers may be given, how a body is read, and why an
// exchange failed. The addresses themselves are guarded by the policy, when
// they are dialled.
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

// Invalid is a validation_error about one input.
func Invalid(field, format string, args ...any) *executors.Error {
	return executors.Errorf(executors.ValidationError, format, args...).WithField(field)
}

// CheckURL asks policy for an address that a caller gave, in the input url or
// by way of a server's answer. Without any schemes these are http and https.
func CheckURL(pol *policy.Policy, raw string, schemes ...string) (*url.URL, error) {
	if len(schemes) == 0 {
		schemes = []string{"http", "https"}
	}
	target, err := pol.CheckURL(raw, schemes...)
	if err != nil {
		if mistake := misread(raw, schemes); mistake != nil {
			return nil, mistake
		}
		return nil, Denied(err)
	}
	if target.User != nil {
		return nil, Invalid("url", "url holds a user name or password; give them in auth or in headers, where they are not logged")
	}
	target.Fragment, target.RawFragment = "", ""
	return target, nil
}

// misread says why an address is none, which is no matter of policy.
func misread(raw string, schemes []string) error {
	target, err := url.Parse(raw)
	switch {
	case err != nil:
		return Invalid("url", "url must be an %s address; got one that can't be read", strings.Join(schemes, " or "))
	case !slices.Contains(schemes, target.Scheme):
		return Invalid("url", "url must begin with %s://; got the scheme %q", strings.Join(schemes, ":// or "), target.Scheme)
	case target.Hostname() == "":
		return Invalid("url", "url names no host")
	}
	return nil
}

// Denied is a refusal by policy, which is about the address unless it says
// otherwise.
func Denied(err error) *executors.Error {
	refused := executors.AsError(err)
	if refused.Field == "" {
		refused.Field = "url"
	}
	return refused
}

// FromServer is the error of an address that a server gave: what is wrong
// with it is no fault of the input's.
func FromServer(where string, err error) error {
	refused := *executors.AsError(err)
	refused.Message = where + ": " + refused.Message
	if refused.Type == executors.ValidationError {
		refused.Type, refused.Field = executors.ExecutionError, ""
	}
	return &refused
}

// SameHost holds for equal host, port and scheme, and for going from http to
// https at their usual ports.
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

// WithoutQuery is an address as it stands in messages: the query may hold
// what should not be in a log.
func WithoutQuery(u *url.URL) string {
	shown := *u
	shown.RawQuery, shown.ForceQuery = "", false
	return shown.String()
}

// Scalar writes a text, number or boolean as it stands in a header or a form.
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

// asDenied reports whether the policy refused, wherever that is wrapped.
func asDenied(err error) bool {
	var refused *policy.Denied
	return errors.As(err, &refused)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
