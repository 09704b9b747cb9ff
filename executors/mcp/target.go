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
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/process"
	"github.com/chainwright/chainwright/executors/web"
)

// target is a server that may be used: at a URL, or a program.
type target struct {
	key    string // what calls must have in common to share a connection
	name   string // what it is called in messages
	policy *policy.Policy
	url    string
	header map[string]string
	spec   process.Spec
	own    http.RoundTripper // to a server that the operator named; nil: guarded
	// connection is the operator's for which each peer has a transport of its own.
	connection string
	authority  string // certificates, as PEM
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

// direct is the transport that ends with the peer; nil where others use it.
func (t *target) direct(over http.RoundTripper) *http.Transport {
	if t.connection == "" {
		return nil
	}
	own, _ := over.(*http.Transport)
	return own
}

// trusted goes to what an operator named, with the environment's proxy.
func trusted(pol *policy.Policy, authority string) *http.Transport {
	made := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: pol.DialTrusted, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16,
		IdleConnTimeout: idleFor, TLSHandshakeTimeout: 15 * time.Second, MaxResponseHeaderBytes: 1 << 20,
	}
	if authority != "" {
		made.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		made.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(authority))
	}
	return made
}

// aim asks the policy. Connections are not shared between principals: a
// session may hold what one of them has said.
func aim(call *executors.Call, in Input) (*target, error) {
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
		err = t.aimAtConnection(in, add)
	default:
		err = t.aimAtURL(in, add)
	}
	t.key = hex.EncodeToString(sum.Sum(nil))
	return t, err
}

// reserved are the headers that the protocol itself sets.
var reserved = []string{"Accept", "Content-Type", "Content-Length", "Host", "Connection", "Transfer-Encoding", "Last-Event-Id"}

func (t *target) aimAtURL(in Input, add func(...string)) error {
	u, err := web.CheckURL(t.policy, in.URL)
	if err != nil {
		if known := t.policy.Connections("mcp"); len(known) > 0 && !strings.Contains(in.URL, "://") {
			return executors.AsError(err).WithHint("known connections are " + strings.Join(known, ", "))
		}
		return err
	}
	t.url, t.name = u.String(), u.Host
	return t.sendAlong(in, nil, add)
}

// aimAtConnection is for a server that the operator named, with headers that
// a caller can't replace.
func (t *target) aimAtConnection(in Input, add func(...string)) error {
	c, err := t.policy.Connection(in.URL)
	if err != nil {
		return err
	}
	own, err := t.policy.Headers(in.URL)
	if err != nil {
		return err
	}
	if t.authority, err = t.policy.Authority(in.URL); err != nil {
		return executors.Errorf(executors.ExecutionError, "%w", err)
	}
	t.url, t.name, t.connection = c.URL, in.URL, in.URL
	add(t.connection, t.authority)
	return t.sendAlong(in, own, add)
}

// sendAlong sets the headers of each request: the connection's own, and the
// caller's.
func (t *target) sendAlong(in Input, own http.Header, add func(...string)) error {
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
			return invalid("headers."+name, "can't be given: the connection brings its own")
		}
		if canonical := http.CanonicalHeaderKey(name); slices.Contains(reserved, canonical) || strings.HasPrefix(canonical, "Mcp-") {
			return invalid("headers."+name, "is set by the protocol itself")
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
	path, err := t.policy.Program(in.Command[0], in.Command[1:])
	if err != nil {
		return err
	}
	names := make([]string, 0, len(in.Env))
	for name, value := range in.Env {
		if strings.ContainsRune(value, 0) {
			return invalid("env."+name, "holds a NUL byte")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if err := t.policy.Environment(path, names); err != nil {
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

// failure says why a call failed.
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
		return executors.Errorf(executors.ExecutionError, "the program can't be started: %w", err).WithField("command")
	case t.url != "":
		return web.Failure(ctx, t.name, err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return executors.Errorf(executors.TimeoutError, "%s: no answer within the time-out", t.name).WithField("timeout")
	case ctx.Err() != nil:
		return executors.Errorf(executors.Cancelled, "%s: cancelled", t.name)
	}
	return executors.Errorf(executors.ExecutionError, "%s: the conversation broke off: %w", t.name, err)
}
