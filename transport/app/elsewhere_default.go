//go:build !temporal

package app

import (
	"context"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/temporal"
	"github.com/chainwright/chainwright/executors"
)

func openTemporal(context.Context, *App, temporal.Address) (chain.Engine, func() error, error) {
	return nil, nil, executors.Errorf(executors.ValidationError, "this program has no engine on Temporal; chainwright-temporal is the same program with it (make build-temporal)").
		WithField("engine")
}
