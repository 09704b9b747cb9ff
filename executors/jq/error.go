package jq

// Kind is what went wrong with a program.
type Kind string

// The kinds of failure.
const (
	Invalid  Kind = "invalid"   // it does not parse or compile
	Failed   Kind = "failed"    // it ran and raised an error
	TimedOut Kind = "timed_out" // it took longer than its bound
	TooMuch  Kind = "too_much"  // it made more than its bounds allow
)

// Error is why a program gave no result.
type Error struct {
	Kind    Kind
	Message string
	// Offset is where an invalid program went wrong, in bytes; -1 where that
	// is not known.
	Offset int
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }
