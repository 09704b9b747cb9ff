package strictjson

import (
	"encoding/json"
	"strconv"
	"strings"
)

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// At returns the value at a JSON Pointer, such as "/a/0", nil if there is none.
// The empty pointer is the value itself.
func At(checked []byte, pointer string) json.RawMessage {
	at := json.RawMessage(checked)
	if pointer == "" {
		return at
	}
	rest, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return nil
	}
	for step := range strings.SplitSeq(rest, "/") {
		if at = child(at, unescape.Replace(step)); at == nil {
			return nil
		}
	}
	return at
}

// child returns the member or the element that a step names.
func child(at json.RawMessage, step string) json.RawMessage {
	for name, value := range Members(at) {
		if name == step {
			return value
		}
	}
	i := 0
	for element := range Elements(at) {
		if strconv.Itoa(i) == step {
			return element
		}
		i++
	}
	return nil
}
