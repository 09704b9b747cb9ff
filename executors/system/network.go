package system

import (
	"context"
	"fmt"
	"slices"

	"github.com/shirou/gopsutil/v4/net"
)

type network struct {
	BytesSent     uint64       `json:"bytes_sent"`
	BytesReceived uint64       `json:"bytes_received"`
	Interfaces    []netAdapter `json:"interfaces"`
}

type netAdapter struct {
	Name          string   `json:"name"`
	Up            bool     `json:"up"`
	Addresses     []string `json:"addresses"`
	BytesSent     uint64   `json:"bytes_sent"`
	BytesReceived uint64   `json:"bytes_received"`
	Errors        uint64   `json:"errors"`
	Dropped       uint64   `json:"dropped"`
}

func measureNetwork(ctx context.Context) (*network, error) {
	interfaces, err := net.InterfacesWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing network interfaces: %w", err)
	}
	counters, err := net.IOCountersWithContext(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("reading network counters: %w", err)
	}
	n := &network{Interfaces: []netAdapter{}}
	for _, each := range interfaces {
		a := netAdapter{Name: each.Name, Up: slices.Contains(each.Flags, "up"), Addresses: []string{}}
		for _, address := range each.Addrs {
			a.Addresses = append(a.Addresses, address.Addr)
		}
		for _, c := range counters {
			if c.Name == each.Name {
				a.BytesSent, a.BytesReceived = c.BytesSent, c.BytesRecv
				a.Errors, a.Dropped = c.Errin+c.Errout, c.Dropin+c.Dropout
			}
		}
		if !slices.Contains(each.Flags, "loopback") {
			n.BytesSent += a.BytesSent
			n.BytesReceived += a.BytesReceived
		}
		n.Interfaces = append(n.Interfaces, a)
	}
	return n, nil
}
