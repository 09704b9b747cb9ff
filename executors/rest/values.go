package rest

import (
	"maps"
	"net/url"
	"slices"

	"github.com/chainwright/chainwright/executors/internal/web"
)

// formValues converts params or data: an array repeats its name, null omits it.
func formValues(given map[string]any) url.Values {
	values := make(url.Values, len(given))
	for name, v := range given {
		switch v := v.(type) {
		case nil:
		case []any:
			for _, element := range v {
				values.Add(name, web.Scalar(element))
			}
		default:
			values.Set(name, web.Scalar(v))
		}
	}
	return values
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
