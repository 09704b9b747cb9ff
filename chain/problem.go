package chain

import (
	"fmt"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
)

// Problem is one error in a tree, or one warning about it.
type Problem struct {
	// Path is where in the tree: tasks[3].inputs.url.
	Path string `json:"path"`
	// Code is the kind of problem, one of the Code constants.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Hint says how to correct it.
	Hint string `json:"hint,omitempty"`
	Position
}

// String returns the problem as one line of text.
func (p Problem) String() string {
	text := p.brief()
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}

// Long returns the problem as String does, and the line of the text below it.
func (p Problem) Long() string {
	if p.Line == 0 {
		return p.String()
	}
	return p.String() + "\n" + p.Excerpt()
}

// brief returns where it is and the message.
func (p Problem) brief() string {
	text := p.Message
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if p.Line > 0 {
		text = fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, text)
	}
	return text
}

// Report is the result of validation: all problems and all warnings.
type Report struct {
	Problems []Problem
	Warnings []Problem
}

// Valid reports whether there are no problems.
func (r Report) Valid() bool { return len(r.Problems) == 0 }

// maxListed is the largest number of problems that an error lists.
const maxListed = 5

// Err returns the report as one validation_error that lists the first five
// problems, or nil if the tree is valid.
func (r Report) Err() *executors.Error {
	if r.Valid() {
		return nil
	}
	list := shorten.List(r.Problems, maxListed, Problem.brief)
	first := r.Problems[0]
	return executors.Errorf(executors.ValidationError, "the task tree is not valid: %s", list).
		WithField(first.Path).WithHint(first.Hint)
}

// NotAllowed returns the warnings about what policy forbids. A tree with any of
// them is valid, but can't be run.
func (r Report) NotAllowed() []Problem {
	var closed []Problem
	for _, w := range r.Warnings {
		if w.Code == CodeNotAllowed {
			closed = append(closed, w)
		}
	}
	return closed
}

// Under returns a path below a name: Under("inputs", "url") is inputs.url, and
// Under("inputs", "[0]") is inputs[0].
func Under(name, path string) string {
	if path == "" || path[0] == '[' {
		return name + path
	}
	return name + "." + path
}
