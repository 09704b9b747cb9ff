package chain

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
)

// What to do with the rest of a run when a task fails.
const (
	OnFailureContinue = "continue"
	OnFailureStop     = "stop"
)

// RunOptions are the options of one run.
type RunOptions struct {
	Inputs map[string]any
	// MaxParallel limits the tasks of this run in flight. 0: 64.
	MaxParallel int
	// OnFailure is OnFailureContinue or OnFailureStop. Empty: continue.
	OnFailure string
	// IdempotencyKey makes it safe to start a run twice: with the same tree and
	// inputs, the second start returns the first run.
	IdempotencyKey string
	// Principal owns the run. For other principals it does not exist.
	Principal string
	// UserID is recorded with the tasks that have none of their own.
	UserID string
	// Parent is the run whose task starts this one, or empty.
	Parent string
	// Labels are recorded with the run: up to 32, with keys of 1 to 64 bytes and
	// values of up to 256.
	Labels map[string]string
	// Trace is the trace context (traceparent) of the caller. It is recorded
	// with the run.
	Trace string
}

// The limits of options. maxKey is the largest number of bytes of an idempotency
// key.
const (
	maxKey        = 255
	maxLabels     = 32
	maxLabelKey   = 64
	maxLabelValue = 256
)

// Check validates the options, and fills in OnFailure.
func (o *RunOptions) Check() *executors.Error {
	switch o.OnFailure {
	case "":
		o.OnFailure = OnFailureContinue
	case OnFailureContinue, OnFailureStop:
	default:
		return executors.Errorf(executors.ValidationError, `on_failure must be "continue" or "stop"; got %q`, o.OnFailure).WithField("on_failure")
	}
	if o.MaxParallel < 0 {
		return executors.Errorf(executors.ValidationError, "max_parallel must be at least 1; got %d", o.MaxParallel).WithField("max_parallel")
	}
	if len(o.IdempotencyKey) > maxKey {
		return executors.Errorf(executors.ValidationError, "an idempotency key has at most %d bytes; got %d", maxKey, len(o.IdempotencyKey)).WithField("idempotency_key")
	}
	return o.checkLabels()
}

func (o *RunOptions) checkLabels() *executors.Error {
	wrong := func(format string, args ...any) *executors.Error {
		return executors.Errorf(executors.ValidationError, format, args...).WithField("labels")
	}
	if len(o.Labels) > maxLabels {
		return wrong("a run has at most %d labels; got %d", maxLabels, len(o.Labels))
	}
	for key, value := range o.Labels {
		switch {
		case key == "" || len(key) > maxLabelKey || strings.Contains(key, "="):
			return wrong("the key of a label has 1 to %d bytes and no =; got %q", maxLabelKey, shorten.Bytes(key, 2*maxLabelKey))
		case len(value) > maxLabelValue:
			return wrong("the value of a label has at most %d bytes; label %q has %d", maxLabelValue, key, len(value))
		case !utf8.ValidString(key) || !utf8.ValidString(value) || strings.ContainsRune(key+value, 0):
			return wrong("label %q is not text in UTF-8", shorten.Bytes(strings.ToValidUTF8(key, "?"), maxLabelKey))
		}
	}
	return nil
}

// Run is the handle of a run.
type Run struct {
	ID string
	// Reused means that this is an earlier run with the same idempotency key.
	Reused bool
}

// CallOptions are the options of a direct call.
type CallOptions struct {
	Principal string
	// Trace is the trace context (traceparent) of the caller. It is recorded
	// with the run.
	Trace string
	// OnProgress is called, if it is set, with the call's progress. It must not
	// block.
	OnProgress func(executors.Progress)
	// GivenUp is called, if it is set, with the result of a call that is given
	// up because it does not stop. Start then returns when the call ends after
	// all, and what it returns is to be dropped. Nil: Start makes the call on a
	// goroutine of its own, and returns at once when the call is given up, as
	// StartWithin always does.
	GivenUp func(CallResult)
}

// CallResult is the result of a direct call. RunID is empty if the call was
// refused before it started.
type CallResult struct {
	RunID string
	executors.Outcome
	Duration time.Duration
	Warnings []string
	// GoesOn means that the call has not ended; see PreparedCall.StartWithin.
	GoesOn bool
}

// ListOptions select runs. Status is one of the states, or empty for all. A zero
// Prefix, Name, Labels, Since or Until selects all.
type ListOptions struct {
	Status string
	// Prefix selects runs whose id begins with it.
	Prefix string
	// Name selects runs whose name contains it, whatever the case of the letters
	// A to Z.
	Name string
	// Labels selects runs that have all these labels, with these values.
	Labels map[string]string
	// Since and Until bound when a run was created; Until itself is not included.
	Since, Until time.Time
	Limit        int // 0: 20; at most 200
	Cursor       string
	Principal    string
}

// ViewOption limits what a view contains.
type ViewOption func(*ViewOptions)

// ViewOptions are the options that a ViewOption sets.
type ViewOptions struct {
	// MaxResult is the length in bytes of the longest result that is read.
	MaxResult int
	// Heads is how many bytes are read of a result that is left out.
	Heads int
}

// ResultsUpTo leaves out the results that are longer than n bytes.
func ResultsUpTo(n int) ViewOption { return func(o *ViewOptions) { o.MaxResult = n } }

// Heads adds the first n bytes of the first results that ResultsUpTo leaves
// out, and all outputs, whatever their length.
func Heads(n int) ViewOption { return func(o *ViewOptions) { o.Heads = n } }
