package peers

import "os"

// stop kills a program. Windows has no signal that asks it to end.
func stop(process *os.Process) error { return process.Kill() }
