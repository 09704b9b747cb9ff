package policy_test

import (
	"context"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

// A restriction adds to the one before, also in a context that outlives it.
func TestRestrictionsAddUp(t *testing.T) {
	t.Parallel()
	outer := policy.Restrict(t.Context(), policy.Restriction{Exclude: []string{"a"}, ReadOnly: true})
	inner := policy.Restrict(context.WithoutCancel(outer), policy.Restriction{Exclude: []string{"b"}})
	for name, c := range map[string]struct {
		ctx            context.Context
		a, b, readOnly bool
	}{
		"none":  {t.Context(), false, false, false},
		"outer": {outer, true, false, true},
		"empty": {policy.Restrict(outer, policy.Restriction{}), true, false, true},
		"inner": {inner, true, true, true},
	} {
		if r := policy.RestrictionOf(c.ctx); r.Excludes("a") != c.a || r.Excludes("b") != c.b || r.ReadOnly != c.readOnly {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
