//go:build unix

package peers

import (
	"os"
	"syscall"
)

// stop asks a program to end, so that it can end its own children.
func stop(process *os.Process) error { return process.Signal(syscall.SIGTERM) }
