package tools

import (
	"context"

	"github.com/chainwright/chainwright/executors/policy"
)

// Caller describes the caller of one request. The transport puts it into the
// context.
type Caller struct {
	// Principal identifies the caller; empty on a local transport.
	Principal string
	// Narrow, when set, is a selection for this request. It can only remove
	// tools.
	Narrow *Selection
	// Scopes are what the caller may do; nil: everything. The transport checks
	// them, and puts the tools that they name into Narrow.
	Scopes Scopes
	// Stream ends when the connection to the caller is gone. A call whose
	// context ended while Stream goes on was cancelled by name.
	Stream context.Context
}

type callerKey struct{}

// WithCaller returns a context that carries the caller. Exclude and ReadOnly of
// Narrow hold for every call that the request leads to.
func WithCaller(ctx context.Context, caller *Caller) context.Context {
	if narrow := caller.Narrow; narrow != nil {
		ctx = policy.Restrict(ctx, policy.Restriction{Exclude: narrow.Exclude, ReadOnly: narrow.ReadOnly})
	}
	return context.WithValue(ctx, callerKey{}, caller)
}

// CallerFrom returns the context's caller, or a local caller if none is set.
func CallerFrom(ctx context.Context) *Caller {
	if caller, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return caller
	}
	return &local
}

var local Caller

// cancelledByName reports whether the caller cancelled the call, and did not
// just lose the connection.
func (c *Caller) cancelledByName(ctx context.Context) bool {
	return ctx.Err() != nil && c.Stream != nil && c.Stream.Err() == nil
}
