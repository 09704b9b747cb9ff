package policy

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

var errNegative = errors.New("must not be negative")

func (p *Policy) checkLimits(bad *problems) {
	l := p.config.Limits
	check := func(key string, n int64) {
		if n < 0 {
			bad.add("limits."+key, "%v; got %d", errNegative, n)
		}
	}
	pace := func(key string, n float64) {
		if n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
			bad.add("limits."+key, "%v; got %v", errNegative, n)
		}
	}
	check("output_bytes", l.OutputBytes)
	check("file_bytes", l.FileBytes)
	check("max_parallel", int64(l.MaxParallel))
	check("max_live", int64(l.MaxLive))
	check("max_queued", int64(l.MaxQueued))
	check("principal.max_queued", int64(l.Principal.MaxQueued))
	check("principal.max_parallel", int64(l.Principal.MaxParallel))
	pace("principal.per_second", l.Principal.PerSecond)
	for _, id := range sortedKeys(l.Executors) {
		e := l.Executors[id]
		check("executors."+id+".max_parallel", int64(e.MaxParallel))
		pace("executors."+id+".per_second", e.PerSecond)
		check("executors."+id+".timeout", int64(e.Timeout))
		check("executors."+id+".output_bytes", e.OutputBytes)
	}
}

func (p *Policy) describeLimits() string {
	l := p.config.Limits
	var parts []string
	add := func(key string, value any, set bool) {
		if set {
			parts = append(parts, fmt.Sprintf("%s %v", key, value))
		}
	}
	add("output_bytes", l.OutputBytes, l.OutputBytes != 0)
	add("file_bytes", l.FileBytes, l.FileBytes != 0)
	add("max_parallel", l.MaxParallel, l.MaxParallel != 0)
	add("max_live", l.MaxLive, l.MaxLive != 0)
	add("max_queued", l.MaxQueued, l.MaxQueued != 0)
	add("principal.max_queued", l.Principal.MaxQueued, l.Principal.MaxQueued != 0)
	add("principal.max_parallel", l.Principal.MaxParallel, l.Principal.MaxParallel != 0)
	add("principal.per_second", l.Principal.PerSecond, l.Principal.PerSecond != 0)
	for _, id := range sortedKeys(l.Executors) {
		e := l.Executors[id]
		add(id+".max_parallel", e.MaxParallel, e.MaxParallel != 0)
		add(id+".per_second", e.PerSecond, e.PerSecond != 0)
		add(id+".timeout", e.Timeout, e.Timeout != 0)
		add(id+".output_bytes", e.OutputBytes, e.OutputBytes != 0)
	}
	if len(parts) == 0 {
		return "defaults"
	}
	return strings.Join(parts, ", ")
}
