package executors

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/policy/breaker"
	"github.com/chainwright/chainwright/executors/shorten"
)

// errTimeLimit is the cause of a context whose attempt took too long.
var errTimeLimit = errors.New("the attempt took longer than it may")

// maxMessage is how many bytes of an error's text are kept: some peers send
// whole pages.
const maxMessage = 4 << 10

// Invoke makes one attempt at a call whose inputs are valid, with defaults
// filled in. It checks the policy, resolves secrets, limits the time (0: as
// TimeoutFor says), recovers from a panic, encodes the result once, limits its
// size, redacts secrets and writes the audit line. It does not change call.
func (r *Registry) Invoke(ctx context.Context, id string, call *Call, timeout time.Duration) Outcome {
	e, ok := r.enter(id)
	if !ok {
		return Outcome{Err: r.unknown(id)}
	}
	defer e.leave(r.log)
	return r.invoke(ctx, e, call, timeout)
}

func (r *Registry) invoke(ctx context.Context, e *entry, call *Call, timeout time.Duration) Outcome {
	a := attempt{registry: r, entry: e, call: *call, effect: e.def.EffectOf(call.Inputs)}
	if a.timeout = timeout; timeout <= 0 {
		a.timeout = TimeoutFor(e.def, call.Inputs, 0)
	}
	if e.longest > 0 {
		a.timeout = min(a.timeout, e.longest)
	}
	start := time.Now()
	outcome := a.run(ctx)
	a.audit(call, start, outcome.Err)
	return outcome
}

// attempt is one call inside Invoke.
type attempt struct {
	registry *Registry
	entry    *entry
	call     Call // its inputs contain the secrets
	effect   Annotations
	timeout  time.Duration
	mu       sync.Mutex // an executor may use secrets on several goroutines
	secrets  []string
	log      log
}

func (a *attempt) run(parent context.Context) Outcome {
	if err := a.prepare(parent, policy.RestrictionOf(parent)); err != nil {
		return Outcome{Err: a.clean(err)}
	}
	a.call.Policy, a.call.attempt = a.registry.policy, a
	if a.call.Logs != nil {
		defer a.log.end()
	}
	if a.call.OnProgress != nil {
		a.call.OnProgress = a.cleanProgress(a.call.OnProgress)
	}
	ctx, cancel := context.WithTimeoutCause(parent, a.timeout, errTimeLimit)
	defer cancel()
	value, err := a.execute(ctx)
	outcome := a.encode(value, err != nil)
	if err != nil {
		outcome.Err = a.failure(ctx, parent, err)
	}
	if outcome.Err != nil {
		outcome.Err = a.clean(outcome.Err)
	}
	return outcome
}

// prepare checks the policy again, because it may have changed since the run
// was checked, and resolves the secrets, because the effect of a call may
// depend on them. within is the restriction of the request.
func (a *attempt) prepare(ctx context.Context, within *policy.Restriction) *Error {
	def := a.entry.def
	if excluded := a.registry.excluded.Load(); excluded != nil && (*excluded)[def.ID] {
		return Errorf(PermissionDenied, "%s is excluded on this server", def.ID).WithHint("the operator excludes it with exclude_tools")
	}
	if within.Excludes(def.ID) {
		return Errorf(PermissionDenied, "%s is excluded by this request", def.ID).WithHint("the client's X-Chainwright-Exclude-Tools header names it")
	}
	if setting, closed := a.registry.closed(a.entry); closed {
		return Errorf(PermissionDenied, "%s is closed by policy", def.ID).WithHint("the operator opens it with " + setting)
	}
	if err := a.putSecrets(ctx); err != nil {
		return err
	}
	if len(a.secrets) > 0 {
		a.effect = def.EffectOf(a.call.Inputs)
		if violations := def.Input.Validate(a.call.Inputs); len(violations) > 0 {
			return InvalidInputs(def, violations)
		}
	}
	if (!a.effect.ReadOnly || len(a.secrets) > 0) && a.registry.policy.AuditFull() {
		return Errorf(PermissionDenied, "the audit trail is full, and its oldest lines must be kept longer").
			WithHint("the operator moves the files audit.kept.jsonl.* out of the folder of policy.audit.path")
	}
	if a.registry.policy.ReadOnly() && !a.effect.ReadOnly {
		return Errorf(PermissionDenied, "%s would change something, and the server is read-only", def.ID).
			WithHint("the operator turns this off with policy.read_only: false")
	}
	if within.ReadOnly && !a.effect.ReadOnly {
		return Errorf(PermissionDenied, "%s would change something, and this request allows only calls that change nothing", def.ID).
			WithHint("the client sets this with its X-Chainwright-Read-Only header")
	}
	return nil
}

// execute calls the executor. A panic is logged, and becomes an error without
// the panic's text, which could contain a secret.
func (a *attempt) execute(ctx context.Context) (value any, err error) {
	defer func() {
		if trouble := recover(); trouble != nil {
			pol := a.registry.policy
			a.registry.log.Error().
				Str("executor", a.entry.def.ID).Str("run_id", a.call.RunID).Str("task_id", a.call.TaskID).
				Str("panic", pol.RedactString(fmt.Sprint(trouble))).
				Str("stack", pol.RedactString(string(debug.Stack()))).
				Msg("an executor panicked")
			value, err = nil, Errorf(ExecutionError, "%s failed because of a defect in it", a.entry.def.ID).
				WithHint("the server's log says where")
		}
	}()
	return a.entry.Execute(ctx, &a.call)
}

// failure converts an executor's error to what callers see. If the context
// ended, the error is that end, whatever the executor returned.
func (a *attempt) failure(ctx, parent context.Context, err error) *Error {
	failed := *AsError(err) // a copy: the executor may return the same error again
	var open *breaker.Open
	if errors.As(err, &open) { // however the executor wrapped it
		failed = *leftAlone(open)
	}
	if ctx.Err() == nil {
		return &failed
	}
	switch failed.Type {
	case ValidationError, NotFound, PermissionDenied, AuthenticationError:
		return &failed
	}
	var ending *Error
	switch cause := context.Cause(ctx); {
	case cause == errTimeLimit:
		with := target(a.entry.def, a.call.Inputs)
		if own := (*Error)(nil); with == "" && errors.As(err, &own) && own.Type == TimeoutError {
			with = own.Message // inputs don't name the operator's connections
		}
		failed.Type, failed.Retryable, failed.RetryAfter = TimeoutError, true, 0
		failed.Message = fmt.Sprintf("%s took longer than its timeout of %s", a.entry.def.ID, a.timeout)
		if with != "" {
			failed.Message += " (" + with + ")"
		}
		if ceiling := a.entry.def.Timeout.Ceiling; a.timeout < ceiling {
			failed.Hint = fmt.Sprintf("give it more time: at most %s", ceiling)
		}
	case errors.As(cause, &ending):
		failed.Type, failed.Message, failed.Hint, failed.Retryable = ending.Type, ending.Message, ending.Hint, ending.Retryable
	case errors.Is(parent.Err(), context.DeadlineExceeded):
		failed.Type, failed.Retryable, failed.RetryAfter = TimeoutError, true, 0
		failed.Message = "the caller's time ran out"
	default:
		failed.Type, failed.Retryable, failed.RetryAfter = Cancelled, false, 0
		failed.Message = "cancelled by the caller"
	}
	return &failed
}

// encode encodes the result. A failed call without a value has no result.
func (a *attempt) encode(value any, failed bool) Outcome {
	if failed && isNil(value) {
		return Outcome{}
	}
	raw, err := encodeValue(value)
	if err != nil {
		return Outcome{Err: Errorf(ExecutionError, "%s returned a result that can't be encoded as JSON", a.entry.def.ID)}
	}
	if most := a.entry.most; len(raw) > most {
		short, ok := fitOutput(raw, most)
		if !ok {
			return Outcome{Err: Errorf(ExecutionError, "the result is %s long; at most %s are kept", megabytes(len(raw)), megabytes(most)).
				WithHint("ask for less: a filter, a limit, or fewer fields")}
		}
		raw = short
	}
	if a.registry.check.Load() && !failed {
		if found := a.entry.def.Output.Validate(decode(raw)); len(found) > 0 {
			return Outcome{Result: a.registry.policy.RedactJSON(raw), Err: Errorf(ExecutionError, "%s returned a result that does not match its own schema: %s", a.entry.def.ID, found[0])}
		}
	}
	outcome := Outcome{Result: a.registry.policy.RedactJSON(raw)}
	if !failed && !isNil(value) {
		if text := warningOf(value); text != "" {
			outcome.Warning = shorten.Bytes(a.registry.policy.RedactString(strings.ToValidUTF8(text, "\uFFFD")), maxMessage)
		}
	}
	return outcome
}

// isNil reports whether value is nil, or an interface that holds a nil
// pointer.
func isNil(value any) bool {
	if value == nil {
		return true
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return v.IsNil()
	}
	return false
}

func (a *attempt) audit(call *Call, start time.Time, err *Error) {
	line := policy.Line{
		Time:      start,
		Principal: call.Principal,
		Executor:  a.entry.def.ID,
		RunID:     call.RunID,
		TaskID:    call.TaskID,
		Attempt:   call.Attempt,
		Target:    target(a.entry.def, call.Inputs),
		Effect:    "write",
		Status:    "completed",
		Secrets:   a.used(),
		Duration:  time.Since(start),
	}
	switch {
	case a.effect.ReadOnly:
		line.Effect = "read_only"
	case a.effect.Destructive:
		line.Effect = "destructive"
	}
	if err != nil {
		line.Status, line.ErrorType = "failed", string(err.Type)
		if err.Type == Cancelled {
			line.Status = "cancelled"
		}
	}
	a.registry.policy.Audit(line)
}
