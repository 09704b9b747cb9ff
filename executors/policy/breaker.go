package policy

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/chainwright/chainwright/executors/policy/breaker"
)

const (
	breakAfter   = 10
	breakFirst   = time.Second
	breakLongest = 30 * time.Second
)

func newBreaker(cfg Breaker, bad *problems) *breaker.Breaker {
	if cfg.Failures < 0 {
		bad.add("breaker.failures", "%v; got %d", errNegative, cfg.Failures)
	}
	if cfg.Longest < 0 {
		bad.add("breaker.longest", "%v; got %v", errNegative, cfg.Longest)
	}
	if cfg.Off {
		return nil
	}
	failures, longest := cfg.inForce()
	return breaker.New(failures, breakFirst, longest)
}

func (b Breaker) inForce() (failures int, longest time.Duration) {
	failures, longest = b.Failures, b.Longest
	if failures == 0 {
		failures = breakAfter
	}
	if longest == 0 {
		longest = breakLongest
	}
	return failures, longest
}

func (p *Policy) describeBreaker() string {
	if p.breaker == nil {
		return "off"
	}
	failures, longest := p.config.Breaker.inForce()
	return fmt.Sprintf("after %d failures in a row, for %s at most", failures, longest)
}

var trusted = &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 15 * time.Second}

// DialTrusted dials an address that the operator set. Any address is allowed. If
// its circuit is open, the error is a *breaker.Open.
func (p *Policy) DialTrusted(ctx context.Context, network, address string) (net.Conn, error) {
	return p.breaker.Dial(ctx, network, address, trusted.DialContext)
}
