//go:build unix

package peers

import (
	"os"
	"syscall"
)

// stop sends SIGTERM, so that the program can stop its child processes.
func stop(process *os.Process) error { return process.Signal(syscall.SIGTERM) }
