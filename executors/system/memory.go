package system

import (
	"context"
	"fmt"

	"github.com/shirou/gopsutil/v4/mem"
)

type memory struct {
	TotalBytes     uint64  `json:"total_bytes"`
	UsedBytes      uint64  `json:"used_bytes"`
	AvailableBytes uint64  `json:"available_bytes"`
	UsagePercent   float64 `json:"usage_percent"`
	Limited        bool    `json:"limited"`
	SwapTotalBytes uint64  `json:"swap_total_bytes"`
	SwapUsedBytes  uint64  `json:"swap_used_bytes"`
}

func measureMemory(ctx context.Context, group controlGroup) (*memory, error) {
	all, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the memory: %w", err)
	}
	m := &memory{TotalBytes: all.Total, AvailableBytes: min(all.Available, all.Total)}
	if limit, ok := group.memory(); ok && limit.bytes < m.TotalBytes {
		m.Limited, m.TotalBytes = true, limit.bytes
		m.AvailableBytes = min(limit.bytes-min(limit.used, limit.bytes), m.AvailableBytes)
	}
	m.UsedBytes = m.TotalBytes - m.AvailableBytes
	m.UsagePercent = percent(float64(m.UsedBytes), float64(m.TotalBytes))
	if swap, err := mem.SwapMemoryWithContext(ctx); err == nil {
		m.SwapTotalBytes, m.SwapUsedBytes = swap.Total, swap.Used
	}
	return m, nil
}
