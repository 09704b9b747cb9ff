package step

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Key returns the idempotency key of the work of a task in a run: of the element
// with this index, or (-1) of the task as a whole. A person who has completed work
// done again begins a new generation of it. Attempts, and processes that take the
// run over, share the key.
func Key(run, task string, element, generation int) string {
	// No part but the ids has letters, and neither id has a space.
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d %d", run, task, element, generation))
	return hex.EncodeToString(sum[:16])
}
