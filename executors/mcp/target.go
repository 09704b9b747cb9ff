package mcp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

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
}

func (t *target) transport() http.RoundTripper {
	if t.own != nil {
		return t.own
	}
	return t.policy.Transport(plain)
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
	if in.Transport == "http" {
		err = t.aimAtURL(in, add)
	} else {
		err = t.aimAtProgram(in, add)
	}
	t.key = hex.EncodeToString(sum.Sum(nil))
	return t, err
}

// reserved are the headers that the protocol itself sets.
var reserved = []string{"Accept", "Content-Type", "Content-Length", "Host", "Connection", "Transfer-Encoding", "Last-Event-Id"}

func (t *target) aimAtURL(in Input, add func(...string)) error {
	u, err := web.CheckURL(t.policy, in.URL)
	if err != nil {
		return err
	}
	given := make(map[string]any, len(in.Headers))
	for name, value := range in.Headers {
		given[name] = value
	}
	header, err := web.ReadHeaders(given)
	if err != nil {
		return err
	}
	t.url, t.name, t.header = u.String(), u.Host, map[string]string{}
	add(t.url)
	names := make([]string, 0, len(header))
	for name := range header {
		if canonical := http.CanonicalHeaderKey(name); slices.Contains(reserved, canonical) || strings.HasPrefix(canonical, "Mcp-") {
			return invalid("headers."+name, "is set by the protocol itself")
		}
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
