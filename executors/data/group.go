package data

import (
	"context"
	"slices"
)

type group struct {
	keys     []any
	order    []any // the keys, sortable; only if the groups are sorted
	elements []element
}

// groupBy returns the groups in the order of their first elements, or sorted
// by key if order is set. A group is {key, count, items}; with aggregate, the
// named numbers replace items.
func groupBy(ctx context.Context, in Input, elements []element) (any, error) {
	if in.By == nil && in.Field == "" {
		return nil, invalid("by", "is required by the operation group_by")
	}
	list, selectors, err := withKeys(ctx, in, elements)
	if err != nil {
		return nil, err
	}
	groups := gather(list)
	if in.Order != "" {
		for _, g := range groups {
			for _, k := range g.keys {
				g.order = append(g.order, sortable(k))
			}
		}
		if err := numericTexts(groups, func(g *group) []any { return g.order }); err != nil {
			return nil, err
		}
		slices.SortStableFunc(groups, func(a, b *group) int { return direction(in.Order) * slices.CompareFunc(a.order, b.order, order) })
	}
	aggregates, err := newAggregates(in.Aggregate)
	if err != nil {
		return nil, err
	}
	result := make([]any, len(groups))
	for i, g := range groups {
		if result[i], err = describe(ctx, g, selectors, aggregates); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func gather(list []keyed) []*group {
	byKey := make(map[string]*group)
	var groups []*group
	var id []byte
	for _, k := range list {
		id = identity(id[:0], k.keys)
		g := byKey[string(id)]
		if g == nil {
			g = &group{keys: k.keys}
			byKey[string(id)] = g
			groups = append(groups, g)
		}
		g.elements = append(g.elements, k.element)
	}
	return groups
}

type aggregate struct {
	operation string
	field     selector
}

func newAggregates(given map[string]Aggregate) (map[string]aggregate, error) {
	list := make(map[string]aggregate, len(given))
	for name, a := range given {
		if name == "key" || name == "count" {
			return nil, invalid("aggregate."+name, "is a name that each group has already")
		}
		field, err := newSelector("aggregate."+name+".field", a.Field)
		if err != nil {
			return nil, err
		}
		list[name] = aggregate{a.Operation, field}
	}
	return list, nil
}

func describe(ctx context.Context, g *group, selectors []selector, aggregates map[string]aggregate) (map[string]any, error) {
	out := map[string]any{"key": g.keys[0], "count": len(g.elements)}
	if len(selectors) > 1 {
		key := make(map[string]any, len(selectors))
		for i, s := range selectors {
			key[s.text] = g.keys[i]
		}
		out["key"] = key
	}
	if len(aggregates) == 0 {
		out["items"] = values(g.elements)
		return out, nil
	}
	for name, a := range aggregates {
		v, err := reckon(ctx, a.operation, a.field, g.elements)
		if err != nil {
			return nil, err
		}
		out[name] = v
	}
	return out, nil
}
