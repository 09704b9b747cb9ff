package rest

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
)

// scalar writes a text, number or boolean as it stands in a header or a form.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// formValues reads the fields of params or data: an array repeats its name,
// null leaves it out.
func formValues(given map[string]any) url.Values {
	values := make(url.Values, len(given))
	for name, v := range given {
		switch v := v.(type) {
		case nil:
		case []any:
			for _, element := range v {
				values.Add(name, scalar(element))
			}
		default:
			values.Set(name, scalar(v))
		}
	}
	return values
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
