package data

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/chainwright/chainwright/executors/jq"
)

func filter(_ context.Context, _ Input, elements []element) (any, error) {
	return values(elements), nil
}

func values(elements []element) []any {
	list := make([]any, len(elements))
	for i, e := range elements {
		list[i] = e.value
	}
	return list
}

// newKeys parses the paths of the key: by, otherwise field, otherwise the
// element itself.
func newKeys(in Input) ([]selector, error) {
	switch by := in.By.(type) {
	case nil:
		s, err := newSelector("field", in.Field)
		return []selector{s}, err
	case string:
		s, err := newSelector("by", by)
		return []selector{s}, err
	case []any:
		keys := make([]selector, len(by))
		for i, each := range by {
			text, ok := each.(string)
			if !ok {
				return nil, invalid("by", "must hold paths; got %s", kind(each))
			}
			var err error
			if keys[i], err = newSelector("by["+strconv.Itoa(i)+"]", text); err != nil {
				return nil, err
			}
		}
		return keys, nil
	}
	return nil, invalid("by", "must be a path or an array of paths; got %s", kind(in.By))
}

// keyed is an element with its key; the key is nil if the element has no such
// value.
type keyed struct {
	element
	keys []any
}

// maxKeys limits the elements times the paths of their key.
const maxKeys = 8 << 20

func withKeys(ctx context.Context, in Input, elements []element) ([]keyed, []selector, error) {
	selectors, err := newKeys(in)
	if err != nil {
		return nil, nil, err
	}
	if len(elements)*len(selectors) > maxKeys {
		return nil, nil, invalid("by", "has %d paths for %d elements; the product must be at most %d", len(selectors), len(elements), maxKeys)
	}
	list := make([]keyed, len(elements))
	room := make([]any, len(elements)*len(selectors))
	for i, e := range elements {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		keys := room[i*len(selectors) : (i+1)*len(selectors)]
		for j, s := range selectors {
			keys[j], _ = s.in(e.value)
		}
		list[i] = keyed{e, keys}
	}
	return list, selectors, nil
}

// sortElements sorts by key. Elements with equal keys keep their order.
func sortElements(ctx context.Context, in Input, elements []element) (any, error) {
	list, _, err := withKeys(ctx, in, elements)
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		for i, v := range k.keys {
			k.keys[i] = sortable(v)
		}
	}
	if err := numericTexts(list, func(k keyed) []any { return k.keys }); err != nil {
		return nil, err
	}
	sign := direction(in.Order)
	slices.SortFunc(list, func(a, b keyed) int {
		if c := slices.CompareFunc(a.keys, b.keys, order); c != 0 {
			return sign * c
		}
		return a.index - b.index
	})
	sorted := make([]any, len(list))
	for i, k := range list {
		sorted[i] = k.value
	}
	return sorted, nil
}

// numericTexts refuses to sort by texts that are all numbers, if the order of the
// texts is not that of the numbers, and by numbers and texts that are numbers.
func numericTexts[E any](list []E, keysOf func(E) []any) error {
	if len(list) == 0 {
		return nil
	}
columns:
	for j := range keysOf(list[0]) {
		var texts []string
		numbers := false
		for _, e := range list {
			switch key := keysOf(e)[j].(type) {
			case *apd.Decimal:
				numbers = true
			case string:
				if _, ok := numericText(key); !ok {
					continue columns
				}
				texts = append(texts, key)
			}
		}
		slices.Sort(texts)
		for i, text := range texts {
			if numbers {
				return invalid("by", "%q is a text, and others are numbers: make it a number with the operation jq and tonumber, or the option types", text)
			}
			if i == 0 {
				continue
			}
			a, _ := numericText(texts[i-1])
			if b, _ := numericText(text); a.Cmp(b) > 0 {
				return invalid("by", "%q and %q are texts, whose order is not that of the numbers: make them numbers with the operation jq and tonumber, or the option types", texts[i-1], text)
			}
		}
	}
	return nil
}

// numericText returns the number that a text is.
func numericText(text string) (*apd.Decimal, bool) {
	text = strings.TrimSpace(text)
	digits := strings.TrimLeft(text, "+-")
	if digits == "" || digits[0] != '.' && (digits[0] < '0' || digits[0] > '9') {
		return nil, false // Infinity and NaN
	}
	return parse(json.Number(text))
}

func direction(order string) int {
	if order == "desc" {
		return -1
	}
	return 1
}

// unique returns the first element of each key.
func unique(ctx context.Context, in Input, elements []element) (any, error) {
	list, _, err := withKeys(ctx, in, elements)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	kept := []any{}
	var id []byte
	for _, k := range list {
		if id = identity(id[:0], k.keys); !seen[string(id)] {
			seen[string(id)] = true
			kept = append(kept, k.value)
		}
	}
	return kept, nil
}

// programTime is the time limit of a caller's jq program. The timeout of the
// call may be shorter.
const programTime = 5 * time.Second

// runProgram runs jq on the data.
func runProgram(ctx context.Context, in Input) (any, error) {
	program, err := jq.Compile(in.Program)
	if err != nil {
		return nil, jqError(err, "program", "")
	}
	outputs, err := program.Within(jq.Bounds{Time: programTime}).Run(ctx, in.Data)
	if err != nil {
		return nil, jqError(err, "program", "")
	}
	switch len(outputs) {
	case 0:
		return nil, nil
	case 1:
		return outputs[0], nil
	}
	return outputs, nil
}
