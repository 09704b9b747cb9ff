package jq

// Kind is the kind of a failure.
type Kind string

// The kinds of failure.
const (
	Invalid  Kind = "invalid"   // it does not parse or compile
	Failed   Kind = "failed"    // it ran and raised an error
	TimedOut Kind = "timed_out" // it exceeded its time limit
	TooMuch  Kind = "too_much"  // its outputs exceeded a limit
)

// Error is why a program has no result.
type Error struct {
	Kind Kind
	// Message has the line and column of the error in an invalid program, if
	// they are known.
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }
