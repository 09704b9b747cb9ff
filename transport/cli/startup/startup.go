// Package startup lets garbage gather before the other packages initialise.
//
// Go initialises packages in the order of their import paths, as far as what
// they depend on allows. This one depends on next to nothing, so it comes
// before the libraries that build schemas and descriptors as they initialise,
// and the three collections that these would cause, a fifth of the time to the
// first reply, don't happen. The configuration sets the final value.
package startup

import (
	"os"
	"runtime/debug"
)

// gcPercent puts the first collection at 16 MB, four times what initialising
// allocates in garbage.
const gcPercent = 400

func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
