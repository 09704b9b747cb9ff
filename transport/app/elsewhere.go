package app

import (
	"context"

	"github.com/chainwright/chainwright/chain/temporal"
)

// runElsewhere replaces the engine of this process by the one that is set.
func (a *App) runElsewhere(ctx context.Context) error {
	o := &a.options
	address, err := temporal.ParseAddress(o.engine)
	if err != nil {
		return err
	}
	if err := temporal.CheckStore(o.store); err != nil {
		return err
	}
	other, work, err := openTemporal(ctx, a, address)
	if err != nil {
		return err
	}
	a.engine, a.runner, a.work = nil, other, work
	return nil
}
