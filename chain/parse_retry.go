package chain

import (
	"encoding/json"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/nearest"
)

// MaxAttempts bounds how often a task may be tried.
const MaxAttempts = 100

// retry reads a task's retry. What it leaves out comes from the executor's
// definition, and what that leaves out too is exponential, from one second to
// a minute.
func (p *parser) retry(i int, v any) {
	fields, ok := v.(map[string]any)
	if !ok {
		p.problem(i, "retry", CodeWrongType, `{"max_attempts": 3}`, "must be an object; got %s", describeKind(v))
		return
	}
	p.onlyFields(i, "retry", fields, "max_attempts", "backoff", "initial_seconds", "max_seconds")
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
	initial := p.wait(i, "retry.initial_seconds", fields["initial_seconds"], &r.Initial)
	limited := p.wait(i, "retry.max_seconds", fields["max_seconds"], &r.Max)
	if r.Initial == 0 && !initial {
		r.Initial = time.Second
		if limited {
			r.Initial = min(r.Initial, r.Max)
		}
	}
	switch {
	case r.Initial <= r.Max:
	case limited && initial:
		p.problem(i, "retry.max_seconds", CodeOutOfRange, "", "must not be less than initial_seconds")
	case limited:
		r.Initial = r.Max
	default:
		r.Max = max(r.Initial, time.Minute)
	}
	if usable && r.MaxAttempts <= 1 {
		p.warn(i, "retry", CodeNoEffect, "max_attempts counts the first attempt too: 3 tries again twice", "one attempt is no retry")
	}
	t.Retry = &r
}

// attempts reads max_attempts, and reports whether it could.
func (p *parser) attempts(i int, v any, r *executors.Retry) bool {
	if v == nil {
		r.MaxAttempts = max(r.MaxAttempts, 1)
		return true
	}
	n, ok := v.(json.Number)
	if !ok {
		p.problem(i, "retry.max_attempts", CodeWrongType, "", "must be a whole number; got %s", describeKind(v))
		return false
	}
	whole, ok := integer(n)
	if !ok || whole < 1 || whole > MaxAttempts {
		p.problem(i, "retry.max_attempts", CodeOutOfRange, "", "must be a whole number from 1 to %d; got %s", MaxAttempts, n)
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
		p.problem(i, "retry.backoff", CodeWrongType, "", "must be a string; got %s", describeKind(v))
		return
	}
	switch executors.Backoff(name) {
	case executors.Exponential, executors.Fixed:
		r.Backoff = executors.Backoff(name)
	default:
		p.problem(i, "retry.backoff", CodeOutOfRange, nearest.Hint(name, []string{string(executors.Exponential), string(executors.Fixed)}),
			"must be exponential or fixed; got %q", name)
	}
}

// wait reads a number of seconds, and reports whether there was one.
func (p *parser) wait(i int, path string, v any, to *time.Duration) bool {
	if v == nil {
		return false
	}
	n, ok := v.(json.Number)
	if !ok {
		p.problem(i, path, CodeWrongType, "", "must be a number of seconds; got %s", describeKind(v))
		return false
	}
	d, ok := seconds(n)
	if !ok {
		p.problem(i, path, CodeOutOfRange, "", "must be a number of seconds from 0; got %s", n)
		return false
	}
	*to = d
	return true
}
