package step

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/chainwright/chainwright/executors"
)

// Repeatable reports whether a call with these inputs may be made again: by a
// retry, or after a crash. Its start need not be durable before it is made.
func Repeatable(def *executors.Definition, inputs map[string]any) bool {
	effect := def.EffectOf(inputs)
	return effect.ReadOnly || effect.Idempotent
}

// repeats reports whether the call is made again after a failure. A call that is
// not safe to repeat is made again only if the author wrote so and the peer
// refused to begin. docs/task-tree.md has the table.
func (c *Call) repeats(err *executors.Error, safe bool) bool {
	switch {
	case !safe && !(c.Written && err.Refused), c.Longest > 0 && err.RetryAfter > c.Longest:
		return false
	case !c.Written:
		return err.Retryable
	case len(c.On) > 0:
		return slices.ContainsFunc(c.On, func(on string) bool { return is(err, on) })
	}
	switch err.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return err.Retryable || is(err, "network") || is(err, "timeout") || is(err, "5xx")
}

// is reports whether a failure is of the kind that a retry's "on" names.
func is(err *executors.Error, on string) bool {
	switch on {
	case "network":
		return err.Type == executors.NetworkError
	case "timeout":
		return err.Type == executors.TimeoutError
	case "rate_limited":
		return err.Status == http.StatusTooManyRequests
	case "4xx", "5xx":
		return strconv.Itoa(err.Status/100) == on[:1]
	case "exit_code":
		return err.Exited
	}
	return on == string(err.Type) || on == strconv.Itoa(err.Status)
}
