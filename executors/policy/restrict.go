package policy

import (
	"context"
	"slices"
)

// Restriction is what the calls of one request may not do, in addition to what
// the settings forbid. The transport puts it into the context of the request,
// and executors.Registry checks it at every call that the request leads to: in
// trees, in user-made executors, in prompt chains and in retries.
type Restriction struct {
	Exclude  []string `json:"exclude,omitempty"`   // executors that may not be called
	ReadOnly bool     `json:"read_only,omitempty"` // only calls that change nothing
}

type restrictionKey struct{}

// Restrict returns a context with a restriction. It adds to that of ctx.
func Restrict(ctx context.Context, r Restriction) context.Context {
	if len(r.Exclude) == 0 && !r.ReadOnly {
		return ctx
	}
	before := RestrictionOf(ctx)
	return context.WithValue(ctx, restrictionKey{}, &Restriction{slices.Concat(before.Exclude, r.Exclude), before.ReadOnly || r.ReadOnly})
}

var unrestricted Restriction

// RestrictionOf returns the restriction of a context.
func RestrictionOf(ctx context.Context) *Restriction {
	if r, ok := ctx.Value(restrictionKey{}).(*Restriction); ok {
		return r
	}
	return &unrestricted
}

// Excludes reports whether an executor may not be called.
func (r *Restriction) Excludes(id string) bool { return slices.Contains(r.Exclude, id) }
