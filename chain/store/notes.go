package store

import (
	"context"
	"time"
)

// Notes are small values that the processes of a store share for a while: keys
// for signatures, and what was used up. They are neither exported nor listed.
type Notes interface {
	// Keep stores a note unless a live one has its kind and name, and returns
	// the value that is there afterwards. A caller with a unique value can see
	// whether it was the first.
	Keep(ctx context.Context, note Note) (value []byte, err error)
	// Kept returns the live notes of a kind whose names begin with prefix, the
	// newest first, and at most limit of them.
	Kept(ctx context.Context, kind, prefix string, limit int) ([]Note, error)
}

// Note is a value with a name that is unique among those of its kind.
type Note struct {
	Kind, Name string
	Value      []byte
	// Life is how long the note is kept, by the clock of the store. Kept leaves
	// it out.
	Life time.Duration
}
