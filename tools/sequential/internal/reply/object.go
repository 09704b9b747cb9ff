package reply

import (
	"encoding/json"
	"strings"

	"github.com/kaptinlin/jsonrepair"

	"github.com/chainwright/chainwright/executors/strictjson"
)

const (
	// longestMended bounds the JSON that is repaired, which takes more than
	// linear time.
	longestMended = 16 << 10
	// mostObjects bounds the objects of a reply that are tried, from its end.
	mostObjects = 16
	// deepest bounds the search inside an object.
	deepest = 8
)

// ParseJSON is Parse for a reply that is one JSON object.
func (f *Form) ParseJSON(raw []byte) ([]string, error) {
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	values := f.within(doc, 1)
	if values == nil {
		values = make([]string, len(f.names))
	}
	return f.whole(values)
}

// object returns the values of the last JSON object with any of the names, and
// where it ends.
func (f *Form) object(text string) (values []string, end int, ok bool) {
	spans := strictjson.Spans(text)
	for i := len(spans) - 1; i >= max(0, len(spans)-mostObjects); i-- {
		part := text[spans[i].Start:spans[i].End]
		doc, ok := decode(part, spans[i].Closed)
		if !ok {
			continue
		}
		if found := f.within(doc, deepest); found != nil {
			return found, spans[i].End, true
		}
	}
	return nil, 0, false
}

// decode reads JSON and repairs it if necessary. An object that isn't closed is
// repaired only if it ends after a value: otherwise a text that was cut off would
// count as whole.
func decode(part string, isClosed bool) (any, bool) {
	var doc any
	if isClosed && json.Unmarshal([]byte(part), &doc) == nil {
		return doc, true
	}
	if !isClosed {
		part = strings.TrimRight(part, "` \n\t")
		if at := strings.LastIndex(part, "\n```"); at > 0 {
			part = strings.TrimSpace(part[:at])
		}
		if !strings.HasSuffix(part, `"`) && !strings.HasSuffix(part, `",`) && !strings.HasSuffix(part, "}") {
			return nil, false
		}
		if strings.HasSuffix(part, `\"`) {
			return nil, false
		}
	}
	if len(part) > longestMended {
		return nil, false
	}
	mended, err := jsonrepair.Repair(part)
	if err != nil || json.Unmarshal([]byte(mended), &doc) != nil {
		return nil, false
	}
	return doc, true
}

// within returns the last object inside a value with any of the names. Only texts
// count as their values.
func (f *Form) within(doc any, depth int) []string {
	if depth == 0 {
		return nil
	}
	switch doc := doc.(type) {
	case []any:
		for i := len(doc) - 1; i >= 0; i-- {
			if found := f.within(doc[i], depth-1); found != nil {
				return found
			}
		}
	case map[string]any:
		var values []string
		for key, v := range doc {
			place, named := f.folded[fold(key)]
			if !named {
				continue
			}
			if values == nil {
				values = make([]string, len(f.names))
			}
			if text, isText := v.(string); isText && values[place] == "" {
				values[place] = clean(normalise(text))
			}
		}
		if values != nil {
			return values
		}
		var best []string
		for _, v := range doc {
			if found := f.within(v, depth-1); found != nil && (best == nil || better(found, best)) {
				best = found
			}
		}
		return best
	}
	return nil
}

// better orders answers at the same level, so that the choice does not depend on
// the order of the map.
func better(a, b []string) bool {
	return strings.Join(a, "\x00") > strings.Join(b, "\x00")
}
