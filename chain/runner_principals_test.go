package chain

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
)

// However many ask, those who rest are forgotten; those who don't are not.
func TestPrincipalsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrincipals(policy.PrincipalLimits{MaxParallel: 2, PerSecond: 1})
		if err := p.enter("busy").wait(t.Context(), "busy"); err != nil {
			t.Fatal(err)
		}
		p.leave("busy") // with a permit that was not given back
		kept := p.enter("entered")
		for i := range 5 * keepPrincipals {
			who := fmt.Sprint(i)
			own := p.enter(who)
			if err := own.wait(t.Context(), who); err != nil {
				t.Fatal(err)
			}
			own.give()
			p.leave(who)
			time.Sleep(10 * time.Millisecond)
		}
		if n := len(p.by); n > 2*keepPrincipals {
			t.Errorf("%d are remembered", n)
		}
		if p.of("busy") == nil || p.of("entered") != kept {
			t.Error("one was forgotten that does not rest")
		}
		if p.of("4999") == nil {
			t.Error("one was forgotten whose pace makes a difference")
		}
	})
}
