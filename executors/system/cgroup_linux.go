package system

import "os"

// ownGroup is the control group of this process.
func ownGroup() controlGroup { return readGroup(os.DirFS("/")) }
