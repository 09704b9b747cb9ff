package parse

import (
	"testing"
)

// A field of ours is no other system's, and what names an executor says so.
func TestForeignFields(t *testing.T) {
	t.Parallel()
	for name := range foreignFields() {
		if knownField(name) {
			t.Errorf("%s is a field of a task", name)
		}
	}
	for _, name := range namesExecutor {
		if foreignFields()[name] == "" {
			t.Errorf("%s has no hint", name)
		}
	}
}
