package parse

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/nearest"
)

// MaxAttempts is the largest number of attempts of a task.
const MaxAttempts = 100

// retry reads a task's retry. Missing fields come from the executor's definition;
// the default is exponential, from one second to one minute.
func (p *parser) retry(i int, v any) {
	fields, ok := v.(map[string]any)
	if !ok {
		p.problem(i, "retry", chain.CodeWrongType, `{"max_attempts": 3}`, "must be an object; got %s", describeKind(v))
		return
	}
	p.onlyFields(i, "retry", fields, "max_attempts", "backoff", "initial_seconds", "max_seconds", "on", "unsafe")
	t := &p.tree.Tasks[i]
	var r executors.Retry
	if t.Definition != nil {
		r = t.Definition.Retry
	}
	if r.Backoff == "" {
		r.Backoff = executors.Exponential
	}
	usable := p.attempts(i, fields["max_attempts"], &r)
	p.backoff(i, fields["backoff"], &r)
	t.RetryOn = p.retryOn(i, fields["on"])
	if v := fields["unsafe"]; v != nil {
		if t.RetryUnsafe, ok = v.(bool); !ok {
			p.problem(i, "retry.unsafe", chain.CodeWrongType, "", "must be true or false; got %s", describeKind(v))
		}
	}
	initial := p.pause(i, "retry.initial_seconds", fields["initial_seconds"], &r.Initial)
	limited := p.pause(i, "retry.max_seconds", fields["max_seconds"], &r.Max)
	if r.Initial == 0 && !initial {
		r.Initial = time.Second
		if limited {
			r.Initial = min(r.Initial, r.Max)
		}
	}
	switch {
	case r.Initial <= r.Max:
	case limited && initial:
		p.problem(i, "retry.max_seconds", chain.CodeOutOfRange, "", "must not be less than initial_seconds")
	case limited:
		r.Initial = r.Max
	default:
		r.Max = max(r.Initial, time.Minute)
	}
	if r.Never {
		p.warn(i, "retry", chain.CodeNoEffect, "leave it out", "%s is never tried again", t.Executor)
		t.RetryUnsafe = false
		return
	}
	if usable && r.MaxAttempts <= 1 {
		p.warn(i, "retry", chain.CodeNoEffect, "max_attempts counts the first attempt too: 3 tries again twice", "max_attempts 1 means no retry")
	}
	t.Retry = &r
}

// attempts reads max_attempts and reports whether it is valid.
func (p *parser) attempts(i int, v any, r *executors.Retry) bool {
	if v == nil {
		r.MaxAttempts = max(r.MaxAttempts, 1)
		return true
	}
	n, ok := v.(json.Number)
	if !ok {
		p.problem(i, "retry.max_attempts", chain.CodeWrongType, "", "must be a whole number; got %s", describeKind(v))
		return false
	}
	whole, ok := integer(n)
	if !ok || whole < 1 || whole > MaxAttempts {
		p.problem(i, "retry.max_attempts", chain.CodeOutOfRange, "", "must be a whole number from 1 to %d; got %s", MaxAttempts, n)
		return false
	}
	r.MaxAttempts = whole
	return true
}

func (p *parser) backoff(i int, v any, r *executors.Retry) {
	if v == nil {
		return
	}
	name, ok := v.(string)
	if !ok {
		p.problem(i, "retry.backoff", chain.CodeWrongType, "", "must be a string; got %s", describeKind(v))
		return
	}
	switch executors.Backoff(name) {
	case executors.Exponential, executors.Fixed:
		r.Backoff = executors.Backoff(name)
	default:
		p.problem(i, "retry.backoff", chain.CodeOutOfRange, nearest.Hint(name, []string{string(executors.Exponential), string(executors.Fixed)}),
			"must be exponential or fixed; got %q", name)
	}
}

// kinds are what a retry can name in "on", besides a status.
var kinds = []string{
	"network", "timeout", "rate_limited", "4xx", "5xx", "exit_code",
	string(executors.ValidationError), string(executors.NotFound), string(executors.TimeoutError), string(executors.NetworkError),
	string(executors.AuthenticationError), string(executors.PermissionDenied), string(executors.ExecutionError),
}

// retryOn reads the failures to repeat: a kind or a status, or a list of them.
func (p *parser) retryOn(i int, v any) []string {
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	on := make([]string, 0, len(list))
	for k, each := range list {
		path := "retry.on"
		if ok {
			path = fmt.Sprintf("retry.on[%d]", k)
		}
		switch each := each.(type) {
		case json.Number:
			status, whole := integer(each)
			if !whole || status < 100 || status > 599 {
				p.problem(i, path, chain.CodeOutOfRange, "", "must be an HTTP status from 100 to 599; got %s", each)
			}
			on = append(on, strconv.Itoa(status))
		case string:
			if status, err := strconv.Atoi(each); !slices.Contains(kinds, each) && (err != nil || status < 100 || status > 599) {
				p.problem(i, path, chain.CodeOutOfRange, nearest.Hint(each, kinds), "must be an HTTP status, or one of %s; got %q", strings.Join(kinds, ", "), each)
			}
			on = append(on, each)
		default:
			p.problem(i, path, chain.CodeWrongType, `["network", 503]`, "must be a string or an HTTP status; got %s", describeKind(each))
		}
	}
	if ok && len(list) == 0 {
		p.problem(i, "retry.on", chain.CodeOutOfRange, "leave it out for the usual failures", "must have at least one element")
	}
	return on
}

// pause reads a number of seconds and reports whether there is a valid one.
func (p *parser) pause(i int, path string, v any, to *time.Duration) bool {
	if v == nil {
		return false
	}
	n, ok := v.(json.Number)
	if !ok {
		p.problem(i, path, chain.CodeWrongType, "", "must be a number of seconds; got %s", describeKind(v))
		return false
	}
	d, ok := seconds(n)
	if !ok {
		p.problem(i, path, chain.CodeOutOfRange, "", "must be a number of seconds from 0; got %s", n)
		return false
	}
	*to = d
	return true
}
