package step

import (
	"testing"

	"github.com/chainwright/chainwright/executors"
)

// What a retry repeats, by failure: the table in docs/task-tree.md. The tests of
// the engine have the HTTP statuses, with a server.
func TestRepeats(t *testing.T) {
	t.Parallel()
	failure := func(kind executors.ErrorType) *executors.Error { return &executors.Error{Type: kind} }
	exited := failure(executors.ExecutionError)
	exited.Exited = true
	for _, c := range []struct {
		name    string
		err     *executors.Error
		written bool
		on      []string
		want    bool // if the call is safe to repeat; else nothing is repeated
	}{
		{"not written", failure(executors.NetworkError), false, nil, false},
		{"not written, and retryable", failure(executors.NetworkError).Retry(0), false, nil, true},
		{"network", failure(executors.NetworkError), true, nil, true},
		{"timeout", failure(executors.TimeoutError), true, nil, true},
		{"retryable", failure(executors.ExecutionError).Retry(0), true, nil, true},
		{"other", failure(executors.ExecutionError), true, nil, false},
		{"exit code", exited, true, nil, false},
		{"exit code that is named", exited, true, []string{"network", "exit_code"}, true},
		{"no exit code", failure(executors.ExecutionError), true, []string{"exit_code"}, false},
		{"error type", failure(executors.NotFound), true, []string{"not_found"}, true},
		{"another is named", failure(executors.NetworkError).Retry(0), true, []string{"timeout"}, false},
		{"no status", failure(executors.ExecutionError), true, []string{"4xx", "5xx", "rate_limited", "500"}, false},
	} {
		call := &Call{Written: c.written, On: c.on}
		if got := call.repeats(c.err, true); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if call.repeats(c.err, false) {
			t.Errorf("%s: repeated, though it is not safe", c.name)
		}
	}
}
