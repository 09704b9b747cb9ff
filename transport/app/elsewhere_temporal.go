//go:build temporal

package app

import (
	"context"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/temporal"
)

func openTemporal(ctx context.Context, a *App, address temporal.Address) (chain.Engine, func() error, error) {
	o := &a.options
	e, err := temporal.Open(ctx, temporal.Options{
		Address: address, Registry: a.registry, Store: a.store, Log: o.log, MaxParallel: o.policy.Limits.MaxParallel, Grace: o.grace,
		Config: o.configDigest, Telemetry: a.telemetry,
	})
	if err != nil {
		return nil, nil, err
	}
	return e, e.Work, nil
}
