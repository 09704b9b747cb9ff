// Package startup delays garbage collection while the other packages
// initialise.
//
// Go initialises packages in the order of their import paths, as far as their
// dependencies allow. This package has almost no dependencies, so it is
// initialised before the libraries that build schemas and descriptors. This
// prevents three garbage collections, which are a fifth of the time to the
// first reply. The configuration sets the final value.
package startup

import (
	"os"
	"runtime/debug"
)

// gcPercent starts the first collection at 16 MB, four times the garbage of the
// initialisation.
const gcPercent = 400

func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
