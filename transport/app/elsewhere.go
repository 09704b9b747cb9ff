package app

import (
	"context"
	"strings"

	"github.com/chainwright/chainwright/chain/temporal"
	"github.com/chainwright/chainwright/executors"
)

// runElsewhere replaces the engine of this process by the one that is set.
func (a *App) runElsewhere(ctx context.Context) error {
	o := &a.options
	address, err := temporal.ParseAddress(o.engine)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(o.store, "postgres://") && !strings.HasPrefix(o.store, "postgresql://") {
		return executors.Errorf(executors.ValidationError, "the engine %s needs a store that all its processes share; got %s, and it must be postgres://USER@HOST:PORT/DATABASE", o.engine, strings.SplitN(o.store, ":", 2)[0]).
			WithField("store")
	}
	other, work, err := openTemporal(ctx, a, address)
	if err != nil {
		return err
	}
	a.engine, a.runner, a.work = nil, other, work
	return nil
}
