package expr

import (
	"strconv"
	"strings"
)

// keyStep and placeStep return one step of a path as text, and join joins paths:
// "headers.accept", "data[3]", `env["a b"]`.
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

// odd are the characters for which a key of a path is quoted.
func odd(r rune) bool {
	return r != '_' && r != '$' && r != '-' && (r < '0' || '9' < r) && (r < 'A' || 'Z' < r) && (r < 'a' || 'z' < r)
}
