package system

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/shirou/gopsutil/v4/cpu"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

func run(t *testing.T, inputs string) output {
	t.Helper()
	outcome := executortest.Run(t, New(), inputs, nil)
	if outcome.Err != nil {
		t.Fatalf("%s: %v", inputs, outcome.Err)
	}
	var out output
	if err := json.Unmarshal(outcome.Result, &out); err != nil {
		t.Fatalf("the result: %v", err)
	}
	return out
}

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, New())
	executortest.Examples(t, New(), nil)
}

func TestEachResourceAlone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cpu", "memory", "disk", "network", "host"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := run(t, `{"resource": "`+name+`"}`)
			got := map[string]bool{
				"cpu": out.CPU != nil, "memory": out.Memory != nil, "disk": out.Disk != nil,
				"network": out.Network != nil, "host": out.Host != nil,
			}
			for other, there := range got {
				if there != (other == name) {
					t.Errorf("the output has %s too: %v", other, there)
				}
			}
		})
	}
}

func TestAllAgreesWithTheMachine(t *testing.T) {
	t.Parallel()
	out := run(t, `{}`)
	if len(out.Unavailable) > 0 {
		t.Errorf("unavailable: %v", out.Unavailable)
	}
	if c := out.CPU; c.LogicalCores < runtime.NumCPU() || c.PhysicalCores > c.LogicalCores || c.AvailableCores <= 0 ||
		c.AvailableCores > float64(c.LogicalCores) || c.UsagePercent < 0 || c.UsagePercent > 100 {
		t.Errorf("cpu = %+v on a machine with %d processors for this process", c, runtime.NumCPU())
	}
	if m := out.Memory; m.TotalBytes < 1<<26 || m.UsedBytes+m.AvailableBytes != m.TotalBytes || m.UsagePercent <= 0 {
		t.Errorf("memory = %+v", m)
	}
	if d := out.Disk; d.TotalBytes == 0 || d.UsedBytes+d.FreeBytes > d.TotalBytes || len(d.Filesystems) == 0 || d.Filesystems[0].Path != d.Path {
		t.Errorf("disk = %+v", d)
	}
	if name, _ := os.Hostname(); out.Host.Hostname != name || out.Host.OS != runtime.GOOS || out.Host.UptimeSeconds == 0 {
		t.Errorf("host = %+v", out.Host)
	}
	if len(out.Network.Interfaces) == 0 {
		t.Error("no network interface, not even loopback")
	}
}

func TestBusyProcessorIsReported(t *testing.T) {
	stop := make(chan struct{})
	for range runtime.NumCPU() {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	defer close(stop)
	if out := run(t, `{"resource": "cpu"}`); out.CPU.UsagePercent < 50 {
		t.Errorf("usage_percent = %v while every processor is kept busy", out.CPU.UsagePercent)
	}
}

func TestContainerLimitsAreUsed(t *testing.T) {
	t.Parallel()
	group := readGroup(fstest.MapFS{
		"proc/self/cgroup":                 {Data: []byte("0::/\n")},
		"sys/fs/cgroup/cgroup.controllers": {},
		"sys/fs/cgroup/memory.max":         {Data: []byte("67108864")},
		"sys/fs/cgroup/memory.current":     {Data: []byte("16777216")},
		"sys/fs/cgroup/cpu.max":            {Data: []byte("25000 100000")},
		"sys/fs/cgroup/cpu.stat":           {Data: []byte("usage_usec 1\n")},
	})
	m, err := measureMemory(t.Context(), group)
	if err != nil || !m.Limited || m.TotalBytes != 64<<20 || m.UsedBytes != 16<<20 || m.UsagePercent != 25 {
		t.Errorf("memory = %+v, %v; want a quarter of 64 MiB used", m, err)
	}
	p, err := measureProcessors(t.Context(), group)
	if err != nil || p.AvailableCores != 0.25 || p.UsagePercent != 0 {
		t.Errorf("cpu = %+v, %v; want 0.25 cores, idle", p, err)
	}
}

func TestLoadBetween(t *testing.T) {
	t.Parallel()
	before := cpu.TimesStat{User: 100, System: 50, Idle: 1000, Iowait: 10}
	for _, c := range []struct {
		after cpu.TimesStat
		want  float64
	}{
		{before, 0},
		{cpu.TimesStat{User: 101, System: 50, Idle: 1003, Iowait: 10}, 25},
		{cpu.TimesStat{User: 101, System: 51, Idle: 1000, Iowait: 10}, 100},
		{cpu.TimesStat{User: 100, System: 50, Idle: 1000, Iowait: 12}, 0},
		{cpu.TimesStat{User: 101, System: 50, Idle: 1001, Iowait: 8}, 100}, // iowait may go backwards
	} {
		if got := loadBetween(before, c.after); got != c.want {
			t.Errorf("loadBetween(%+v) = %v; want %v", c.after, got, c.want)
		}
	}
}

func TestCancelEndsTheMeasurement(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if out, err := execute(ctx, &executors.Call{}, input{Resource: "cpu"}); !errors.Is(err, context.Canceled) {
		t.Errorf("execute = %+v, %v; want it cancelled", out, err)
	}
}

func TestUnknownResourceIsRefused(t *testing.T) {
	t.Parallel()
	violations := New().Definition().Input.Validate(map[string]any{"resource": "processes"})
	if len(violations) != 1 || violations[0].Path != "resource" || !strings.Contains(violations[0].Message, "memory") {
		t.Errorf("violations = %+v; want one that names what is allowed", violations)
	}
}

func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		if _, err := measureMemory(b.Context(), ownGroup()); err != nil {
			b.Fatal(err)
		}
	}
}
