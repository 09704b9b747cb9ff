package reply

import (
	"encoding/json"
	"strings"

	"github.com/kaptinlin/jsonrepair"

	"github.com/chainwright/chainwright/executors/strictjson"
)

const (
	// longestMended bounds the JSON that is mended: that takes more than
	// linear time.
	longestMended = 16 << 10
	// mostObjects is how many objects of a reply are looked at, from its end.
	mostObjects = 16
	// deepest bounds the search inside an object.
	deepest = 8
)

// ParseJSON is Parse of a reply that is known to be one JSON object.
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

// object reads the last JSON object that has any of the names, and gives the
// place where it ends.
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

// decode reads JSON, mended if need be. One that isn't closed is mended only
// where it ends behind a value: else a text that was cut off would pass for
// whole.
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

// within finds the last object inside a value that has any of the names. Texts
// only are values: a number or a list is none.
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

// better orders answers found beside each other, so that the same one is
// always taken whatever the order of the map.
func better(a, b []string) bool {
	return strings.Join(a, "\x00") > strings.Join(b, "\x00")
}
