package system

import "os"

// ownGroup returns the control group of this process.
func ownGroup() controlGroup { return readGroup(os.DirFS("/")) }
