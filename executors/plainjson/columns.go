package plainjson

import (
	"bytes"
	"encoding/json"
)

// Columns returns the keys of the objects in an array, which is the value of key
// in an object, in the order of the text; nil if there is no such array. The text
// must be valid JSON.
func Columns(object json.RawMessage, key string) (names []string) {
	var all map[string]json.RawMessage
	if json.Unmarshal(object, &all) != nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(all[key]))
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		var row json.RawMessage
		if d.Decode(&row) != nil {
			return nil
		}
		each := json.NewDecoder(bytes.NewReader(row))
		if open, err := each.Token(); err != nil || open != json.Delim('{') {
			continue
		}
		for each.More() {
			name, err := each.Token()
			if err != nil {
				return nil
			}
			if text, _ := name.(string); !seen[text] {
				seen[text], names = true, append(names, text)
			}
			var value json.RawMessage
			if each.Decode(&value) != nil {
				return nil
			}
		}
	}
	return names
}
