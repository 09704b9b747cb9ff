//go:build !temporal

package temporal

import "context"

// Examine returns an error: this program has no engine on Temporal.
func Examine(context.Context, Address) (*State, error) { return nil, missing() }

// Missing returns that error.
func Missing() error { return missing() }
