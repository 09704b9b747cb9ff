// Package lazyregexp compiles regular expressions when they are first used: a
// server starts for each session of an assistant, and most of the expressions
// of a program are of no use in most sessions.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New gives what compiles an expression at its first call and gives the same
// one at every call. An expression that does not compile is a defect of the
// program and panics then.
func New(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
