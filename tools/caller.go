package tools

import "context"

// Caller is what a transport knows about who calls, for one request. It
// travels in the context, from the transport's edge to the tool.
type Caller struct {
	// Principal is who asked; empty on a local transport.
	Principal string
	// Narrow, when set, is a smaller selection that this request asks for. It
	// can take tools away, never add one.
	Narrow *Selection
	// Stream ends when the connection to the caller is gone. A call whose
	// context ended while Stream goes on was cancelled by name.
	Stream context.Context
	// Notify writes one JSON-RPC notification on this request's own stream,
	// before it returns; it fails once the request has been answered.
	Notify func(message []byte) error
	// Ask puts a question to the person behind the caller and waits for what
	// they say; the error is a *NobodyToAsk where they can't be asked. Nil: they
	// can't be asked within a call.
	Ask func(ctx context.Context, question *Question) (Decision, error)
}

type callerKey struct{}

// WithCaller returns a context that carries the caller.
func WithCaller(ctx context.Context, caller *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, caller)
}

// CallerFrom returns the context's caller; one of a local transport where
// none was set.
func CallerFrom(ctx context.Context) *Caller {
	if caller, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return caller
	}
	return &local
}

var local Caller

// cancelledByName reports whether the call was cancelled by its caller, as
// against having lost the connection to it.
func (c *Caller) cancelledByName(ctx context.Context) bool {
	return ctx.Err() != nil && c.Stream != nil && c.Stream.Err() == nil
}
