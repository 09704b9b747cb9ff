package data

import (
	"context"
	"encoding/json"
	"slices"
)

func arithmetic(_ context.Context, in Input, elements []element) (any, error) {
	field, err := newSelector("field", in.Field)
	if err != nil {
		return nil, err
	}
	return reckon(in.Operation, field, elements)
}

// reckon works out one number of the elements.
func reckon(operation string, field selector, elements []element) (any, error) {
	switch operation {
	case "sum":
		total, err := sum(field, elements)
		return total.number(), err
	case "average":
		total, err := sum(field, elements)
		if err != nil || len(elements) == 0 {
			return json.Number("0"), err
		}
		return total.over(len(elements)).number(), nil
	case "median":
		return median(field, elements)
	case "count":
		return present(field, elements), nil
	}
	return extreme(operation, field, elements)
}

func sum(field selector, elements []element) (decimal, error) {
	var total decimal
	for _, e := range elements {
		d, _, err := field.numberIn(e)
		if err != nil {
			return decimal{}, err
		}
		total = total.plus(d)
	}
	return total, nil
}

// extreme gives the largest or smallest number as it was written; null where
// there is none.
func extreme(operation string, field selector, elements []element) (any, error) {
	var best decimal
	var found any
	for _, e := range elements {
		d, written, err := field.numberIn(e)
		if err != nil {
			return nil, err
		}
		c := d.compare(best)
		if found == nil || operation == "max" && c > 0 || operation == "min" && c < 0 {
			best, found = d, written
		}
	}
	return found, nil
}

func median(field selector, elements []element) (any, error) {
	if len(elements) == 0 {
		return nil, nil
	}
	numbers := make([]decimal, len(elements))
	for i, e := range elements {
		d, _, err := field.numberIn(e)
		if err != nil {
			return nil, err
		}
		numbers[i] = d
	}
	slices.SortFunc(numbers, decimal.compare)
	upper := numbers[len(numbers)/2]
	if len(numbers)%2 == 1 {
		return upper.number(), nil
	}
	return upper.plus(numbers[len(numbers)/2-1]).over(2).number(), nil
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

// countOther counts what is not an array: the keys of an object.
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
