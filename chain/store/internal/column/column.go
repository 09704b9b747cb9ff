// Package column converts the values of records to columns of a database: times
// to nanoseconds, small structures to JSON. What is empty becomes 0 or "".
package column

import (
	"encoding/json"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// Nanos returns a time in nanoseconds since 1970; 0: none.
func Nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// Moment reads what Nanos returned.
func Moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// Problem returns a problem as JSON.
func Problem(p *store.Problem) string {
	if p == nil {
		return ""
	}
	return string(plainjson.Must(p))
}

// ReadProblem reads what Problem returned.
func ReadProblem(raw []byte) (*store.Problem, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	p := &store.Problem{}
	return p, json.Unmarshal(raw, p)
}

// Map returns a map as JSON.
func Map[V int | string](m map[string]V) string {
	if m == nil {
		return ""
	}
	return string(plainjson.Must(m))
}

// Labels returns the labels of a query as JSON, or "" if there are none.
func Labels(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	return Map(m)
}

// ReadMap reads what Map returned.
func ReadMap[V int | string](raw []byte, m *map[string]V) error {
	if len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, m)
}

// Skip returns why a task was skipped as JSON.
func Skip(s *store.Skip) string {
	if s == nil {
		return ""
	}
	return string(plainjson.Must(s))
}

// ReadSkip reads what Skip returned.
func ReadSkip(raw []byte) (*store.Skip, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	s := &store.Skip{}
	return s, json.Unmarshal(raw, s)
}

// Approval returns what a transition asks or answers as JSON.
func Approval(a *store.Approval) string {
	if a == nil {
		return ""
	}
	return string(plainjson.Must(a))
}

// ReadApproval reads what Approval returned.
func ReadApproval(raw []byte) (*store.Approval, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	a := &store.Approval{}
	return a, json.Unmarshal(raw, a)
}

// Answer returns an answer as JSON, without the task that it belongs to.
func Answer(a *store.Answer) string { return string(plainjson.Must(a)) }

// ReadAnswer reads what Answer returned, for a task of a run.
func ReadAnswer(raw []byte, runID string, task int) (*store.Answer, error) {
	a := &store.Answer{RunID: runID, Task: task}
	return a, json.Unmarshal(raw, a)
}
