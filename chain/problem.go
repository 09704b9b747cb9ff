package chain

import (
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// Problem is one thing that is wrong with a tree, or, as a warning, one that
// its author should know.
type Problem struct {
	// Path leads to the place: tasks[3].inputs.url.
	Path string `json:"path"`
	// Code is the kind, for programs; see the constants.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Hint says what to do about it.
	Hint string `json:"hint,omitempty"`
}

// String gives the problem in words.
func (p Problem) String() string {
	text := p.Message
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}

// Report is what validation found: all problems, and all warnings.
type Report struct {
	Problems []Problem
	Warnings []Problem
}

// Valid reports whether there are no problems.
func (r Report) Valid() bool { return len(r.Problems) == 0 }

// told is how many problems an error spells out.
const told = 5

// Err is the report as one validation_error that spells out the first few
// problems; nil where the tree is valid.
func (r Report) Err() *executors.Error {
	if r.Valid() {
		return nil
	}
	lines := make([]string, 0, told+1)
	for i, p := range r.Problems {
		if i == told {
			lines = append(lines, fmt.Sprintf("and %d more", len(r.Problems)-told))
			break
		}
		if p.Path == "" {
			lines = append(lines, p.Message)
		} else {
			lines = append(lines, p.Path+": "+p.Message)
		}
	}
	first := r.Problems[0]
	return executors.Errorf(executors.ValidationError, "the task tree is not valid: %s", strings.Join(lines, "; ")).
		WithField(first.Path).WithHint(first.Hint)
}

// NotAllowed are the warnings about what policy closes. A tree that has any
// is valid, and can't be run.
func (r Report) NotAllowed() []Problem {
	var closed []Problem
	for _, w := range r.Warnings {
		if w.Code == CodeNotAllowed {
			closed = append(closed, w)
		}
	}
	return closed
}
