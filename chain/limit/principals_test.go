package limit

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
)

// Idle principals are removed, however many there are; active ones are kept.
func TestPrincipalsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPrincipals(policy.PrincipalLimits{MaxParallel: 2, PerSecond: 1})
		if err := p.Enter("busy").Wait(t.Context(), "busy", nil); err != nil {
			t.Fatal(err)
		}
		p.Leave("busy") // with a permit that was not returned
		kept := p.Enter("entered")
		for i := range 5 * keepPrincipals {
			who := fmt.Sprint(i)
			own := p.Enter(who)
			if err := own.Wait(t.Context(), who, nil); err != nil {
				t.Fatal(err)
			}
			own.Release()
			p.Leave(who)
			time.Sleep(10 * time.Millisecond)
		}
		if n := len(p.by); n > 2*keepPrincipals {
			t.Errorf("%d are remembered", n)
		}
		if p.Of("busy") == nil || p.Of("entered") != kept {
			t.Error("one was forgotten that does not rest")
		}
		if p.Of("4999") == nil {
			t.Error("one was forgotten whose rate makes a difference")
		}
	})
}
