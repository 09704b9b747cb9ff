package step

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// MaxResults bounds the bytes of the results of a for_each together.
const MaxResults = 64 << 20

// TooLong is the error of a for_each whose results are over MaxResults.
func TooLong() *executors.Error {
	return executors.Errorf(executors.ExecutionError, "the results of the elements are over %d MiB together", MaxResults>>20).
		WithHint("return less from each element, or write it to a file")
}

// Collect returns the outcome of a for_each: the array of the elements' results,
// null where an element has none, and the error that names the first failure.
// started is the number of elements that were started.
func Collect(results []json.RawMessage, failures []chain.ElementError, started int) executors.Outcome {
	size := 2
	for _, r := range results {
		size += len(r) + 5
	}
	raw := append(make([]byte, 0, size), '[')
	for i, r := range results {
		if i > 0 {
			raw = append(raw, ',')
		}
		if r == nil {
			raw = append(raw, "null"...)
		} else {
			raw = append(raw, r...)
		}
	}
	out := executors.Outcome{Result: append(raw, ']')}
	if len(failures) > 0 {
		slices.SortFunc(failures, func(a, b chain.ElementError) int { return cmp.Compare(a.Index, b.Index) })
		first := failures[0]
		out.Err = executors.Errorf(first.ErrorType, "%d of %d elements failed; the first, [%d]: %s", len(failures), started, first.Index, first.Error)
	}
	return out
}
