package expr

import (
	"strconv"
	"strings"
)

// keyStep and placeStep write one step of a path, and join puts paths
// together: "headers.accept", "data[3]", `env["a b"]`.
func keyStep(key string) string {
	if key == "" || strings.ContainsFunc(key, odd) {
		return "[" + strconv.Quote(key) + "]"
	}
	return key
}

func placeStep(place int) string { return "[" + strconv.Itoa(place) + "]" }

func join(step, rest string) string {
	if rest == "" || step == "" || rest[0] == '[' {
		return step + rest
	}
	return step + "." + rest
}

// odd are the characters that a key of a path has to be quoted for.
func odd(r rune) bool {
	return r != '_' && r != '$' && r != '-' && (r < '0' || '9' < r) && (r < 'A' || 'Z' < r) && (r < 'a' || 'z' < r)
}
