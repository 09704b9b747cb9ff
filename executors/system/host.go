package system

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/shirou/gopsutil/v4/host"
)

type machine struct {
	Hostname        string `json:"hostname"`
	OS              string `json:"os"`
	Platform        string `json:"platform,omitempty"`
	PlatformVersion string `json:"platform_version,omitempty"`
	KernelVersion   string `json:"kernel_version,omitempty"`
	Architecture    string `json:"architecture"`
	BootTime        string `json:"boot_time,omitempty"`
	UptimeSeconds   uint64 `json:"uptime_seconds"`
}

// measureMachine reads each value separately: host.Info would also count
// processes, read the machine's unique id and detect virtualization.
func measureMachine(ctx context.Context) (*machine, error) {
	name, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("reading the host name: %w", err)
	}
	m := &machine{Hostname: name, OS: runtime.GOOS, Architecture: runtime.GOARCH}
	if m.UptimeSeconds, err = host.UptimeWithContext(ctx); err != nil {
		return nil, fmt.Errorf("reading the uptime: %w", err)
	}
	if started, err := host.BootTimeWithContext(ctx); err == nil && started > 0 {
		m.BootTime = time.Unix(int64(started), 0).UTC().Format(time.RFC3339)
	}
	if platform, _, version, err := host.PlatformInformationWithContext(ctx); err == nil {
		m.Platform, m.PlatformVersion = platform, version
	}
	if kernel, err := host.KernelVersionWithContext(ctx); err == nil {
		m.KernelVersion = kernel
	}
	return m, nil
}
