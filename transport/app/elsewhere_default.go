//go:build !temporal

package app

import (
	"context"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/temporal"
)

func openTemporal(context.Context, *App, temporal.Address) (chain.Engine, func() error, error) {
	return nil, nil, temporal.Missing()
}
