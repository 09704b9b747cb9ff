package mcp

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/process"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/policy"
)

// target is a server that policy allows: a URL or a program.
type target struct {
	key    string // calls with the same key share a connection
	name   string // the name in messages
	policy *policy.Policy
	url    string
	header map[string]string
	spec   process.Spec
	own    http.RoundTripper // for a server from an operator's file; nil: guarded
	// connection is the operator's connection; each of its peers has its own transport.
	connection string
	authority  string // PEM certificates
}

func (t *target) transport() http.RoundTripper {
	switch {
	case t.own != nil:
		return t.own
	case t.connection != "":
		return trusted(t.policy, t.authority)
	}
	return t.policy.Transport(plain)
}

// direct returns the transport to close with the peer; nil if it is shared.
func (t *target) direct(over http.RoundTripper) *http.Transport {
	if t.connection == "" {
		return nil
	}
	own, _ := over.(*http.Transport)
	return own
}

// trusted returns a transport for an operator's server. It uses the
// environment's proxy for https.
func trusted(pol *policy.Policy, authority string) *http.Transport {
	made := &http.Transport{
		Proxy: policy.TunnelProxy, DialContext: pol.DialTrusted, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16,
		IdleConnTimeout: idleFor, TLSHandshakeTimeout: 15 * time.Second, MaxResponseHeaderBytes: 1 << 20,
	}
	if authority != "" {
		made.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		made.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(authority))
	}
	return made
}

// aim checks the inputs against policy. Principals do not share connections,
// because a session may keep what one of them sent.
func aim(ctx context.Context, call *executors.Call, in Input) (*target, error) {
	t := &target{policy: call.Policy}
	sum := sha256.New()
	add := func(parts ...string) {
		for _, part := range parts {
			fmt.Fprintf(sum, "%d:%s,", len(part), part)
		}
	}
	add(call.Principal, in.Transport)
	var err error
	switch {
	case in.Transport != "http":
		err = t.aimAtProgram(in, add)
	case slices.Contains(t.policy.Connections("mcp"), in.URL):
		err = t.aimAtConnection(ctx, in, add)
	default:
		err = t.aimAtURL(in, add)
	}
	t.key = hex.EncodeToString(sum.Sum(nil))
	return t, err
}

// reserved are headers that the protocol sets.
var reserved = []string{"Accept", "Content-Type", "Content-Length", "Host", "Connection", "Transfer-Encoding", "Last-Event-Id"}

func (t *target) aimAtURL(in Input, add func(...string)) error {
	u, err := web.CheckURL(t.policy, in.URL)
	if err != nil {
		if known := t.policy.Connections("mcp"); len(known) > 0 && !strings.Contains(in.URL, "://") {
			return executors.AsError(err).WithHint("connections are " + strings.Join(known, ", "))
		}
		return err
	}
	t.url, t.name = u.String(), u.Host
	return t.setHeaders(in, nil, add)
}

// aimAtConnection prepares a connection of the operator. Callers can't replace
// its headers.
func (t *target) aimAtConnection(ctx context.Context, in Input, add func(...string)) error {
	c, err := t.policy.Connection(in.URL)
	if err != nil {
		return err
	}
	own, err := t.policy.Headers(ctx, in.URL)
	if err != nil {
		return err
	}
	if t.authority, err = t.policy.Authority(in.URL); err != nil {
		return executors.Errorf(executors.ExecutionError, "%w", err)
	}
	t.url, t.name, t.connection = c.URL, in.URL, in.URL
	add(t.connection, t.authority)
	return t.setHeaders(in, own, add)
}

// setHeaders sets the headers of the requests: the connection's and the caller's.
func (t *target) setHeaders(in Input, own http.Header, add func(...string)) error {
	given := make(map[string]any, len(in.Headers))
	for name, value := range in.Headers {
		given[name] = value
	}
	header, err := web.ReadHeaders(given)
	if err != nil {
		return err
	}
	t.header = map[string]string{}
	add(t.url)
	names := make([]string, 0, len(header))
	for name := range header {
		if own.Get(name) != "" {
			return invalid("headers."+name, "is not allowed: the connection sets it")
		}
		if canonical := http.CanonicalHeaderKey(name); slices.Contains(reserved, canonical) || strings.HasPrefix(canonical, "Mcp-") {
			return invalid("headers."+name, "is not allowed: the protocol sets it")
		}
		names = append(names, name)
	}
	for name := range own {
		header[name] = own[name]
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t.header[name] = strings.Join(header[name], ", ")
		add(name, t.header[name])
	}
	return nil
}

func (t *target) aimAtProgram(in Input, add func(...string)) error {
	names := make([]string, 0, len(in.Env))
	for name, value := range in.Env {
		if strings.ContainsRune(value, 0) {
			return invalid("env."+name, "contains a NUL byte")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	path, err := t.policy.Program(in.Command[0], in.Command[1:], names...)
	if err != nil {
		return err
	}
	t.name = path
	t.spec = process.Spec{Path: path, Args: in.Command[1:], Env: process.Environment(), Cap: keepStderr}
	for _, name := range names {
		t.spec.Env = append(t.spec.Env, name+"="+in.Env[name])
	}
	if in.Cwd != "" {
		if t.spec.Dir, err = t.policy.Dir(in.Cwd); err != nil {
			var denied *policy.Denied
			if errors.As(err, &denied) {
				return &policy.Denied{Field: "cwd", Message: denied.Message, Hint: denied.Hint}
			}
			return invalid("cwd", "%v", err)
		}
	} else if only, ok := t.policy.OnlyRoot(); ok {
		t.spec.Dir = only
	}
	add(path, t.spec.Dir, fmt.Sprint(len(in.Command)))
	add(in.Command...)
	add(t.spec.Env...)
	return nil
}

// failure converts an error to the executor's error and fills out.Error.
func (t *target) failure(ctx context.Context, out *Output, err error) error {
	var said *peerError
	var typed *executors.Error
	var start *process.StartError
	switch {
	case errors.As(err, &said):
		if out != nil && out.Error == "" {
			out.Error, out.ErrorCode = said.message, said.code
		}
		return said.failure()
	case errors.As(err, &typed):
		return typed
	case errors.As(err, &start):
		return executors.Errorf(executors.ExecutionError, "the program could not be started: %w", err).WithField("command")
	case t.url != "":
		return web.Failure(ctx, t.name, err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return executors.Errorf(executors.TimeoutError, "%s: no response within the timeout", t.name).WithField("timeout")
	case ctx.Err() != nil:
		return executors.Errorf(executors.Cancelled, "%s: cancelled", t.name)
	}
	return executors.Errorf(executors.ExecutionError, "%s: the connection ended: %w", t.name, err)
}

// Destination implements executors.Sender. A program is no host.
func (e *Executor) Destination(pol *policy.Policy, inputs map[string]any) policy.Destination {
	address, _ := inputs["url"].(string)
	if inputs["transport"] != "http" {
		return policy.Destination{}
	}
	if slices.Contains(pol.Connections("mcp"), address) {
		if c, err := pol.Connection(address); err == nil {
			to := policy.DestinationOf(c.URL)
			to.Connection = address
			return to
		}
	}
	return policy.DestinationOf(address)
}
