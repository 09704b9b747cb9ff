package system

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/load"
)

// sampling is the time over which the load is measured.
const sampling = 150 * time.Millisecond

type processors struct {
	Model          string    `json:"model,omitempty"`
	Architecture   string    `json:"architecture"`
	PhysicalCores  int       `json:"physical_cores"`
	LogicalCores   int       `json:"logical_cores"`
	AvailableCores float64   `json:"available_cores"`
	UsagePercent   float64   `json:"usage_percent"`
	LoadAverage    []float64 `json:"load_average,omitempty"`
}

func measureProcessors(ctx context.Context, group controlGroup) (*processors, error) {
	logical, err := cpu.CountsWithContext(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("counting processors: %w", err)
	}
	p := &processors{
		Architecture: runtime.GOARCH, LogicalCores: logical, PhysicalCores: logical,
		AvailableCores: float64(min(logical, runtime.NumCPU())),
	}
	if physical, err := cpu.CountsWithContext(ctx, false); err == nil && physical > 0 {
		p.PhysicalCores = physical
	}
	if models, err := cpu.InfoWithContext(ctx); err == nil && len(models) > 0 {
		p.Model = strings.TrimSpace(models[0].ModelName)
	}
	if runtime.GOOS != "windows" { // gopsutil starts a goroutine there that never ends
		if average, err := load.AvgWithContext(ctx); err == nil {
			p.LoadAverage = []float64{round2(average.Load1), round2(average.Load5), round2(average.Load15)}
		}
	}
	if limit, ok := group.cpu(); ok && limit.cores < p.AvailableCores {
		p.AvailableCores = round2(limit.cores)
		p.UsagePercent, err = groupLoad(ctx, limit)
		return p, err
	}
	p.UsagePercent, err = machineLoad(ctx)
	return p, err
}

// machineLoad returns the load in percent, from the processors' times at two
// moments.
func machineLoad(ctx context.Context) (float64, error) {
	before, err := cpu.TimesWithContext(ctx, false)
	if err != nil {
		return 0, fmt.Errorf("reading processor times: %w", err)
	}
	if err := pause(ctx); err != nil {
		return 0, err
	}
	after, err := cpu.TimesWithContext(ctx, false)
	if err != nil || len(before) == 0 || len(after) == 0 {
		return 0, fmt.Errorf("reading processor times: %w", err)
	}
	return loadBetween(before[0], after[0]), nil
}

// loadBetween returns the share of time that was not idle, in percent. User
// time already includes guest time, and waiting for a disk is idle time.
func loadBetween(before, after cpu.TimesStat) float64 {
	busy := func(t cpu.TimesStat) float64 { return t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal }
	idle := (after.Idle + after.Iowait) - (before.Idle + before.Iowait)
	worked := busy(after) - busy(before)
	return percent(worked, worked+max(idle, 0))
}

// groupLoad returns the load of a container in percent of its limit, from its
// used time at two moments.
func groupLoad(ctx context.Context, limit cpuLimit) (float64, error) {
	before, err := limit.used()
	if err != nil {
		return machineLoad(ctx)
	}
	started := time.Now()
	if err := pause(ctx); err != nil {
		return 0, err
	}
	after, err := limit.used()
	if err != nil {
		return 0, err
	}
	return percent((after - before).Seconds(), time.Since(started).Seconds()*limit.cores), nil
}

func pause(ctx context.Context) error {
	timer := time.NewTimer(sampling)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func round2(v float64) float64 { return math.Round(v*100) / 100 }
