package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// withinOf returns what a request forbids its calls, for the record of a run:
// another process that goes on with the run keeps to it.
func withinOf(ctx context.Context) string {
	within := policy.RestrictionOf(ctx)
	if len(within.Exclude) == 0 && !within.ReadOnly {
		return ""
	}
	exclude := slices.Clone(within.Exclude)
	slices.Sort(exclude)
	return string(plainjson.Must(policy.Restriction{Exclude: slices.Compact(exclude), ReadOnly: within.ReadOnly}))
}

// keepWithin returns a context for a run that goes on by itself: what the request
// forbade that started it, or retried it last, is forbidden still.
func keepWithin(ctx context.Context, row *store.Run) (context.Context, error) {
	if row.Within == "" {
		return ctx, nil
	}
	object, err := strictjson.DecodeObject([]byte(row.Within))
	if err != nil {
		return nil, fmt.Errorf("reading what the request of run %s forbids: %w", row.ID, err)
	}
	var r policy.Restriction
	r.ReadOnly, _ = object["read_only"].(bool)
	list, _ := object["exclude"].([]any)
	for _, each := range list {
		id, _ := each.(string)
		r.Exclude = append(r.Exclude, id)
	}
	return policy.Restrict(ctx, r), nil
}
