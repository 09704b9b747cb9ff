package data

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/cockroachdb/apd/v3"
)

func arithmetic(ctx context.Context, in Input, elements []element) (any, error) {
	field, err := newSelector("field", in.Field)
	if err != nil {
		return nil, err
	}
	return reckon(ctx, in.Operation, field, elements)
}

// reckon calculates one number from the elements.
func reckon(ctx context.Context, operation string, field selector, elements []element) (any, error) {
	switch operation {
	case "sum":
		total, err := sum(ctx, field, elements)
		return number(total), err
	case "average":
		total, err := sum(ctx, field, elements)
		if err != nil || len(elements) == 0 {
			return json.Number("0"), err
		}
		return number(divide(total, len(elements))), nil
	case "median":
		return median(ctx, field, elements)
	case "count":
		return present(field, elements), nil
	}
	return extreme(ctx, operation, field, elements)
}

func sum(ctx context.Context, field selector, elements []element) (*apd.Decimal, error) {
	total := new(apd.Decimal)
	for i, e := range elements {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return total, context.Cause(ctx)
		}
		d, _, err := field.numberIn(e)
		if err != nil {
			return total, err
		}
		add(total, d)
	}
	return total, nil
}

// extreme returns the largest or smallest number as it was written, or null if
// there are no numbers.
func extreme(ctx context.Context, operation string, field selector, elements []element) (any, error) {
	var best *apd.Decimal
	var found any
	for i, e := range elements {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		d, written, err := field.numberIn(e)
		if err != nil {
			return nil, err
		}
		if found == nil || operation == "max" && d.Cmp(best) > 0 || operation == "min" && d.Cmp(best) < 0 {
			best, found = d, written
		}
	}
	return found, nil
}

func median(ctx context.Context, field selector, elements []element) (any, error) {
	if len(elements) == 0 {
		return nil, nil
	}
	numbers := make([]*apd.Decimal, len(elements))
	for i, e := range elements {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		d, _, err := field.numberIn(e)
		if err != nil {
			return nil, err
		}
		numbers[i] = d
	}
	slices.SortFunc(numbers, (*apd.Decimal).Cmp)
	upper := numbers[len(numbers)/2]
	if len(numbers)%2 == 1 {
		return number(upper), nil
	}
	add(upper, numbers[len(numbers)/2-1])
	return number(divide(upper, 2)), nil
}

// count counts the elements; with a field, those that have it and not null.
func count(_ context.Context, in Input, elements []element) (any, error) {
	field, err := newSelector("field", in.Field)
	if err != nil {
		return nil, err
	}
	return present(field, elements), nil
}

func present(field selector, elements []element) int {
	if field.text == "" {
		return len(elements)
	}
	n := 0
	for _, e := range elements {
		if v, ok := field.in(e.value); ok && v != nil {
			n++
		}
	}
	return n
}

// countOther counts values that are not arrays: the keys of an object.
func countOther(in Input) (any, error) {
	object, ok := in.Data.(map[string]any)
	switch {
	case !ok:
		return nil, invalid("data", "must be an array or an object for the operation count; got %s", kind(in.Data))
	case in.Where != nil:
		return nil, invalid("where", "is for arrays; data is an object")
	case in.Field != "":
		return nil, invalid("field", "is for arrays; data is an object")
	}
	return len(object), nil
}
