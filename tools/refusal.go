package tools

import "context"

// Refusal is why a request was refused that is no call of a tool. The library
// answers whatever a handler refuses as an internal error, which tells a
// client that the server has a defect; the transport answers with this one.
type Refusal struct {
	Code    int // of JSON-RPC; 0 where nothing was refused
	Message string
}

type refusalKey struct{}

// WithRefusal returns a context in which a handler can say why it refuses.
func WithRefusal(ctx context.Context) (context.Context, *Refusal) {
	refusal := &Refusal{}
	return context.WithValue(ctx, refusalKey{}, refusal), refusal
}
